"""Tacotron 2's decoder: from a text's memory to frames, one compiled loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tf_gantts.layers.dropout import seed_of_step, seeds
from tf_gantts.layers.initializers import xavier_uniform
from tf_gantts.layers.length_mask import steps_of
from tf_gantts.layers.linear import Linear
from tf_gantts.layers.location_sensitive_attention import (
    AttentionMemory,
    LocationSensitiveAttention,
)
from tf_gantts.layers.loop_weight import LoopWeight
from tf_gantts.layers.lstm_cell import LSTMCell
from tf_gantts.layers.prenet import Prenet


class DecoderState(NamedTuple):
    """What one step hands to the next.

    Attributes:
        attention_hidden: Of the attention LSTM (B, attention_rnn_dim).
        attention_cell: Its cell state, float32.
        hidden: Of the decoder LSTM (B, decoder_rnn_dim).
        cell: Its cell state, float32.
        alignment: Attention weights (B, N), float32.
        cumulative: Their sum over the steps so far, float32.
        context: What the attention reads (B, memory channels).
    """

    attention_hidden: tf.Tensor
    attention_cell: tf.Tensor
    hidden: tf.Tensor
    cell: tf.Tensor
    alignment: tf.Tensor
    cumulative: tf.Tensor
    context: tf.Tensor


class Shares(NamedTuple):
    """What is added to the four products of a step: what was known before the loop.

    Attributes:
        attention: To the attention LSTM's gates: previous frame and bias (B, 4 * units).
        query: To the query (B, attention_dim).
        context: To the context (B, 1, memory channels).
        decoder: To the decoder LSTM's gates: the bias (B, 4 * units).
    """

    attention: tf.Tensor
    query: tf.Tensor
    context: tf.Tensor
    decoder: tf.Tensor


class LoopWeights(NamedTuple):
    """The matrices of a step's four products, and what the attention looks at."""

    attention: LoopWeight
    query: LoopWeight
    values: LoopWeight
    decoder: LoopWeight
    memory: AttentionMemory


class StopRule(NamedTuple):
    """When an utterance ends, in decoder steps.

    Attributes:
        threshold: Probability of the stop token above which it ends.
        least: Steps before which it does not end (B,).
        most: Steps after which it is cut off (B,).
    """

    threshold: float
    least: tf.Tensor
    most: tf.Tensor


@keras.saving.register_keras_serializable("tf_gantts")
class Tacotron2Decoder(keras.layers.Layer):
    """Attention LSTM, location-sensitive attention, decoder LSTM, and two projections.

    Products whose factors are known before the loop (previous frames under teacher forcing, keys)
    and those that nothing in the loop needs (mel, stop token) are one product over all steps.
    Source: Shen et al. 2018; numbers match NVIDIA/tacotron2.

    Args:
        n_mel_channels: Mel bands.
        n_frames_per_step: Frames per decoder step (reduction factor).
        prenet_dims: Output channels of the prenet's layers.
        prenet_dropout: Its dropout, always on.
        attention_rnn_dim: Size of the attention LSTM.
        decoder_rnn_dim: Size of the decoder LSTM.
        attention_dim: Size of keys and queries.
        attention_location_n_filters: Filters over the previous weights.
        attention_location_kernel_size: Their width.
        attention_query_bias: Whether the query's matrix has a bias.
        p_attention_dropout: Dropout of the attention LSTM's hidden state in training.
        p_decoder_dropout: Dropout of the decoder LSTM's hidden state in training.
        p_zoneout: Zoneout of both LSTMs.
        **kwargs: Keras layer arguments (name, dtype, ...).
    """

    def __init__(
        self,
        n_mel_channels: int,
        n_frames_per_step: int,
        prenet_dims: list[int],
        prenet_dropout: float,
        attention_rnn_dim: int,
        decoder_rnn_dim: int,
        attention_dim: int,
        attention_location_n_filters: int,
        attention_location_kernel_size: int,
        attention_query_bias: bool,
        p_attention_dropout: float,
        p_decoder_dropout: float,
        p_zoneout: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        policy = self.dtype_policy
        self.frame_size = n_mel_channels * n_frames_per_step
        self.prenet = Prenet(prenet_dims, prenet_dropout, name="prenet", dtype=policy)
        self.attention_rnn = LSTMCell(
            attention_rnn_dim, p_zoneout, p_attention_dropout, name="attention_rnn", dtype=policy
        )
        self.attention = LocationSensitiveAttention(
            attention_dim,
            attention_location_n_filters,
            attention_location_kernel_size,
            attention_query_bias,
            name="attention",
            dtype=policy,
        )
        self.decoder_rnn = LSTMCell(
            decoder_rnn_dim, p_zoneout, p_decoder_dropout, name="decoder_rnn", dtype=policy
        )
        self.projection = Linear(
            self.frame_size, xavier_uniform("linear"), name="projection", dtype=policy
        )
        self.gate = Linear(1, xavier_uniform("sigmoid"), name="gate", dtype=policy)

    def build(self, memory_shape: tuple[Any, ...]) -> None:
        """Creates the variables for memories (B, N, channels)."""
        channels, query = memory_shape[-1], self.attention_rnn.units
        self.prenet.build((None, self.frame_size))
        self.attention_rnn.build((None, self.prenet.units[-1] + channels))
        self.attention.build((None, query), memory_shape)
        self.decoder_rnn.build((None, query + channels))
        self.projection.build((None, self.decoder_rnn.units + channels))
        self.gate.build((None, self.decoder_rnn.units + channels))

    def call(
        self,
        memory: tf.Tensor,
        valid: tf.Tensor,
        frames: tf.Tensor,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Teacher forcing: all steps with the previous frames given.

        Args:
            memory: Encoded text (B, N, channels).
            valid: (B, N), False for padding.
            frames: The previous frames after the prenet (B, S, prenet channels), S decoder steps.
            seed: (2,) of dropout and zoneout in training; None otherwise.

        Returns:
            Frames (B, S, n_mel_channels * n_frames_per_step), stop token logits (B, S) and
            attention weights (B, S, N), all float32.
        """
        memory = tf.cast(memory, self.compute_dtype)
        frames = tf.transpose(tf.cast(frames, self.compute_dtype), (1, 0, 2))
        steps, batch = steps_of(frames, 0), steps_of(frames, 1)
        weights = self._weights(memory, valid)
        all_shares = Shares(
            self._first_share()(frames) + weights.attention.probe((steps, batch)),
            self._query_share() + weights.query.probe((steps, batch)),
            weights.values.probe((steps, batch, 1)),
            self.decoder_rnn.bias + weights.decoder.probe((steps, batch)),
        )
        inputs = Shares(*(tf.TensorArray(s.dtype, steps).unstack(s) for s in all_shares))
        start = self._start(memory)
        kept = ("attention_hidden", "hidden", "alignment", "context")
        outputs = tuple(_array(getattr(start, name), steps) for name in kept)

        def step(t, state, outputs):  # type: ignore[no-untyped-def]
            shares = Shares(*(array.read(t) for array in inputs))
            own_seed = None if seed is None else seed_of_step(seed, t)
            state = self._step(shares, state, weights, own_seed)
            written = (
                array.write(t, getattr(state, name))
                for name, array in zip(kept, outputs, strict=True)
            )
            return t + 1, state, tuple(written)

        *_, outputs = tf.while_loop(
            lambda t, *_: t < steps, step, (0, start, outputs), maximum_iterations=steps
        )
        query, hidden, alignment, context = (array.stack() for array in outputs)
        hand_over(weights, start, query, hidden, alignment, context)
        features = tf.transpose(tf.concat([hidden, context], axis=-1), (1, 0, 2))
        full = self.variable_dtype
        return (
            tf.cast(self.projection(features), full),
            tf.cast(self.gate(features), full)[..., 0],
            tf.transpose(alignment, (1, 0, 2)),
        )

    def generate(
        self,
        memory: tf.Tensor,
        valid: tf.Tensor,
        stop: StopRule,
        seed: tf.Tensor,
        window: tuple[int, int] | None = None,
    ) -> tuple[tf.Tensor, ...]:
        """Free running: each step sees the frames of the one before.

        Args:
            memory: Encoded text (B, N, channels).
            valid: (B, N), False for padding.
            stop: When an utterance ends.
            seed: (2,) of the prenet's dropout, which all rows share: speech does not depend on
                what is spoken beside it.
            window: As in `LocationSensitiveAttention.align`.

        Returns:
            Frames (B, S, n_mel_channels * n_frames_per_step), stop token logits (B, S) and
            attention weights (B, S, N), all float32, where S is the longest; steps (B,) of each
            utterance; and (B,) whether its stop token came.
        """
        memory = tf.cast(memory, self.compute_dtype)
        weights = self._weights(memory, valid)
        fixed = Shares(
            tf.zeros([], memory.dtype),
            self._query_share(),
            tf.zeros([], memory.dtype),
            self.decoder_rnn.bias,
        )
        first_share, (out_matrix, out_bias) = self._first_share(), self._joined_projections()
        limit, batch, full = tf.reduce_max(stop.most), steps_of(memory, 0), self.variable_dtype
        start = self._start(memory)
        go = tf.zeros((batch, self.frame_size), memory.dtype)
        outputs = tuple(
            _array(x, limit) for x in (tf.cast(go, full), tf.zeros((batch,), full), start.alignment)
        )
        ended, finished = tf.zeros((batch,), tf.bool), tf.zeros((batch,), tf.bool)

        def step(t, frame, state, length, ended, finished, outputs):  # type: ignore[no-untyped-def]
            masks = self.prenet.masks(seed_of_step(seed, t))
            shares = fixed._replace(attention=first_share(self.prenet.masked(frame, masks)))
            state = self._step(shares, state, weights, None, window)
            features = tf.concat([state.hidden, state.context], axis=-1)
            out = tf.matmul(features, out_matrix) + out_bias
            frame, gate = out[:, :-1], tf.cast(out[:, -1], full)
            t += 1
            stopped = ~ended & (tf.sigmoid(gate) > stop.threshold) & (t >= stop.least)
            length = tf.where(ended, length, t)
            finished |= stopped
            ended |= stopped | (t >= stop.most)
            values = (tf.cast(frame, full), gate, state.alignment)
            outputs = tuple(
                array.write(t - 1, value) for array, value in zip(outputs, values, strict=True)
            )
            return t, frame, state, length, ended, finished, outputs

        t, _, _, length, _, finished, outputs = tf.while_loop(
            lambda t, frame, state, length, ended, *_: ~tf.reduce_all(ended) & (t < limit),
            step,
            (0, go, start, tf.zeros((batch,), tf.int32), ended, finished, outputs),
        )
        frames, gates, alignments = (array.stack()[:t] for array in outputs)
        return (
            tf.transpose(frames, (1, 0, 2)),
            tf.transpose(gates),
            tf.transpose(alignments, (1, 0, 2)),
            length,
            finished,
        )

    def _step(
        self,
        shares: Shares,
        state: DecoderState,
        weights: LoopWeights,
        seed: tf.Tensor | None,
        window: tuple[int, int] | None = None,
    ) -> DecoderState:
        """One decoder step."""
        first, second = (None, None) if seed is None else seeds(seed, 2)
        joined = tf.concat([state.context, state.attention_hidden], axis=-1)
        gates = weights.attention(joined) + shares.attention
        query, attention_cell = self.attention_rnn.update(
            gates, state.attention_hidden, state.attention_cell, first
        )
        alignment = self.attention.align(
            weights.query(query) + shares.query,
            state.alignment,
            state.cumulative,
            weights.memory,
            window,
        )
        row = tf.cast(alignment, query.dtype)[:, tf.newaxis]
        context = (weights.values(row) + shares.context)[:, 0]
        joined = tf.concat([query, context, state.hidden], axis=-1)
        gates = weights.decoder(joined) + shares.decoder
        hidden, cell = self.decoder_rnn.update(gates, state.hidden, state.cell, second)
        cumulative = state.cumulative + alignment
        return DecoderState(query, attention_cell, hidden, cell, alignment, cumulative, context)

    def _weights(self, memory: tf.Tensor, valid: tf.Tensor) -> LoopWeights:
        return LoopWeights(
            LoopWeight(self.attention_rnn.matrix[self.prenet.units[-1] :]),
            LoopWeight(tf.cast(self.attention.query.weight.value, self.compute_dtype)),
            LoopWeight(memory),
            LoopWeight(self.decoder_rnn.matrix),
            self.attention.remember(memory, valid),
        )

    def _first_share(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Previous frames (..., prenet channels) to their share in the attention LSTM's gates."""
        cell = self.attention_rnn
        matrix, bias = cell.matrix[: self.prenet.units[-1]], cell.bias
        return lambda frames: tf.tensordot(frames, matrix, axes=1) + bias

    def _query_share(self) -> tf.Tensor:
        bias = self.attention.query.bias
        return tf.cast(0.0 if bias is None else bias.value, self.compute_dtype)

    def _joined_projections(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Mel and stop token as one matrix and one bias."""
        pairs = ((layer.weight.value, layer.bias.value) for layer in (self.projection, self.gate))
        matrix, bias = (tf.concat(parts, axis=-1) for parts in zip(*pairs, strict=True))
        return tf.cast(matrix, self.compute_dtype), tf.cast(bias, self.compute_dtype)

    def _start(self, memory: tf.Tensor) -> DecoderState:
        batch = steps_of(memory, 0)
        nowhere = tf.zeros((batch, steps_of(memory)), self.variable_dtype)
        return DecoderState(
            *self.attention_rnn.zero_state(batch),
            *self.decoder_rnn.zero_state(batch),
            nowhere,
            nowhere,
            tf.zeros((batch, memory.shape[2]), memory.dtype),
        )


def hand_over(
    weights: LoopWeights,
    start: DecoderState,
    query: tf.Tensor,
    hidden: tf.Tensor,
    alignment: tf.Tensor,
    context: tf.Tensor,
) -> None:
    """Tells each weight of the loop what it was multiplied with, (steps, batch, ...)."""

    def before(first: tf.Tensor, states: tf.Tensor) -> tf.Tensor:
        return tf.concat([first[tf.newaxis], states[:-1]], axis=0)

    old_context = before(start.context, context)
    old_query, old_hidden = before(start.attention_hidden, query), before(start.hidden, hidden)
    weights.attention.inputs = tf.concat([old_context, old_query], axis=-1)
    weights.query.inputs = query
    weights.values.inputs = tf.cast(alignment, context.dtype)[:, :, tf.newaxis]
    weights.decoder.inputs = tf.concat([query, context, old_hidden], axis=-1)


def _array(example: tf.Tensor, size: int | tf.Tensor) -> tf.TensorArray:
    return tf.TensorArray(example.dtype, size, element_shape=example.shape)
