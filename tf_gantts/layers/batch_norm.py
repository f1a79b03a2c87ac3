"""Batch normalisation in PyTorch's terms."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_gantts.layers.replicas import sum_over_replicas
from tf_gantts.layers.weight_norm import add_variable


@keras.saving.register_keras_serializable("tf_gantts")
class BatchNorm(keras.layers.Layer):
    """(B, T, channels) with mean 0 and variance 1 per channel, times `weight` plus `bias`.

    Computes in the variables' precision and returns the compute dtype. In training the batch's own
    statistics normalise, with the biased variance, and `running_mean` and `running_var` move
    towards them, with the unbiased one; otherwise the running ones normalise. The batch is that of
    all replicas together. Source: Ioffe and Szegedy 2015; numbers match `torch.nn.BatchNorm1d`.

    Args:
        momentum: Share of a batch in the running statistics (Keras' momentum is 1 minus this).
        epsilon: Added to the variance.
        **kwargs: Keras layer arguments (name, dtype, ...).
    """

    def __init__(self, momentum: float = 0.1, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates the variables for inputs (B, T, channels)."""
        ones = tf.ones((input_shape[-1],), self.variable_dtype)
        add_variable(self, "weight", ones)
        add_variable(self, "bias", tf.zeros_like(ones))
        add_variable(self, "running_mean", tf.zeros_like(ones), trainable=False)
        add_variable(self, "running_var", ones, trainable=False)

    def call(
        self, x: tf.Tensor, training: bool = False, valid: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Normalises (B, T, channels).

        Args:
            x: Features.
            training: Whether the batch's own statistics normalise and are remembered.
            valid: (B, T), True for the steps that count in the statistics; None for all.
        """
        x = tf.cast(x, self.variable_dtype)
        if training:
            mean, variance = self._batch_statistics(x, valid)
        else:
            mean, variance = self.running_mean.value, self.running_var.value
        scale = tf.math.rsqrt(variance + self.epsilon) * self.weight.value
        return tf.cast(x * scale + (self.bias.value - mean * scale), self.compute_dtype)

    def _batch_statistics(
        self, x: tf.Tensor, valid: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        if valid is None:
            valid = tf.ones(tf.shape(x)[:2], tf.bool)
        counted = tf.cast(valid, x.dtype)[..., tf.newaxis]
        count = tf.maximum(sum_over_replicas(tf.reduce_sum(counted)), 1.0)
        mean = sum_over_replicas(tf.reduce_sum(x * counted, axis=(0, 1))) / count
        squares = tf.reduce_sum(tf.square(x - mean) * counted, axis=(0, 1))
        variance = sum_over_replicas(squares) / count
        unbiased = variance * count / tf.maximum(count - 1.0, 1.0)
        for running, value in ((self.running_mean, mean), (self.running_var, unbiased)):
            running.assign_add(self.momentum * (tf.stop_gradient(value) - running.value))
        return mean, variance

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return super().get_config() | {"momentum": self.momentum, "epsilon": self.epsilon}
