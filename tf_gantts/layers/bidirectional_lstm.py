"""LSTM over a padded batch in both directions."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_gantts.layers.length_mask import length_mask, steps_of, zero_padding
from tf_gantts.layers.loop_weight import LoopWeight
from tf_gantts.layers.lstm_cell import LSTMCell, lstm_update


@keras.saving.register_keras_serializable("tf_gantts")
class BidirectionalLSTM(keras.layers.Layer):
    """(B, T, channels) -> (B, T, 2 * units): the forward direction, then the backward one.

    Each row ends at its own length: the backward direction starts there, and padding is zero.
    Numbers match `torch.nn.LSTM(bidirectional=True)` on packed sequences. Both directions are one
    compiled loop.

    Args:
        units: Size of the state of each direction.
        **kwargs: Keras layer arguments (name, dtype, ...).
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.forward = LSTMCell(units, name="forward", dtype=self.dtype_policy)
        self.backward = LSTMCell(units, name="backward", dtype=self.dtype_policy)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates the variables for inputs (B, T, channels)."""
        self.forward.build((input_shape[0], input_shape[-1]))
        self.backward.build((input_shape[0], input_shape[-1]))

    def call(self, x: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Maps (B, T, channels) with lengths (B,) in steps to (B, T, 2 * units)."""
        x = tf.cast(x, self.compute_dtype)
        mirrored = tf.reverse_sequence(x, lengths, seq_axis=1)
        cells = (self.forward, self.backward)
        recurrent = LoopWeight(tf.stack([cell.matrix[-self.units :] for cell in cells]))
        gates = tf.stack([self._project(self.forward, x), self._project(self.backward, mirrored)])
        hidden = self._run(tf.transpose(gates, (2, 0, 1, 3)), recurrent)
        ahead, back = tf.unstack(tf.transpose(hidden, (1, 2, 0, 3)), num=2)
        y = tf.concat([ahead, tf.reverse_sequence(back, lengths, seq_axis=1)], axis=-1)
        return zero_padding(y, length_mask(lengths, steps_of(x)))

    def _project(self, cell: LSTMCell, x: tf.Tensor) -> tf.Tensor:
        """The input's share in the gates, (B, T, 4 * units), for all steps at once."""
        rows = tf.reshape(x, (-1, x.shape[-1]))
        gates = tf.matmul(rows, cell.matrix[: -self.units]) + cell.bias
        return tf.reshape(gates, (tf.shape(x)[0], steps_of(x), 4 * self.units))

    def _run(self, gates: tf.Tensor, recurrent: LoopWeight) -> tf.Tensor:
        """Hidden states (T, 2, B, units) from the inputs' shares in the gates."""
        steps, batch = steps_of(gates, 0), steps_of(gates, 2)
        gates += recurrent.probe((steps, 2, batch))
        shape = (2, batch, self.units)
        inputs = tf.TensorArray(gates.dtype, steps, element_shape=gates.shape[1:]).unstack(gates)
        outputs = tf.TensorArray(gates.dtype, steps, element_shape=(2, gates.shape[2], self.units))

        def step(t, hidden, cell, outputs):  # type: ignore[no-untyped-def]
            joined = inputs.read(t) + recurrent(hidden)
            hidden, cell = lstm_update(tf.cast(joined, cell.dtype), cell)
            hidden = tf.cast(hidden, gates.dtype)
            return t + 1, hidden, cell, outputs.write(t, hidden)

        start = tf.zeros(shape, gates.dtype)
        *_, outputs = tf.while_loop(
            lambda t, *_: t < steps,
            step,
            (0, start, tf.zeros(shape, self.variable_dtype), outputs),
            maximum_iterations=steps,
        )
        hidden = outputs.stack()
        recurrent.inputs = tf.concat([start[tf.newaxis], hidden[:-1]], axis=0)
        return hidden

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return super().get_config() | {"units": self.units}
