"""Attention of every position of a sequence to every other."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.layers.linear import Linear


@keras.saving.register_keras_serializable("tf_gantts")
class SelfAttention(keras.layers.Layer):
    """(B, T, units) -> (B, T, units): several softmax attentions, side by side, and a linear map.

    The weights of the attention are computed in the variables' precision. Source: Vaswani et al.
    2017, section 3.2.2.

    Args:
        units: Input and output channels.
        num_heads: Attentions, a divisor of `units`.
        weight_initializer: Initial weights of the linear maps.
        **kwargs: Keras layer arguments (name, dtype, ...).

    Raises:
        HparamsError: If `units` is no multiple of `num_heads`.
    """

    def __init__(
        self,
        units: int,
        num_heads: int,
        weight_initializer: keras.initializers.Initializer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_heads < 1 or units % num_heads:
            raise HparamsError(f"{units} channels cannot be shared by {num_heads} attention heads")
        self.units, self.num_heads = units, num_heads
        self.weight_initializer = keras.initializers.get(weight_initializer)
        self.query, self.key, self.value, self.projection = (
            Linear(units, weight_initializer, name=name, dtype=self.dtype_policy)
            for name in ("query", "key", "value", "projection")
        )

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates the variables for inputs (B, T, units)."""
        for layer in (self.query, self.key, self.value, self.projection):
            layer.build((None, None, self.units))

    def call(self, x: tf.Tensor, attention_mask: tf.Tensor | None = None) -> tf.Tensor:
        """Attends.

        Args:
            x: Sequences (B, T, units).
            attention_mask: Positions that may be attended to, bool (B, T); None for all.

        Returns:
            (B, T, units).
        """
        query, key, value = (self._heads(layer(x)) for layer in (self.query, self.key, self.value))
        scores = tf.matmul(query, key, transpose_b=True)
        scores = tf.cast(scores, self.variable_dtype) * (self.units // self.num_heads) ** -0.5
        if attention_mask is not None:
            allowed = attention_mask[:, tf.newaxis, tf.newaxis, :]
            scores = tf.where(allowed, scores, scores.dtype.min)
        weights = tf.cast(tf.nn.softmax(scores), value.dtype)
        y = tf.transpose(tf.matmul(weights, value), (0, 2, 1, 3))
        return self.projection(tf.reshape(y, tf.shape(x)))

    def _heads(self, x: tf.Tensor) -> tf.Tensor:
        """(B, T, units) -> (B, heads, T, units / heads)."""
        shape = tf.concat([tf.shape(x)[:2], [self.num_heads, self.units // self.num_heads]], 0)
        return tf.transpose(tf.reshape(x, shape), (0, 2, 1, 3))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        initializer = self.weight_initializer
        return super().get_config() | {
            "units": self.units,
            "num_heads": self.num_heads,
            "weight_initializer": initializer and keras.initializers.serialize(initializer),
        }
