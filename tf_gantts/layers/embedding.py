"""Vectors of numbered things: symbols, speakers, styles."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_gantts.layers.linear import Linear
from tf_gantts.layers.weight_norm import add_variable


@keras.saving.register_keras_serializable("tf_gantts")
class Embedding(keras.layers.Layer):
    """(...) integers -> (..., dim), in the compute dtype.

    Variables: `weight` (count, dim). The gradient is dense, because the product with a one-hot
    vector is; a number outside of [0, count) gives zeros.

    Args:
        count: Different things.
        dim: Size of a vector.
        weight_initializer: Initial weights; None for PyTorch's N(0, 1).
        **kwargs: Keras layer arguments (name, dtype, ...).
    """

    def __init__(
        self,
        count: int,
        dim: int,
        weight_initializer: keras.initializers.Initializer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.count = count
        self.dim = dim
        self.weight_initializer = keras.initializers.get(
            weight_initializer or keras.initializers.RandomNormal(0.0, 1.0)
        )

    def build(self, input_shape: tuple[Any, ...] | None = None) -> None:
        """Creates the variables."""
        shape = (self.count, self.dim)
        add_variable(self, "weight", self.weight_initializer(shape, dtype=self.variable_dtype))

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """Looks (...) integers up."""
        rows = tf.one_hot(tf.reshape(ids, (-1,)), self.count, dtype=self.compute_dtype)
        y = tf.matmul(rows, tf.cast(self.weight.value, self.compute_dtype))
        return tf.reshape(y, tf.concat([tf.shape(ids), [self.dim]], axis=0))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return super().get_config() | {
            "count": self.count,
            "dim": self.dim,
            "weight_initializer": keras.initializers.serialize(self.weight_initializer),
        }


@keras.saving.register_keras_serializable("tf_gantts")
class ProjectedEmbedding(keras.layers.Layer):
    """(B,) integers -> (B, 1, units): a small vector per number, then a matrix without bias.

    Args:
        count: Different things.
        dim: Size of a vector.
        units: Output channels.
        **kwargs: Keras layer arguments (name, dtype, ...).
    """

    def __init__(self, count: int, dim: int, units: int, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.embedding = Embedding(count, dim, name="embedding", dtype=self.dtype_policy)
        self.projection = Linear(units, use_bias=False, name="projection", dtype=self.dtype_policy)

    def build(self, input_shape: tuple[Any, ...] | None = None) -> None:
        """Creates the variables."""
        self.embedding.build()
        self.projection.build((None, self.embedding.dim))

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """Looks (B,) integers up."""
        return self.projection(self.embedding(ids))[:, tf.newaxis]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return super().get_config() | {
            "count": self.embedding.count,
            "dim": self.embedding.dim,
            "units": self.projection.units,
        }
