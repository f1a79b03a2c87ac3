"""Predictor of one number per symbol: log duration, pitch or energy."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_gantts.layers.conv import Conv1D
from tf_gantts.layers.dropout import dropout, seeds
from tf_gantts.layers.length_mask import zero_padding
from tf_gantts.layers.linear import Linear


@keras.saving.register_keras_serializable("tf_gantts")
class VariancePredictor(keras.layers.Layer):
    """Convolutions with ReLU and dropout, and a linear map: (B, N, channels) -> float32 (B, N).

    Source: Ren et al. 2021 (FastSpeech 2), section 2.3, without its normalisations.

    Args:
        channels: Channels of the convolutions.
        num_layers: Convolutions.
        kernel_size: Their width in symbols, odd.
        dropout: Probability of a value to be dropped in training.
        **kwargs: Keras layer arguments (name, dtype, ...).
    """

    def __init__(
        self,
        channels: int,
        num_layers: int = 2,
        kernel_size: int = 3,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self._config: dict[str, Any] = {
            "channels": channels,
            "num_layers": num_layers,
            "kernel_size": kernel_size,
            "dropout": dropout,
        }
        self.dropout = dropout
        self.convs = [
            Conv1D(
                channels,
                kernel_size,
                padding=kernel_size // 2,
                name=f"conv_{i}",
                dtype=self.dtype_policy,
            )
            for i in range(num_layers)
        ]
        self.projection = Linear(1, name="projection", dtype=self.variable_dtype)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates the variables for inputs (B, N, channels)."""
        for conv in self.convs:
            conv.build(input_shape)
            input_shape = (*input_shape[:-1], conv.filters)
        self.projection.build(input_shape)

    def call(
        self,
        x: tf.Tensor,
        valid: tf.Tensor,
        seed: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Predicts.

        Args:
            x: Symbols' states (B, N, channels).
            valid: bool (B, N), False for padding.
            seed: (2,) integers of the dropout; None for none.
            training: Whether a gradient is taken.

        Returns:
            float32 (B, N), zeros at padding.
        """
        for conv, own in zip(self.convs, seeds(seed, len(self.convs)), strict=True):
            x = conv(zero_padding(tf.cast(x, self.compute_dtype), valid), training=training)
            x = dropout(tf.nn.relu(tf.cast(x, self.variable_dtype)), self.dropout, own)
        y = tf.squeeze(self.projection(x), axis=2)
        return tf.where(valid, y, tf.zeros([], y.dtype))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = super().get_config() | self._config
        del config["autocast"]
        return config
