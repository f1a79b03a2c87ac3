"""Pre-normalised residual convolution, optionally after self-attention and with a condition."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_gantts.layers.conv import Conv1D
from tf_gantts.layers.dropout import dropout, seeds
from tf_gantts.layers.layer_norm import LayerNorm
from tf_gantts.layers.length_mask import zero_padding
from tf_gantts.layers.linear import Linear
from tf_gantts.layers.self_attention import SelfAttention


@keras.saving.register_keras_serializable("tf_gantts")
class ResidualConvBlock(keras.layers.Layer):
    """x + dropout(ReLU(conv(norm(x)))), (B, T, channels) -> (B, T, channels).

    With attention heads x + dropout(attention(norm(x))) comes before. With a condition the
    normalisation before the convolution is scaled and shifted by linear maps of it, which start at
    zero (Perez et al. 2018, FiLM). Under a mixed-precision policy only convolution and attention
    compute in half precision; the sum over the blocks keeps the variables' own.

    Args:
        channels: Input and output channels.
        kernel_size: Width of the convolution in steps, odd.
        dropout: Probability of a value to be dropped in training.
        num_heads: Attention heads, a divisor of `channels`; 0 for no attention.
        condition_dim: Size of the condition; 0 for none.
        **kwargs: Keras layer arguments (name, dtype, ...).
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int = 5,
        dropout: float = 0.0,
        num_heads: int = 0,
        condition_dim: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self._config: dict[str, Any] = {
            "channels": channels,
            "kernel_size": kernel_size,
            "dropout": dropout,
            "num_heads": num_heads,
            "condition_dim": condition_dim,
        }
        self.dropout = dropout
        policy = self.dtype_policy
        self.attention = None
        if num_heads:
            self.attention_norm = LayerNorm(name="attention_norm", dtype=policy)
            self.attention = SelfAttention(channels, num_heads, name="attention", dtype=policy)
        self.modulation = None
        if condition_dim:
            self.modulation = Linear(
                2 * channels,
                keras.initializers.Zeros(),
                name="modulation",
                dtype=self.variable_dtype,
            )
        self.norm = LayerNorm(name="norm", dtype=policy)
        self.conv = Conv1D(
            channels, kernel_size, padding=kernel_size // 2, name="conv", dtype=policy
        )

    def build(self, input_shape: tuple[Any, ...] | None = None) -> None:
        """Creates the variables."""
        del input_shape
        shape = (None, None, self._config["channels"])
        if self.attention is not None:
            self.attention_norm.build(shape)
            self.attention.build(shape)
        if self.modulation is not None:
            self.modulation.build((None, None, self._config["condition_dim"]))
        self.norm.build(shape)
        self.conv.build(shape)

    def call(
        self,
        x: tf.Tensor,
        valid: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
        condition: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Maps (B, T, channels) to (B, T, channels), in the variables' precision.

        Args:
            x: Sequences.
            valid: bool (B, T), False for padding, which no other step then sees; None for all.
            seed: (2,) integers of the dropout; None for none.
            condition: (B, 1, condition_dim) or (B, T, condition_dim), where the block has one.
            training: Whether a gradient is taken.
        """
        x = tf.cast(x, self.variable_dtype)
        first, second = seeds(seed, 2) if self.attention is not None else (None, seed)
        if self.attention is not None:
            y = self.attention(self.attention_norm(x), valid)
            x += dropout(tf.cast(y, x.dtype), self.dropout, first)
        y = self.norm(x)
        if self.modulation is not None:
            scale, shift = tf.split(self.modulation(condition), 2, axis=-1)
            y = y * (1.0 + scale) + shift
        y = self.conv(zero_padding(tf.cast(y, self.compute_dtype), valid), training=training)
        # In float32, as CPUs have no arithmetic for bfloat16 besides products.
        return x + dropout(tf.nn.relu(tf.cast(y, x.dtype)), self.dropout, second)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = super().get_config() | self._config
        del config["autocast"]
        return config


def run_blocks(
    blocks: list[ResidualConvBlock],
    x: tf.Tensor,
    valid: tf.Tensor | None,
    seed: tf.Tensor | None,
    condition: tf.Tensor | None = None,
    training: bool = False,
) -> tf.Tensor:
    """One block after the other, each with noise of its own; arguments as in a block's call."""
    for block, own in zip(blocks, seeds(seed, len(blocks)), strict=True):
        x = block(x, valid, own, condition, training=training)
    return x
