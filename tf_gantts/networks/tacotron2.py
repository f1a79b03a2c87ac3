"""Tacotron 2: text to mel-spectrogram, stop token and attention."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.layers.bidirectional_lstm import BidirectionalLSTM
from tf_gantts.layers.conv_batch_norm import ConvBatchNormStack
from tf_gantts.layers.dropout import seeds
from tf_gantts.layers.embedding import Embedding, ProjectedEmbedding
from tf_gantts.layers.length_mask import length_mask, steps_of, zero_padding
from tf_gantts.layers.tacotron2_decoder import StopRule, Tacotron2Decoder
from tf_gantts.networks.network import Network

_STOPPED = 1e3  # logit of the stop token after an utterance's end, as NVIDIA/tacotron2 has it

Outputs = dict[str, tf.Tensor]


@keras.saving.register_keras_serializable("tf_gantts")
class Tacotron2(Network):
    """Symbols (B, N) to mel-spectrogram (B, T, n_mel_channels), stop token and attention.

    `call` is teacher forcing, `infer` speaks. Source: Shen et al. 2018; names and numbers match
    NVIDIA/tacotron2 (there the query has no bias, padding is seen by the convolutions, and there
    are neither zoneout nor conditions). Under a mixed-precision policy cell states, attention
    weights, normalisations and all outputs are float32.

    Args:
        n_symbols: Symbols.
        symbols_embedding_dim: Size of a symbol's vector.
        encoder_n_convolutions: Convolutions over the symbols.
        encoder_kernel_size: Their width, odd.
        encoder_embedding_dim: Channels of the encoder, even.
        n_mel_channels: Mel bands.
        n_frames_per_step: Frames per decoder step (reduction factor).
        prenet_dim: Output channels of both prenet layers.
        prenet_dropout: Their dropout, on at inference too.
        attention_rnn_dim: Size of the attention LSTM.
        decoder_rnn_dim: Size of the decoder LSTM.
        attention_dim: Size of the attention's keys and queries.
        attention_location_n_filters: Filters over the previous attention weights.
        attention_location_kernel_size: Their width in symbols, odd.
        attention_query_bias: Whether the query's matrix has a bias.
        p_attention_dropout: Dropout of the attention LSTM's hidden state in training.
        p_decoder_dropout: Dropout of the decoder LSTM's hidden state in training.
        p_zoneout: Zoneout of both.
        p_conv_dropout: Dropout of the encoder's and the postnet's convolutions in training; the
            default is that of Shen et al. 2018, for 512 channels.
        postnet_embedding_dim: Channels of the postnet.
        postnet_kernel_size: Width of its convolutions in frames, odd.
        postnet_n_convolutions: Their number, at least 2.
        max_decoder_steps: Decoder steps after which speech is cut off.
        gate_threshold: Probability of the stop token above which speech ends.
        mask_padding: Whether `call` sets mels after an utterance's end to 0 and its stop tokens to
            a sure one.
        mask_convolutions: Whether convolutions and batch normalisation leave padding out, so that
            no utterance depends on the lengths beside it. `infer` always does.
        n_speakers: Speakers; 0 for a model of one.
        n_styles: Styles or emotions; 0 for a model without.
        condition_embedding_dim: Size of a speaker's and of a style's vector, which is brought to
            the encoder's size by a matrix and added to every encoder output.
        **kwargs: Keras model arguments (name, dtype).

    Raises:
        HparamsError: If the values do not fit together.
    """

    def __init__(
        self,
        n_symbols: int = 148,
        symbols_embedding_dim: int = 512,
        encoder_n_convolutions: int = 3,
        encoder_kernel_size: int = 5,
        encoder_embedding_dim: int = 512,
        n_mel_channels: int = 80,
        n_frames_per_step: int = 1,
        prenet_dim: int = 256,
        prenet_dropout: float = 0.5,
        attention_rnn_dim: int = 1024,
        decoder_rnn_dim: int = 1024,
        attention_dim: int = 128,
        attention_location_n_filters: int = 32,
        attention_location_kernel_size: int = 31,
        attention_query_bias: bool = False,
        p_attention_dropout: float = 0.1,
        p_decoder_dropout: float = 0.1,
        p_zoneout: float = 0.0,
        p_conv_dropout: float = 0.5,
        postnet_embedding_dim: int = 512,
        postnet_kernel_size: int = 5,
        postnet_n_convolutions: int = 5,
        max_decoder_steps: int = 1000,
        gate_threshold: float = 0.5,
        mask_padding: bool = True,
        mask_convolutions: bool = True,
        n_speakers: int = 0,
        n_styles: int = 0,
        condition_embedding_dim: int = 64,
        **kwargs: Any,
    ) -> None:
        arguments = {
            key: value
            for key, value in locals().items()
            if key not in ("self", "kwargs", "__class__")
        }
        super().__init__(**{"name": "tacotron2"} | kwargs)
        _require_possible(arguments)
        self.remember(**arguments)
        self.n_mel_channels = n_mel_channels
        self.n_frames_per_step = n_frames_per_step
        self.prenet_dropout = prenet_dropout
        self.max_decoder_steps = max_decoder_steps
        self.gate_threshold = gate_threshold
        self.mask_padding = mask_padding
        self.mask_convolutions = mask_convolutions
        policy = self.dtype_policy
        bound = math.sqrt(6.0 / (n_symbols + symbols_embedding_dim))
        self.embedding = Embedding(
            n_symbols,
            symbols_embedding_dim,
            keras.initializers.RandomUniform(-bound, bound),
            name="embedding",
            dtype=policy,
        )
        self.encoder_convs = ConvBatchNormStack(
            [encoder_embedding_dim] * encoder_n_convolutions,
            encoder_kernel_size,
            "ReLU",
            "ReLU",
            p_conv_dropout,
            name="encoder_convs",
            dtype=policy,
        )
        self.encoder_lstm = BidirectionalLSTM(
            encoder_embedding_dim // 2, name="encoder_lstm", dtype=policy
        )
        self.conditions = {
            name: ProjectedEmbedding(
                count, condition_embedding_dim, encoder_embedding_dim, name=name, dtype=policy
            )
            for name, count in (("speaker", n_speakers), ("style", n_styles))
            if count
        }
        self.decoder = Tacotron2Decoder(
            n_mel_channels,
            n_frames_per_step,
            [prenet_dim, prenet_dim],
            prenet_dropout,
            attention_rnn_dim,
            decoder_rnn_dim,
            attention_dim,
            attention_location_n_filters,
            attention_location_kernel_size,
            attention_query_bias,
            p_attention_dropout,
            p_decoder_dropout,
            p_zoneout,
            name="decoder",
            dtype=policy,
        )
        self.postnet = ConvBatchNormStack(
            [postnet_embedding_dim] * (postnet_n_convolutions - 1) + [n_mel_channels],
            postnet_kernel_size,
            "Tanh",
            "Identity",
            p_conv_dropout,
            name="postnet",
            dtype=policy,
        )
        self.build((None, None))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the variables; called by the constructor."""
        self.embedding.build(input_shape)
        channels = 2 * self.encoder_lstm.units
        self.encoder_convs.build((None, None, self.embedding.dim))
        self.encoder_lstm.build((None, None, channels))
        for condition in self.conditions.values():
            condition.build()
        self.decoder.build((None, None, channels))
        self.postnet.build((None, None, self.n_mel_channels))
        self.built = True

    def call(
        self,
        ids: tf.Tensor,
        id_lengths: tf.Tensor,
        mel: tf.Tensor,
        mel_lengths: tf.Tensor,
        speaker: tf.Tensor | None = None,
        style: tf.Tensor | None = None,
        training: bool = False,
        seed: tf.Tensor | None = None,
    ) -> Outputs:
        """Teacher forcing: every frame from the recording's frames before it.

        Args:
            ids: Symbols (B, N); what stands after a row's length is padding.
            id_lengths: Symbols of each row (B,), at least 1.
            mel: Normalised mel-spectrograms of the recordings (B, T, n_mel_channels).
            mel_lengths: Frames of each (B,).
            speaker: Numbers (B,), where the model has speakers.
            style: Numbers (B,), where the model has styles.
            training: Whether to use batch statistics, dropout and zoneout.
            seed: (2,) integers of all noise, the prenet's included; None for zeros.

        Returns:
            `mel` before and `mel_postnet` after the postnet (B, T, n_mel_channels), and per decoder
            step (S = T / n_frames_per_step, rounded up) `gate`, the logits of the stop token
            (B, S), and `alignments`, the attention weights (B, S, N).
        """
        encoder, prenet, noise, postnet = seeds(_seed(seed), 4)
        memory, mask = self.encode(ids, id_lengths, speaker, style, training, encoder)
        frames = self.decoder.prenet(self.previous_frames(mel), prenet)
        decoded = self.decoder(memory, mask, frames, noise if training else None)
        return self.finish(decoded, mel_lengths, steps_of(mel), training, postnet)

    def encode(
        self,
        ids: tf.Tensor,
        id_lengths: tf.Tensor,
        speaker: tf.Tensor | None = None,
        style: tf.Tensor | None = None,
        training: bool = False,
        seed: tf.Tensor | None = None,
        mask_convolutions: bool | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Encodes a text.

        Args:
            ids: As in `call`; so are the others.
            id_lengths: (B,).
            speaker: (B,) or None.
            style: (B,) or None.
            training: As in `call`.
            seed: (2,) of the dropout.
            mask_convolutions: None for the constructor's.

        Returns:
            Memory (B, N, encoder_embedding_dim) and its mask (B, N), False for padding.
        """
        mask = length_mask(id_lengths, steps_of(ids))
        masked = self.mask_convolutions if mask_convolutions is None else mask_convolutions
        x = self.encoder_convs(
            self.embedding(ids), _seed(seed), mask if masked else None, training=training
        )
        memory = self.encoder_lstm(x, id_lengths)
        for name, number in (("speaker", speaker), ("style", style)):
            if (number is None) == (name in self.conditions):
                wanted = "is needed" if number is None else "is given, but the model has none"
                raise HparamsError(f"Tacotron2: {name} {wanted} (n_{name}s)")
            if number is not None:
                memory = zero_padding(memory + self.conditions[name](number), mask)
        return memory, mask

    def previous_frames(self, mel: tf.Tensor) -> tf.Tensor:
        """What the prenet sees at each decoder step: the frames of the one before.

        Args:
            mel: (B, T, n_mel_channels).

        Returns:
            (B, S, n_mel_channels * n_frames_per_step), zeros for the first step.
        """
        step = self.n_frames_per_step
        frames, batch = steps_of(mel), steps_of(mel, 0)
        mel = tf.pad(mel, [[0, 0], [step, -frames % step], [0, 0]])[:, : frames + -frames % step]
        return tf.reshape(mel, (batch, -(-frames // step), step * self.n_mel_channels))

    def finish(
        self,
        decoded: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
        mel_lengths: tf.Tensor,
        frames: int | tf.Tensor,
        training: bool = False,
        seed: tf.Tensor | None = None,
    ) -> Outputs:
        """From what the decoder returned to what `call` returns.

        Args:
            decoded: Frames, stop token logits and attention weights.
            mel_lengths: As in `call`.
            frames: T.
            training: As in `call`.
            seed: (2,) of the dropout.
        """
        grouped, gate, alignments = decoded
        mel = self._ungrouped(grouped)[:, :frames]
        mask = length_mask(mel_lengths, frames)
        refined = self._refine(mel, mask if self.mask_convolutions else None, training, seed)
        if self.mask_padding:
            mel, refined = zero_padding(mel, mask), zero_padding(refined, mask)
            spoken = length_mask(self.steps(mel_lengths), steps_of(gate))
            gate = tf.where(spoken, gate, _STOPPED)
        return {"mel": mel, "mel_postnet": refined, "gate": gate, "alignments": alignments}

    def infer(
        self,
        ids: tf.Tensor,
        id_lengths: tf.Tensor,
        speaker: tf.Tensor | None = None,
        style: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
        max_frames: int | tf.Tensor | None = None,
        min_frames_per_symbol: float = 0.0,
        max_frames_per_symbol: float | None = None,
        attention_window: tuple[int, int] | None = None,
    ) -> Outputs:
        """Speaks: every frame from the model's own frames before it.

        Args:
            ids: As in `call`; so are the next three.
            id_lengths: (B,).
            speaker: (B,) or None.
            style: (B,) or None.
            seed: (2,) integers of the prenet's dropout; None for zeros.
            max_frames: Frames after which speech is cut off; None for the model's
                max_decoder_steps.
            min_frames_per_symbol: Frames per symbol of the text before which it does not end.
            max_frames_per_symbol: Frames per symbol after which it is cut off, if that comes
                before `max_frames`.
            attention_window: Symbols before and after the most attended one that the next step may
                attend to; None for all.

        Returns:
            `mel` and `mel_postnet` (B, T, n_mel_channels), zeros after an utterance's end; `gate`
            (B, S) and `alignments` (B, S, N) per decoder step; and per utterance (B,) `lengths`
            in frames, `finished`, whether its stop token came, and `alignment_score`, the mean
            of its steps' largest attention weight.
        """
        memory, mask = self.encode(ids, id_lengths, speaker, style, mask_convolutions=True)
        stop = self._stop_rule(id_lengths, max_frames, min_frames_per_symbol, max_frames_per_symbol)
        grouped, gate, alignments, steps, finished = self.decoder.generate(
            memory, mask, stop, _seed(seed), attention_window
        )
        spoken = length_mask(steps, steps_of(gate))
        alignments = zero_padding(alignments, spoken)
        lengths = steps * self.n_frames_per_step
        mel = self._ungrouped(grouped)
        audible = length_mask(lengths, steps_of(mel))
        mel = zero_padding(mel, audible)
        score = tf.reduce_sum(tf.reduce_max(alignments, axis=2), axis=1)
        return {
            "mel": mel,
            "mel_postnet": zero_padding(self._refine(mel, audible), audible),
            "gate": tf.where(spoken, gate, _STOPPED),
            "alignments": alignments,
            "lengths": lengths,
            "finished": finished,
            "alignment_score": score / tf.cast(tf.maximum(steps, 1), score.dtype),
        }

    def steps(self, frames: tf.Tensor) -> tf.Tensor:
        """Decoder steps for numbers of frames, rounded up."""
        return -(-tf.cast(frames, tf.int32) // self.n_frames_per_step)

    def _refine(
        self,
        mel: tf.Tensor,
        mask: tf.Tensor | None,
        training: bool = False,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The postnet: (B, T, n_mel_channels) plus what it adds."""
        x = tf.cast(mel, self.compute_dtype)
        x = self.postnet(x, _seed(seed), mask, training=training)
        return mel + tf.cast(x, mel.dtype)

    def _ungrouped(self, grouped: tf.Tensor) -> tf.Tensor:
        """(B, S, n_mel_channels * n_frames_per_step) -> (B, T, n_mel_channels)."""
        frames = steps_of(grouped) * self.n_frames_per_step
        return tf.reshape(grouped, (steps_of(grouped, 0), frames, self.n_mel_channels))

    def _stop_rule(
        self,
        id_lengths: tf.Tensor,
        max_frames: int | tf.Tensor | None,
        min_per_symbol: float,
        max_per_symbol: float | None,
    ) -> StopRule:
        symbols = tf.cast(id_lengths, tf.float32)
        least = self.steps(tf.math.ceil(min_per_symbol * symbols))
        limit = self.max_decoder_steps if max_frames is None else self.steps(max_frames)
        most = tf.fill(tf.shape(symbols), tf.cast(limit, tf.int32))
        if max_per_symbol is not None:
            most = tf.minimum(most, self.steps(tf.math.ceil(max_per_symbol * symbols)))
        most = tf.maximum(most, 1)
        return StopRule(self.gate_threshold, tf.minimum(least, most), most)


def _seed(seed: tf.Tensor | None) -> tf.Tensor:
    return tf.zeros((2,), tf.int32) if seed is None else tf.cast(seed, tf.int32)


def _require_possible(arguments: dict[str, Any]) -> None:
    for key in ("encoder_kernel_size", "attention_location_kernel_size", "postnet_kernel_size"):
        if arguments[key] % 2 == 0:
            raise HparamsError(f"Tacotron2: {key} {arguments[key]} must be odd")
    if arguments["encoder_embedding_dim"] % 2:
        raise HparamsError(
            f"Tacotron2: encoder_embedding_dim {arguments['encoder_embedding_dim']} must be even:"
            " half of it for each direction"
        )
    for key, least in (
        ("encoder_n_convolutions", 1),
        ("postnet_n_convolutions", 2),
        ("n_frames_per_step", 1),
        ("max_decoder_steps", 1),
    ):
        if arguments[key] < least:
            raise HparamsError(f"Tacotron2: {key} {arguments[key]} must be at least {least}")
