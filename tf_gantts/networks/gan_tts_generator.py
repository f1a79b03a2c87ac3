"""GAN-TTS' generator: symbols, BERT states and noise to a mel-spectrogram, in one pass."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.layers.conv import Conv1D
from tf_gantts.layers.dropout import seeds
from tf_gantts.layers.embedding import Embedding
from tf_gantts.layers.layer_norm import LayerNorm
from tf_gantts.layers.length_mask import length_mask, steps_of, zero_padding
from tf_gantts.layers.length_regulator import (
    POSITION_FEATURES,
    frame_index,
    position_features,
    round_durations,
)
from tf_gantts.layers.linear import Linear
from tf_gantts.layers.residual_conv_block import ResidualConvBlock, run_blocks
from tf_gantts.layers.variance_predictor import VariancePredictor
from tf_gantts.networks.network import Network

TEXT_ENCODERS = ("symbols", "bert")
CONDITIONINGS = ("add", "film")
_LONGEST_SYMBOL = 200.0  # frames: what an untrained predictor may ask for is bounded
_VARIANCE_KERNEL_SIZE = 3  # of the convolution that reads pitch or energy, as in FastPitch

Outputs = dict[str, tf.Tensor]


class EncodedText(NamedTuple):
    """A text as the predictors and the decoder see it.

    Attributes:
        states: (B, N, encoder_channels), float32.
        valid: bool (B, N), False for padding.
        condition: Utterance and noise, (B, 1, encoder_channels), or None without.
    """

    states: tf.Tensor
    valid: tf.Tensor
    condition: tf.Tensor | None


@keras.saving.register_keras_serializable("tf_gantts")
class GANTTSGenerator(Network):
    """Symbols (B, N) to a normalised mel-spectrogram (B, T, n_mel_channels), feed-forward.

    Residual convolutions over the symbols, one predictor each for log duration, pitch and energy,
    the states of the symbols repeated for their frames with the frame's place in its symbol, and
    residual convolutions over the frames. Under a mixed-precision policy convolutions, attention
    and the inner linear maps compute in half precision; normalisations, softmax, the sums over the
    blocks and all outputs are float32.

    The original (IncineratorR/GAN-Speech-Synthesis) maps the sentence's [CLS] state to one vector
    of `n_mel_channels` values by two hidden layers and tanh. Here every symbol has the state of its
    token, time exists, and the mel is unbounded because it is compared with a normalised one.
    Durations are those of FastSpeech 2 (Ren et al. 2021), pitch and energy per symbol those of
    FastPitch (Łańcucki 2021); the defaults are the smallest sizes that became intelligible in four
    minutes on one core.

    Args:
        n_symbols: Symbols.
        n_mel_channels: Mel bands.
        text_encoder: "symbols", where the convolutions over the symbols' own vectors are all that
            reads the text, or "bert", where the state of its token is added to each symbol.
        text_state_dim: Size of a token's state, with "bert".
        utterance_dim: Size of the embedding of the whole utterance; 0 for none.
        noise_dim: Size of the noise vector; 0 for none.
        conditioning: What utterance and noise do: "add", be added to the symbols' states, or
            "film", also scale and shift the decoder's normalisations.
        encoder_channels: Channels over the symbols.
        encoder_layers: Residual convolutions over the symbols.
        encoder_kernel_size: Their width, odd.
        encoder_heads: Self-attention before each of them; 0 for none.
        decoder_channels: Channels over the frames.
        decoder_layers: Residual convolutions over the frames.
        decoder_kernel_size: Their width, odd.
        decoder_heads: Self-attention before each of them; 0 for none.
        predictor_channels: Channels of the predictors.
        predictor_layers: Convolutions of each.
        predictor_kernel_size: Their width, odd.
        use_pitch: Whether pitch is predicted and heard.
        use_energy: Whether energy is.
        dropout: Probability of a value to be dropped in training.
        predictor_dropout: The same in the predictors, which learn a small corpus by heart first.
        **kwargs: Keras model arguments (name, dtype).

    Raises:
        HparamsError: If the values do not fit together.
    """

    def __init__(
        self,
        n_symbols: int = 148,
        n_mel_channels: int = 80,
        text_encoder: str = "symbols",
        text_state_dim: int = 768,
        utterance_dim: int = 0,
        noise_dim: int = 0,
        conditioning: str = "add",
        encoder_channels: int = 128,
        encoder_layers: int = 3,
        encoder_kernel_size: int = 5,
        encoder_heads: int = 0,
        decoder_channels: int = 160,
        decoder_layers: int = 4,
        decoder_kernel_size: int = 5,
        decoder_heads: int = 0,
        predictor_channels: int = 128,
        predictor_layers: int = 2,
        predictor_kernel_size: int = 3,
        use_pitch: bool = False,
        use_energy: bool = False,
        dropout: float = 0.05,
        predictor_dropout: float = 0.5,
        **kwargs: Any,
    ) -> None:
        arguments = {
            key: value
            for key, value in locals().items()
            if key not in ("self", "kwargs", "__class__")
        }
        # BERT states, pitch and noise must not be rounded to half precision on their way in.
        super().__init__(**{"name": "gan_tts_generator", "autocast": False} | kwargs)
        _require_possible(arguments)
        self.remember(**arguments)
        self.n_mel_channels = n_mel_channels
        self.noise_dim = noise_dim
        self.uses_bert = text_encoder == "bert"
        self.text_state_dim = text_state_dim if self.uses_bert else 0
        policy, full = self.dtype_policy, self.full_precision

        self.embedding = Embedding(n_symbols, encoder_channels, name="embedding", dtype=full)
        self.text_projection = None
        if self.uses_bert:
            self.text_projection = Linear(encoder_channels, name="text_projection", dtype=policy)
        self.encoder = self._blocks("encoder")
        self.conditions: dict[str, Linear] = {
            name: Linear(encoder_channels, name=f"{name}_projection", dtype=full)
            for name, dim in (("utterance", utterance_dim), ("noise", noise_dim))
            if dim
        }
        self.predictors = {
            name: VariancePredictor(
                predictor_channels,
                predictor_layers,
                predictor_kernel_size,
                predictor_dropout,
                name=f"{name}_predictor",
                dtype=policy,
            )
            for name, used in (("duration", True), ("pitch", use_pitch), ("energy", use_energy))
            if used
        }
        self.variance_embeddings: dict[str, Conv1D] = {
            name: Conv1D(
                encoder_channels,
                _VARIANCE_KERNEL_SIZE,
                padding=_VARIANCE_KERNEL_SIZE // 2,
                name=f"{name}_embedding",
                dtype=full,
            )
            for name in self.predictors
            if name != "duration"
        }
        self.projection = Linear(decoder_channels, name="projection", dtype=policy)
        self.position = Linear(decoder_channels, use_bias=False, name="position", dtype=full)
        self.decoder = self._blocks("decoder", encoder_channels if conditioning == "film" else 0)
        self.norm = LayerNorm(name="norm", dtype=full)
        self.output_projection = Linear(n_mel_channels, name="output_projection", dtype=full)
        self.build((None, None))

    def _blocks(self, part: str, condition_dim: int = 0) -> list[ResidualConvBlock]:
        config = self._config
        return [
            ResidualConvBlock(
                config[f"{part}_channels"],
                config[f"{part}_kernel_size"],
                config["dropout"],
                config[f"{part}_heads"],
                condition_dim,
                name=f"{part}_{i}",
                dtype=self.dtype_policy,
            )
            for i in range(config[f"{part}_layers"])
        ]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the variables; called by the constructor."""
        config = self._config
        self.embedding.build(input_shape)
        if self.text_projection is not None:
            self.text_projection.build((None, None, self.text_state_dim))
        for name, projection in self.conditions.items():
            projection.build((None, None, config[f"{name}_dim"]))
        for embedding in self.variance_embeddings.values():
            embedding.build((None, None, 1))
        self.position.build((None, None, POSITION_FEATURES))
        of_symbols: list[keras.layers.Layer] = [*self.encoder, *self.predictors.values()]
        for layer in [*of_symbols, self.projection]:
            layer.build((None, None, config["encoder_channels"]))
        of_frames: list[keras.layers.Layer] = [*self.decoder, self.norm, self.output_projection]
        for layer in of_frames:
            layer.build((None, None, config["decoder_channels"]))
        self.built = True

    def call(
        self,
        ids: tf.Tensor,
        id_lengths: tf.Tensor,
        durations: tf.Tensor,
        *,
        frames: int | tf.Tensor,
        text_states: tf.Tensor | None = None,
        utterance: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
        pitch: tf.Tensor | None = None,
        energy: tf.Tensor | None = None,
        training: bool = False,
        seed: tf.Tensor | None = None,
    ) -> Outputs:
        """Speaks with given timing, pitch and energy, and predicts them.

        Args:
            ids: Symbols (B, N); what stands after a row's length is padding.
            id_lengths: Symbols of each row (B,).
            durations: Frames of each symbol, int (B, N).
            frames: T.
            text_states: State of each symbol's token (B, N, text_state_dim), with "bert".
            utterance: Embedding of the utterance (B, utterance_dim), where the model takes one.
            noise: (B, noise_dim), where the model takes it.
            pitch: Normalised pitch of each symbol (B, N), where the model has it.
            energy: Normalised energy, likewise.
            training: Whether a gradient is taken and values are dropped.
            seed: (2,) integers of the dropout; None for zeros.

        Returns:
            `mel` (B, T, n_mel_channels), zeros where no symbol is; `frame_mask` (B, T), False
            there; `symbol` (B, T), the number of each frame's symbol in its row; and per symbol
            (B, N) `log_durations`, of frames + 1, and, where the model has them, `pitch` and
            `energy`, the predictions, zeros at padding. Durations train nothing but their
            predictor.
        """
        first, second, third = seeds(_seed(seed) if training else None, 3)
        text = self.encode(ids, id_lengths, text_states, utterance, noise, training, first)
        predicted = self.predict(text, training, second)
        given = {"pitch": pitch, "energy": energy}
        for name, value in given.items():
            self._require_given(name, value, name in self.variance_embeddings, f"use_{name}")
        outputs = self.decode(text, durations, frames, given, training, third)
        return outputs | predicted

    def encode(
        self,
        ids: tf.Tensor,
        id_lengths: tf.Tensor,
        text_states: tf.Tensor | None = None,
        utterance: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
        training: bool = False,
        seed: tf.Tensor | None = None,
    ) -> EncodedText:
        """Reads texts; arguments as in `call`, but that None as `seed` is for no dropout."""
        self._require_given("text_states", text_states, self.uses_bert, "text_encoder: bert")
        valid = length_mask(id_lengths, steps_of(ids))
        x = self.embedding(ids)
        if self.text_projection is not None:
            x += tf.cast(self.text_projection(text_states), x.dtype)
        x = run_blocks(self.encoder, x, valid, seed, training=training)
        condition = self._condition({"utterance": utterance, "noise": noise})
        return EncodedText(x if condition is None else x + condition, valid, condition)

    def predict(
        self, text: EncodedText, training: bool = False, seed: tf.Tensor | None = None
    ) -> Outputs:
        """`log_durations` and, where the model has them, `pitch` and `energy`, float32 (B, N)."""
        outputs = {}
        own = seeds(seed, len(self.predictors))
        for (name, predictor), noise in zip(self.predictors.items(), own, strict=True):
            duration = name == "duration"
            states = tf.stop_gradient(text.states) if duration else text.states
            key = "log_durations" if duration else name
            outputs[key] = predictor(states, text.valid, noise, training=training)
        return outputs

    def decode(
        self,
        text: EncodedText,
        durations: tf.Tensor,
        frames: int | tf.Tensor,
        variances: dict[str, tf.Tensor] | None = None,
        training: bool = False,
        seed: tf.Tensor | None = None,
        lengths: tf.Tensor | None = None,
    ) -> Outputs:
        """Speaks a text that was read.

        Args:
            text: What `encode` returned.
            durations: As in `call`.
            frames: T.
            variances: `pitch` and `energy` (B, N), where the model has them.
            training: As in `call`.
            seed: (2,) integers of the dropout; None for none.
            lengths: Frames of each row (B,) that are spoken at most; None for all T.

        Returns:
            `mel`, `frame_mask` and `symbol`, as `call`.
        """
        states = text.states
        for name, embedding in self.variance_embeddings.items():
            values = tf.where(text.valid, tf.cast((variances or {})[name], states.dtype), 0.0)
            states += embedding(values[..., tf.newaxis], training=training)
        index = frame_index(tf.where(text.valid, tf.cast(durations, tf.int32), 0), frames)
        valid = index.valid if lengths is None else index.valid & length_mask(lengths, frames)
        x = index.gather(tf.cast(self.projection(states), states.dtype))
        x += self.position(position_features(index))
        x = run_blocks(self.decoder, x, valid, seed, text.condition, training)
        mel = self.output_projection(self.norm(x))
        return {"mel": zero_padding(mel, valid), "frame_mask": valid, "symbol": index.symbol}

    def infer(
        self,
        ids: tf.Tensor,
        id_lengths: tf.Tensor,
        text_states: tf.Tensor | None = None,
        utterance: tf.Tensor | None = None,
        noise: tf.Tensor | None = None,
        pace: float | tf.Tensor = 1.0,
        duration_scale: float | tf.Tensor = 1.0,
        pitch_shift: float | tf.Tensor = 0.0,
        energy_shift: float | tf.Tensor = 0.0,
        least: tf.Tensor | None = None,
        frames: int | tf.Tensor | None = None,
    ) -> Outputs:
        """Speaks a text with its own timing.

        Args:
            ids: As in `call`; so are the next three.
            id_lengths: (B,).
            text_states: (B, N, text_state_dim) or None.
            utterance: (B, utterance_dim) or None.
            noise: (B, noise_dim); None for zeros, the middle of what was trained.
            pace: Speaking rate, a number or (B,); 2 is twice as fast.
            duration_scale: Factor on all durations, a number or (B,): predictions of log durations
                are short of the mean by some percent.
            pitch_shift: Added to the predicted pitch, in its normalised unit, a number or (B,).
            energy_shift: Likewise for energy.
            least: Fewest frames of each symbol, int (B, N), 0 for pauses that need not be made;
                None for 1.
            frames: T, after which speech is cut off; None for the longest row's length.

        Returns:
            `mel` (B, T, n_mel_channels), zeros after a row's end; its `lengths` in frames (B,);
            `symbol` (B, T), as `call`; and per symbol (B, N) `durations` in whole frames, and
            `pitch` and `energy` as spoken, where the model has them.
        """
        if noise is None and "noise" in self.conditions:
            noise = tf.zeros((steps_of(ids, 0), self.noise_dim))
        text = self.encode(ids, id_lengths, text_states, utterance, noise)
        values = self.predict(text)
        longest = math.log(_LONGEST_SYMBOL)
        durations = tf.exp(tf.clip_by_value(values.pop("log_durations"), 0.0, longest)) - 1.0
        durations *= _per_row(duration_scale) / _per_row(pace)
        durations = round_durations(durations, id_lengths, 1 if least is None else least)
        for name, shift in (("pitch", pitch_shift), ("energy", energy_shift)):
            if name in values:
                values[name] = tf.where(text.valid, values[name] + _per_row(shift), 0.0)
        lengths = tf.reduce_sum(durations, axis=1)
        frames = tf.maximum(tf.reduce_max(lengths), 1) if frames is None else frames
        lengths = tf.minimum(lengths, frames)
        decoded = self.decode(text, durations, frames, values, lengths=lengths)
        spoken = {name: decoded[name] for name in ("mel", "symbol")}
        return values | spoken | {"durations": durations, "lengths": lengths}

    def _condition(self, given: dict[str, tf.Tensor | None]) -> tf.Tensor | None:
        """Sum of the projected utterance and noise (B, 1, encoder_channels)."""
        total = None
        for name, value in given.items():
            self._require_given(name, value, name in self.conditions, f"{name}_dim")
            if value is None:
                continue
            projected = self.conditions[name](tf.cast(value, self.variable_dtype)[:, tf.newaxis])
            total = projected if total is None else total + projected
        return total

    def _require_given(self, name: str, value: object, wanted: bool, setting: str) -> None:
        if (value is None) == wanted:
            problem = "is needed" if wanted else "is given, but the model has none"
            raise HparamsError(f"GANTTSGenerator: {name} {problem} ({setting})")


def _per_row(value: float | tf.Tensor) -> tf.Tensor:
    """A number or (B,) as (1, 1) or (B, 1)."""
    return tf.reshape(tf.cast(value, tf.float32), (-1, 1))


def _seed(seed: tf.Tensor | None) -> tf.Tensor:
    return tf.zeros((2,), tf.int32) if seed is None else tf.cast(seed, tf.int32)


def _require_possible(arguments: dict[str, Any]) -> None:
    for key, names in (("text_encoder", TEXT_ENCODERS), ("conditioning", CONDITIONINGS)):
        if arguments[key] not in names:
            raise HparamsError(
                f"GANTTSGenerator: {key} {arguments[key]!r} is unknown: one of {', '.join(names)}"
            )
    for part in ("encoder", "decoder", "predictor"):
        size, layers = arguments[f"{part}_kernel_size"], arguments[f"{part}_layers"]
        if size % 2 == 0:
            raise HparamsError(f"GANTTSGenerator: {part}_kernel_size {size} must be odd")
        if layers < 1:
            raise HparamsError(f"GANTTSGenerator: {part}_layers {layers} must be at least 1")
    conditions = arguments["utterance_dim"] + arguments["noise_dim"]
    if arguments["conditioning"] == "film" and not conditions:
        raise HparamsError("GANTTSGenerator: conditioning film needs utterance_dim or noise_dim")
    for key in ("dropout", "predictor_dropout"):
        if not 0.0 <= arguments[key] < 1.0:
            raise HparamsError(f"GANTTSGenerator: {key} {arguments[key]} must be in [0, 1)")
