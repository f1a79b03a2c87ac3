"""Convolution over time with PyTorch's conventions."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.layers import initializers
from tf_gantts.layers.dense_conv import dense_conv1d
from tf_gantts.layers.grouped_conv import grouped_conv1d
from tf_gantts.layers.padding import pad_time
from tf_gantts.layers.spectral_norm import SpectralWeight
from tf_gantts.layers.weight_norm import NormalizedWeight


@keras.saving.register_keras_serializable("tf_gantts")
class Conv1D(keras.layers.Layer):
    """Convolution (B, T, channels) -> (B, T', filters) with explicit padding.

    T' = (T + left + right - dilation * (kernel_size - 1) - 1) // stride + 1. Computes in the
    layer's compute dtype; variables, and weight normalisation itself, keep the variable dtype.
    Variables: `weight` or (`weight_v`, `weight_g`), and `bias`; kernel layout
    (kernel_size, channels / groups, filters), `weight_g` (filters,). With spectral normalisation
    those of `SpectralWeight` instead.

    Args:
        filters: Output channels.
        kernel_size: Width in samples.
        stride: Shift in samples.
        dilation: Distance between taps in samples; above 1 only with stride 1 and one group.
        groups: Number of blocks into which the channels are cut.
        padding: Samples added to both sides, or to (left, right). Ignored when `causal`.
        padding_mode: "constant", "reflect" or "replicate".
        padding_value: The constant.
        causal: Pads (kernel_size - 1) * dilation samples on the left only, so that no output sees a
            later input.
        use_bias: Whether to add a bias.
        use_weight_norm: Whether the kernel is weight-normalised.
        use_spectral_norm: Whether it is divided by its largest singular value.
        init_stddev: Kernel drawn from N(0, init_stddev^2); None for PyTorch's default uniform.
        weight_initializer: Initial kernel, instead of the one that `init_stddev` says.
        **kwargs: Keras layer arguments (name, dtype, ...).

    Raises:
        HparamsError: If the values do not fit together, or at build the input channels.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        padding: int | tuple[int, int] = 0,
        padding_mode: str = "constant",
        padding_value: float = 0.0,
        causal: bool = False,
        use_bias: bool = True,
        use_weight_norm: bool = False,
        init_stddev: float | None = None,
        use_spectral_norm: bool = False,
        weight_initializer: keras.initializers.Initializer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if use_weight_norm and use_spectral_norm:
            raise HparamsError(f"{self.name}: either weight norm or spectral norm, not both")
        if filters % groups:
            raise HparamsError(
                f"{self.name}: {filters} filters are not a multiple of {groups} groups"
            )
        self.filters = filters
        self.kernel_size = kernel_size
        self.stride = stride
        self.dilation = dilation
        self.groups = groups
        left, right = (padding, padding) if isinstance(padding, int) else padding
        self.padding = (left, right)
        if causal:
            self.padding = ((kernel_size - 1) * dilation, 0)
        self.padding_mode = padding_mode
        self.padding_value = padding_value
        self.causal = causal
        self.use_bias = use_bias
        self.use_weight_norm = use_weight_norm
        self.use_spectral_norm = use_spectral_norm
        self.init_stddev = init_stddev
        self.weight_initializer = keras.initializers.get(weight_initializer)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates the variables for inputs (B, T, channels)."""
        channels = input_shape[-1]
        if channels % self.groups:
            raise HparamsError(
                f"{self.name}: {channels} input channels are not a multiple of {self.groups} groups"
            )
        fan_in = channels // self.groups * self.kernel_size
        shape = self.kernel_shape(channels)
        initializer = self.weight_initializer or initializers.kernel(fan_in, self.init_stddev)
        self.kernel: NormalizedWeight | SpectralWeight
        if self.use_spectral_norm:
            self.kernel = SpectralWeight(self, shape, initializer)
        else:
            self.kernel = NormalizedWeight(self, shape, initializer, self.use_weight_norm)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=initializers.uniform_of_fan_in(fan_in),
            )

    def kernel_shape(self, channels: int) -> tuple[int, ...]:
        """Shape of the kernel's variable for a number of input channels."""
        return (self.kernel_size, channels // self.groups, self.filters)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Convolves (B, T, channels) to (B, T', filters).

        Args:
            x: Signal.
            training: True where a gradient is taken; it has no influence on the values but under
                spectral normalisation, which then refines its singular vectors first.
        """
        kernel = self.kernel.value(self.compute_dtype, bool(training))
        kernel = tf.reshape(kernel, (self.kernel_size, -1, self.filters))
        bias = None if self.bias is None else tf.convert_to_tensor(self.bias)
        x = pad_time(x, *self.padding, self.padding_mode, self.padding_value)
        if self.groups == 1:
            return dense_conv1d(x, kernel, bias, self.stride, self.dilation, bool(training))
        y = grouped_conv1d(x, kernel, self.groups, self.stride)
        return y if bias is None else tf.nn.bias_add(y, bias)

    def input_range(self, first: int, last: int) -> tuple[int, int]:
        """First and last input step that the outputs `first` to `last` depend on, at stride 1."""
        width = (self.kernel_size - 1) * self.dilation
        return first - self.padding[0], last + width - self.padding[0]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        initializer = self.weight_initializer
        return super().get_config() | {
            "weight_initializer": initializer and keras.initializers.serialize(initializer),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "dilation": self.dilation,
            "groups": self.groups,
            "padding": self.padding,
            "padding_mode": self.padding_mode,
            "padding_value": self.padding_value,
            "causal": self.causal,
            "use_bias": self.use_bias,
            "use_weight_norm": self.use_weight_norm,
            "use_spectral_norm": self.use_spectral_norm,
            "init_stddev": self.init_stddev,
        }
