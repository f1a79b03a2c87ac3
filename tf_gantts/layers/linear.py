"""The last axis times a matrix, with PyTorch's conventions."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_gantts.layers import initializers
from tf_gantts.layers.weight_norm import add_variable


@keras.saving.register_keras_serializable("tf_gantts")
class Linear(keras.layers.Layer):
    """(..., channels) -> (..., units), computed in the layer's compute dtype.

    Variables: `weight` (channels, units), the transpose of PyTorch's, and `bias` (units,) or None.

    Args:
        units: Output channels.
        weight_initializer: Initial weights; None for PyTorch's default uniform, which is then that
            of the biases too (otherwise they start at zero).
        use_bias: Whether to add a bias.
        **kwargs: Keras layer arguments (name, dtype, ...).
    """

    def __init__(
        self,
        units: int,
        weight_initializer: keras.initializers.Initializer | None = None,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.use_bias = use_bias
        self.weight_initializer = keras.initializers.get(weight_initializer)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates the variables for inputs (..., channels)."""
        channels = input_shape[-1]
        weight, bias = self.weight_initializer, keras.initializers.Zeros()
        if weight is None:
            weight = bias = initializers.uniform_of_fan_in(channels)
        dtype = self.variable_dtype
        add_variable(self, "weight", weight((channels, self.units), dtype=dtype))
        self.bias: keras.Variable = None
        if self.use_bias:
            add_variable(self, "bias", bias((self.units,), dtype=dtype))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Maps (..., channels) to (..., units)."""
        weight = tf.cast(self.weight.value, self.compute_dtype)
        # One product of two matrices: a batched one is slower, and its gradient more so.
        rows = tf.reshape(x, (-1, weight.shape[0]))
        y = tf.matmul(rows, weight)
        if self.bias is not None:
            y = tf.nn.bias_add(y, tf.cast(self.bias.value, self.compute_dtype))
        return tf.reshape(y, tf.concat([tf.shape(x)[:-1], [self.units]], axis=0))

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """(..., units)."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        initializer = self.weight_initializer
        return super().get_config() | {
            "units": self.units,
            "use_bias": self.use_bias,
            "weight_initializer": initializer and keras.initializers.serialize(initializer),
        }
