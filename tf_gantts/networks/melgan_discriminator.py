"""MelGAN's multi-scale discriminator."""

from __future__ import annotations

import math
from typing import Any

import keras

from tf_gantts.errors import HparamsError
from tf_gantts.layers.activations import activation
from tf_gantts.layers.conv import Conv1D
from tf_gantts.layers.padding import padding_mode
from tf_gantts.networks.melgan import activation_params
from tf_gantts.networks.network import init_stddev
from tf_gantts.networks.wave_discriminator import MultiScaleDiscriminators, WaveDiscriminator

_POOL = {"kernel_size": 4, "stride": 2, "padding": 1, "count_include_pad": False}


@keras.saving.register_keras_serializable("tf_gantts")
class MelGANDiscriminator(WaveDiscriminator):
    """One scale: waveform (B, T, in_channels) to the list of its feature maps, the score last.

    Source: Kumar et al. 2019 (MelGAN), section 2.2; numbers match ParallelWaveGAN. The first
    convolution reads the waveform, and the last writes the score, in float32 under mixed precision.

    Args:
        in_channels: Waveforms.
        out_channels: Scores per step.
        kernel_sizes: Two odd widths: their product is that of the first convolution, then those of
            the two last.
        channels: Channels of the first convolution.
        max_downsample_channels: Upper limit of the channels.
        bias: Whether convolutions have biases.
        downsample_scales: Strides s of the grouped convolutions (kernel 10 s + 1, 4 channels a
            group), each of which also multiplies the channels.
        nonlinear_activation: Activation, PyTorch class name.
        nonlinear_activation_params: Its arguments.
        pad: Padding of the first convolution, PyTorch class name.
        pad_params: Its arguments.
        use_weight_norm: Whether every convolution is weight-normalised.
        **kwargs: Keras layer arguments (name, dtype).

    Raises:
        HparamsError: If the values do not fit together.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        kernel_sizes: tuple[int, int] | list[int] = (5, 3),
        channels: int = 16,
        max_downsample_channels: int = 1024,
        bias: bool = True,
        downsample_scales: tuple[int, ...] | list[int] = (4, 4, 4, 4),
        nonlinear_activation: str = "LeakyReLU",
        nonlinear_activation_params: dict[str, Any] | None = None,
        pad: str = "ReflectionPad1d",
        pad_params: dict[str, Any] | None = None,
        use_weight_norm: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        nonlinear_activation_params = activation_params(
            nonlinear_activation, nonlinear_activation_params
        )
        if len(kernel_sizes) != 2 or any(size % 2 == 0 for size in kernel_sizes):
            raise HparamsError(
                f"MelGANDiscriminator: kernel_sizes {list(kernel_sizes)} must be two odd numbers"
            )
        self.remember(
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_sizes=list(kernel_sizes),
            channels=channels,
            max_downsample_channels=max_downsample_channels,
            bias=bias,
            downsample_scales=list(downsample_scales),
            nonlinear_activation=nonlinear_activation,
            nonlinear_activation_params=nonlinear_activation_params,
            pad=pad,
            pad_params=pad_params,
            use_weight_norm=use_weight_norm,
        )
        self.activation = activation(nonlinear_activation, nonlinear_activation_params)
        common: dict[str, Any] = {
            "use_bias": bias,
            "use_weight_norm": use_weight_norm,
            "init_stddev": init_stddev(use_weight_norm),
        }
        mode, value = padding_mode(pad, pad_params)
        first_kernel = math.prod(kernel_sizes)
        self.convs = [
            Conv1D(
                channels,
                first_kernel,
                padding=(first_kernel - 1) // 2,
                padding_mode=mode,
                padding_value=value,
                name="conv_0",
                dtype=self.variable_dtype,
                **common,
            )
        ]
        common["dtype"] = self.dtype_policy
        for scale in downsample_scales:
            groups = max(channels // 4, 1)
            channels = min(channels * scale, max_downsample_channels)
            self.convs.append(
                Conv1D(
                    channels,
                    10 * scale + 1,
                    stride=scale,
                    padding=5 * scale,
                    groups=groups,
                    name=f"conv_{len(self.convs)}",
                    **common,
                )
            )
        self.convs.append(
            Conv1D(
                min(2 * channels, max_downsample_channels),
                kernel_sizes[0],
                padding=(kernel_sizes[0] - 1) // 2,
                name=f"conv_{len(self.convs)}",
                **common,
            )
        )
        self.convs.append(
            Conv1D(
                out_channels,
                kernel_sizes[1],
                padding=(kernel_sizes[1] - 1) // 2,
                name=f"conv_{len(self.convs)}",
                **common | {"dtype": self.variable_dtype},
            )
        )


@keras.saving.register_keras_serializable("tf_gantts")
class MelGANMultiScaleDiscriminator(MultiScaleDiscriminators):
    """Equal discriminators on the waveform and on ever more pooled copies of it.

    Source: Kumar et al. 2019 (MelGAN), section 2.2; numbers match ParallelWaveGAN.

    Args:
        in_channels: Waveforms.
        out_channels: Scores per step.
        scales: Number of discriminators.
        downsample_pooling: Pooling between the scales; "AvgPool1d" is known.
        downsample_pooling_params: Its arguments, see `AvgPool1D`.
        kernel_sizes: See `MelGANDiscriminator`, as all that follow.
        channels: Channels of the first convolution.
        max_downsample_channels: Upper limit of the channels.
        bias: Whether convolutions have biases.
        downsample_scales: Strides of the grouped convolutions.
        nonlinear_activation: Activation, PyTorch class name.
        nonlinear_activation_params: Its arguments.
        pad: Padding of the first convolution, PyTorch class name.
        pad_params: Its arguments.
        use_weight_norm: Whether every convolution is weight-normalised.
        **kwargs: Keras model arguments (name, dtype).

    Raises:
        HparamsError: If the values do not fit together.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        scales: int = 3,
        downsample_pooling: str = "AvgPool1d",
        downsample_pooling_params: dict[str, Any] | None = None,
        kernel_sizes: tuple[int, int] | list[int] = (5, 3),
        channels: int = 16,
        max_downsample_channels: int = 1024,
        bias: bool = True,
        downsample_scales: tuple[int, ...] | list[int] = (4, 4, 4, 4),
        nonlinear_activation: str = "LeakyReLU",
        nonlinear_activation_params: dict[str, Any] | None = None,
        pad: str = "ReflectionPad1d",
        pad_params: dict[str, Any] | None = None,
        use_weight_norm: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "melgan_multi_scale_discriminator", "autocast": False} | kwargs)
        if downsample_pooling_params is None:
            downsample_pooling_params = _POOL
        nonlinear_activation_params = activation_params(
            nonlinear_activation, nonlinear_activation_params
        )
        per_scale: dict[str, Any] = {
            "in_channels": in_channels,
            "out_channels": out_channels,
            "kernel_sizes": list(kernel_sizes),
            "channels": channels,
            "max_downsample_channels": max_downsample_channels,
            "bias": bias,
            "downsample_scales": list(downsample_scales),
            "nonlinear_activation": nonlinear_activation,
            "nonlinear_activation_params": nonlinear_activation_params,
            "pad": pad,
            "pad_params": pad_params,
            "use_weight_norm": use_weight_norm,
        }
        self.remember(
            scales=scales,
            downsample_pooling=downsample_pooling,
            downsample_pooling_params=downsample_pooling_params,
            **per_scale,
        )
        self.in_channels = in_channels
        self.pooling = self.build_pooling(downsample_pooling, downsample_pooling_params)
        self.discriminators = [
            MelGANDiscriminator(**per_scale, name=f"scale_{i}", dtype=self.dtype_policy)
            for i in range(scales)
        ]
        self.build((None, None, in_channels))
