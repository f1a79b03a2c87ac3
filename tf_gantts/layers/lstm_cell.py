"""One step of an LSTM in PyTorch's terms, with zoneout and dropout."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_gantts.layers import initializers
from tf_gantts.layers.dropout import dropout, seeds
from tf_gantts.layers.weight_norm import add_variable


@keras.saving.register_keras_serializable("tf_gantts")
class LSTMCell(keras.layers.Layer):
    """Long short-term memory whose input and state are multiplied in one product.

    Variables: `weight` (channels + units, 4 * units) for the input and the hidden state side by
    side, `bias_ih` and `bias_hh` (4 * units,), which add; gates in PyTorch's order input, forget,
    cell, output. The cell state and the gates are in the variables' precision, the products and the
    hidden state in the compute dtype. Numbers match `torch.nn.LSTMCell`.

    Args:
        units: Size of the state.
        zoneout: Probability of a unit to keep its former state in training, and the share of the
            former state otherwise. Source: Krueger et al. 2017.
        dropout: Probability of a unit of the hidden state, also of the one handed on, to be dropped
            in training.
        **kwargs: Keras layer arguments (name, dtype, ...).
    """

    def __init__(
        self, units: int, zoneout: float = 0.0, dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.units = units
        self.zoneout = zoneout
        self.dropout = dropout

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates the variables for inputs (B, channels)."""
        initializer = initializers.uniform_of_fan_in(self.units)
        width, dtype = 4 * self.units, self.variable_dtype
        rows = input_shape[-1] + self.units
        add_variable(self, "weight", initializer((rows, width), dtype=dtype))
        add_variable(self, "bias_ih", initializer((width,), dtype=dtype))
        add_variable(self, "bias_hh", initializer((width,), dtype=dtype))

    def call(self, x: tf.Tensor, hidden: tf.Tensor, cell: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One step without noise.

        Args:
            x: Input (B, channels).
            hidden: Hidden state (B, units).
            cell: Cell state (B, units).

        Returns:
            The new hidden and cell state.
        """
        joined = tf.concat([tf.cast(t, self.compute_dtype) for t in (x, hidden)], axis=-1)
        return self.update(tf.matmul(joined, self.matrix) + self.bias, hidden, cell)

    @property
    def matrix(self) -> tf.Tensor:
        """The weight (channels + units, 4 * units) in the compute dtype."""
        return tf.cast(self.weight.value, self.compute_dtype)

    @property
    def bias(self) -> tf.Tensor:
        """The sum of both biases (4 * units,) in the compute dtype."""
        return tf.cast(self.bias_ih.value + self.bias_hh.value, self.compute_dtype)

    def update(
        self,
        gates: tf.Tensor,
        hidden: tf.Tensor,
        cell: tf.Tensor,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The step after the product.

        Args:
            gates: (..., 4 * units) before the non-linearities.
            hidden: Hidden state (..., units).
            cell: Cell state (..., units).
            seed: (2,) of zoneout and dropout in training; None otherwise.

        Returns:
            The new hidden and cell state.
        """
        new_hidden, new_cell = lstm_update(tf.cast(gates, cell.dtype), cell)
        new_hidden = tf.cast(new_hidden, hidden.dtype)
        if self.zoneout:
            first, second = (None, None) if seed is None else seeds(seed, 2)
            new_hidden = self._zone_out(new_hidden, hidden, first)
            new_cell = self._zone_out(new_cell, cell, second)
        if seed is not None:
            new_hidden = dropout(new_hidden, self.dropout, seed)
        return new_hidden, new_cell

    def _zone_out(self, new: tf.Tensor, old: tf.Tensor, seed: tf.Tensor | None) -> tf.Tensor:
        if seed is None:
            return new + tf.cast(self.zoneout, new.dtype) * (old - new)
        kept = tf.random.stateless_uniform(tf.shape(new), seed) < self.zoneout
        return tf.where(kept, old, new)

    def zero_state(self, batch: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Hidden and cell state (B, units) before the first step."""
        shape = (batch, self.units)
        return tf.zeros(shape, self.compute_dtype), tf.zeros(shape, self.variable_dtype)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return super().get_config() | {
            "units": self.units,
            "zoneout": self.zoneout,
            "dropout": self.dropout,
        }


def lstm_update(gates: tf.Tensor, cell: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Hidden and cell state from the gates before their non-linearities.

    Args:
        gates: (..., 4 * units): input, forget, cell, output.
        cell: Former cell state (..., units).
    """
    into, forget, candidate, out = tf.split(gates, 4, axis=-1)
    new_cell = tf.sigmoid(forget) * cell + tf.sigmoid(into) * tf.tanh(candidate)
    return tf.sigmoid(out) * tf.tanh(new_cell), new_cell
