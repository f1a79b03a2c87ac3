"""Convolutions with batch normalisation, activation and dropout, and stacks of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_gantts.layers.activations import activation
from tf_gantts.layers.batch_norm import BatchNorm
from tf_gantts.layers.conv import Conv1D
from tf_gantts.layers.dropout import dropout, seeds
from tf_gantts.layers.initializers import xavier_uniform
from tf_gantts.layers.length_mask import zero_padding

_NONLINEARITIES = {"ReLU": "relu", "Tanh": "tanh", "Identity": "linear"}


@keras.saving.register_keras_serializable("tf_gantts")
class ConvBatchNorm(keras.layers.Layer):
    """(B, T, channels) -> (B, T, filters), of the same length.

    Args:
        filters: Output channels.
        kernel_size: Width in steps, odd.
        nonlinear_activation: "ReLU", "Tanh" or "Identity".
        dropout: Probability of a value to be dropped in training.
        **kwargs: Keras layer arguments (name, dtype, ...).
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        nonlinear_activation: str,
        dropout: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.nonlinear_activation = nonlinear_activation
        self.dropout = dropout
        self.conv = Conv1D(
            filters,
            kernel_size,
            padding=(kernel_size - 1) // 2,
            weight_initializer=xavier_uniform(_NONLINEARITIES[nonlinear_activation]),
            name="conv",
            dtype=self.dtype_policy,
        )
        self.norm = BatchNorm(name="norm", dtype=self.dtype_policy)
        self.activation = activation(nonlinear_activation)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates the variables for inputs (B, T, channels)."""
        self.conv.build(input_shape)
        self.norm.build((*input_shape[:-1], self.conv.filters))

    def call(
        self,
        x: tf.Tensor,
        seed: tf.Tensor,
        valid: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Maps (B, T, channels) to (B, T, filters).

        Args:
            x: Features.
            seed: (2,) of the dropout.
            valid: (B, T), False for padding, which is then zero for the convolution and does not
                count in the statistics; None where all is as it stands.
            training: Whether to use the batch's statistics and dropout.
        """
        y = self.conv(zero_padding(x, valid), training=training)
        y = self.activation(self.norm(y, training=training, valid=valid))
        return dropout(y, self.dropout, seed) if training else y

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return super().get_config() | {
            "filters": self.conv.filters,
            "kernel_size": self.conv.kernel_size,
            "nonlinear_activation": self.nonlinear_activation,
            "dropout": self.dropout,
        }


@keras.saving.register_keras_serializable("tf_gantts")
class ConvBatchNormStack(keras.layers.Layer):
    """(B, T, channels) -> (B, T, filters[-1]): `ConvBatchNorm` one after the other.

    Args:
        filters: Output channels of each.
        kernel_size: Width of all in steps, odd.
        nonlinear_activation: Activation of all but the last.
        last_activation: Activation of the last.
        dropout: Probability of a value to be dropped in training.
        **kwargs: Keras layer arguments (name, dtype, ...).
    """

    def __init__(
        self,
        filters: Sequence[int],
        kernel_size: int,
        nonlinear_activation: str,
        last_activation: str,
        dropout: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.nonlinear_activation = nonlinear_activation
        self.last_activation = last_activation
        names = [nonlinear_activation] * (len(filters) - 1) + [last_activation]
        self.convs = [
            ConvBatchNorm(size, kernel_size, name, dropout, name=f"{i}", dtype=self.dtype_policy)
            for i, (size, name) in enumerate(zip(filters, names, strict=True))
        ]

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates the variables for inputs (B, T, channels)."""
        for conv in self.convs:
            conv.build(input_shape)
            input_shape = (*input_shape[:-1], conv.conv.filters)

    def call(
        self,
        x: tf.Tensor,
        seed: tf.Tensor,
        valid: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Maps (B, T, channels) to (B, T, filters[-1]); arguments as in `ConvBatchNorm`."""
        for conv, own in zip(self.convs, seeds(seed, len(self.convs)), strict=True):
            x = conv(x, own, valid, training=training)
        return x

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        first = self.convs[0]
        return super().get_config() | {
            "filters": [conv.conv.filters for conv in self.convs],
            "kernel_size": first.conv.kernel_size,
            "nonlinear_activation": self.nonlinear_activation,
            "last_activation": self.last_activation,
            "dropout": first.dropout,
        }
