"""Tacotron's bottleneck on the frames that are fed back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_gantts.layers.dropout import dropout, seeds
from tf_gantts.layers.initializers import xavier_uniform
from tf_gantts.layers.linear import Linear


@keras.saving.register_keras_serializable("tf_gantts")
class Prenet(keras.layers.Layer):
    """(..., channels) -> (..., units[-1]): matrices without bias, ReLU, and dropout.

    The dropout is always on, also where the model speaks: without it the attention of a model
    trained with it tends to lose its way. Source: Shen et al. 2018, section 2.2.

    Args:
        units: Output channels of each layer.
        dropout: Probability of a value to be dropped.
        **kwargs: Keras layer arguments (name, dtype, ...).
    """

    def __init__(self, units: Sequence[int], dropout: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = list(units)
        self.dropout = dropout
        self.layers = [
            Linear(
                size,
                weight_initializer=xavier_uniform("relu"),
                use_bias=False,
                name=f"layer_{i}",
                dtype=self.dtype_policy,
            )
            for i, size in enumerate(units)
        ]

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates the variables for inputs (..., channels)."""
        channels = input_shape[-1]
        for layer in self.layers:
            layer.build((None, channels))
            channels = layer.units

    def call(self, x: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Maps (..., channels) to (..., units[-1]) with the dropout of a seed (2,)."""
        for layer, own in zip(self.layers, seeds(seed, len(self.layers)), strict=True):
            x = dropout(tf.nn.relu(layer(x)), self.dropout, own)
        return x

    def masks(self, seed: tf.Tensor) -> list[tf.Tensor]:
        """Dropout for `masked` that all rows share: per layer (units,), a function of a seed (2,).

        What a row becomes then depends neither on its place nor on the other rows.
        """
        return [
            tf.cast(tf.random.stateless_uniform((layer.units,), own) >= self.dropout, tf.float32)
            for layer, own in zip(self.layers, seeds(seed, len(self.layers)), strict=True)
        ]

    def masked(self, x: tf.Tensor, masks: Sequence[tf.Tensor]) -> tf.Tensor:
        """As `call`, with given dropout.

        Args:
            x: (..., channels).
            masks: Per layer (..., units), 1 for what is kept and 0 for what is dropped; broadcast.
        """
        for layer, mask in zip(self.layers, masks, strict=True):
            x = tf.nn.relu(layer(x))
            x *= tf.cast(mask, x.dtype) / tf.cast(1.0 - self.dropout, x.dtype)
        return x

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return super().get_config() | {"units": self.units, "dropout": self.dropout}
