"""Attention that sees where it has been."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tf_gantts.layers.conv import Conv1D
from tf_gantts.layers.device import has_accelerator
from tf_gantts.layers.initializers import xavier_uniform
from tf_gantts.layers.length_mask import steps_of
from tf_gantts.layers.linear import Linear


class AttentionMemory(NamedTuple):
    """What one utterance offers to the attention, computed once before the loop.

    Attributes:
        keys: (B, N, attention_dim), float32.
        valid: (B, N), False for padding.
        location_kernel: (kernel_size, 2, attention_dim), float32.
        v: (attention_dim, 1), float32.
    """

    keys: tf.Tensor
    valid: tf.Tensor
    location_kernel: tf.Tensor
    v: tf.Tensor


@keras.saving.register_keras_serializable("tf_gantts")
class LocationSensitiveAttention(keras.layers.Layer):
    """Weights over N memory steps from a query and the weights of the steps before.

    energy = v . tanh(query + keys + location), softmax over the memory; the location is a
    convolution of the previous and of the cumulative weights. The convolution and the matrix after
    it are multiplied before the loop, and all after the products with query and memory is float32.
    Source: Chorowski et al. 2015, equation 8, and Shen et al. 2018; numbers match NVIDIA/tacotron2.

    Args:
        attention_dim: Size of keys and queries.
        n_filters: Filters of the convolution.
        kernel_size: Its width in memory steps, odd.
        query_bias: Whether the query's matrix has a bias.
        **kwargs: Keras layer arguments (name, dtype, ...).
    """

    def __init__(
        self,
        attention_dim: int,
        n_filters: int,
        kernel_size: int,
        query_bias: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.attention_dim = attention_dim
        full = self.variable_dtype

        def linear(units: int, name: str, dtype: Any, **options: Any) -> Linear:
            return Linear(units, name=name, dtype=dtype, **{"use_bias": False} | options)

        tanh, policy = xavier_uniform("tanh"), self.dtype_policy
        self.query = linear(
            attention_dim, "query", policy, weight_initializer=tanh, use_bias=query_bias
        )
        self.memory = linear(attention_dim, "memory", policy, weight_initializer=tanh)
        self.location_conv = Conv1D(
            n_filters,
            kernel_size,
            padding=(kernel_size - 1) // 2,
            use_bias=False,
            weight_initializer=xavier_uniform("linear"),
            name="location_conv",
            dtype=full,
        )
        self.location_dense = linear(attention_dim, "location_dense", full, weight_initializer=tanh)
        self.v = linear(1, "v", full, weight_initializer=xavier_uniform("linear"))

    def build(self, query_shape: tuple[Any, ...], memory_shape: tuple[Any, ...]) -> None:
        """Creates the variables for queries (B, channels) and memories (B, N, channels)."""
        self.query.build(query_shape)
        self.memory.build(memory_shape)
        self.location_conv.build((None, None, 2))
        self.location_dense.build((None, self.location_conv.filters))
        self.v.build((None, self.attention_dim))

    def call(
        self,
        query: tf.Tensor,
        memory: tf.Tensor,
        valid: tf.Tensor,
        alignment: tf.Tensor,
        cumulative: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """One step by itself.

        Args:
            query: (B, query channels).
            memory: (B, N, channels).
            valid: (B, N), False for padding.
            alignment: Previous weights (B, N).
            cumulative: Sum of all weights so far (B, N).

        Returns:
            Context (B, channels) and weights (B, N).
        """
        offered = self.remember(memory, valid)
        weights = self.align(self.query(query), alignment, cumulative, offered)
        context = tf.matmul(tf.cast(weights, memory.dtype)[:, tf.newaxis], memory)
        return context[:, 0], weights

    def remember(self, memory: tf.Tensor, valid: tf.Tensor) -> AttentionMemory:
        """What the attention needs of a memory (B, N, channels), `valid` (B, N) of it."""
        full = self.variable_dtype
        conv = tf.cast(self.location_conv.kernel.value(full), full)
        dense = tf.cast(self.location_dense.weight.value, full)
        return AttentionMemory(
            keys=tf.cast(self.memory(memory), full),
            valid=valid,
            location_kernel=tf.tensordot(conv, dense, axes=1),
            v=tf.cast(self.v.weight.value, full),
        )

    def align(
        self,
        query: tf.Tensor,
        alignment: tf.Tensor,
        cumulative: tf.Tensor,
        memory: AttentionMemory,
        window: tuple[int, int] | None = None,
    ) -> tf.Tensor:
        """Weights (B, N), float32.

        Args:
            query: The query after its matrix (B, attention_dim).
            alignment: Previous weights (B, N).
            cumulative: Sum of all weights so far (B, N).
            memory: What `remember` returned.
            window: How many memory steps before and after the previous maximum may get weight;
                None for all.
        """
        history = tf.stack([alignment, cumulative], axis=-1)
        location = narrow_conv1d(history, memory.location_kernel)
        query = tf.cast(query, memory.keys.dtype)[:, tf.newaxis]
        hidden = tf.tanh(memory.keys + location + query)
        energy = tf.matmul(tf.reshape(hidden, (-1, self.attention_dim)), memory.v)
        energy = tf.reshape(energy, tf.shape(alignment))
        valid = memory.valid
        if window is not None:
            valid = within_window(valid, alignment, window)
        return tf.nn.softmax(tf.where(valid, energy, energy.dtype.min), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        return super().get_config() | {
            "attention_dim": self.attention_dim,
            "n_filters": self.location_conv.filters,
            "kernel_size": self.location_conv.kernel_size,
            "query_bias": self.query.use_bias,
        }


def narrow_conv1d(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Zero-padded convolution of few channels: (B, N, channels) -> (B, N, filters).

    On CPUs as one product, because oneDNN takes long over two channels. Measured on one core,
    8 x 100 x 2 with kernel 31 x 2 x 128, in a loop: forward 0.6 ms less, with gradients 0.9 ms
    less.

    Args:
        x: Signal.
        kernel: (kernel_size, channels, filters), kernel_size odd.
    """
    if has_accelerator():
        return tf.nn.conv1d(x, kernel, 1, "SAME")
    taps, channels, filters = kernel.shape
    steps = steps_of(x)
    side = taps // 2
    padded = tf.pad(x, [[0, 0], [side, side], [0, 0]])
    neighbours = tf.range(steps)[:, tf.newaxis] + tf.range(taps)
    columns = tf.reshape(tf.gather(padded, neighbours, axis=1), (-1, taps * channels))
    y = tf.matmul(columns, tf.reshape(kernel, (taps * channels, filters)))
    return tf.reshape(y, (steps_of(x, 0), steps, filters))


def within_window(valid: tf.Tensor, alignment: tf.Tensor, window: tuple[int, int]) -> tf.Tensor:
    """`valid` (B, N) without what is far from the maximum of the previous weights (B, N).

    Args:
        valid: True for what may get weight.
        alignment: Previous weights; all zero before the first step, which then starts at 0.
        window: Memory steps before and after the maximum that are kept.
    """
    position = tf.range(tf.shape(valid)[1])[tf.newaxis]
    centre = tf.argmax(alignment, axis=-1, output_type=tf.int32)[:, tf.newaxis]
    before, after = window
    return valid & (position >= centre - before) & (position <= centre + after)
