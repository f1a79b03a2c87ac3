"""HiFi-GAN's multi-scale discriminator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tf_gantts.errors import HparamsError
from tf_gantts.layers.activations import activation
from tf_gantts.layers.conv import Conv1D
from tf_gantts.networks.hifigan import slope
from tf_gantts.networks.network import require_known
from tf_gantts.networks.wave_discriminator import MultiScaleDiscriminators, WaveDiscriminator

_POOL = {"kernel_size": 4, "stride": 2, "padding": 2}
_FIRST_GROUPS = 4  # of the first grouped convolution, times 4 after each


@keras.saving.register_keras_serializable("tf_gantts")
class HiFiGANScaleDiscriminator(WaveDiscriminator):
    """One scale: waveform (B, T, in_channels) to the list of its feature maps, the score last.

    Source: Kong et al. 2020 (HiFi-GAN), section 2.3, after MelGAN's; argument names are
    ParallelWaveGAN's. The first convolution, which reads the waveform, and the last, which writes
    the score, compute in float32 under mixed precision.

    Args:
        in_channels: Waveforms.
        out_channels: Scores per step.
        kernel_sizes: Four odd widths: of the first, of the grouped and of the two last
            convolutions.
        channels: Channels of the first two convolutions, then doubled by each.
        max_downsample_channels: Upper limit of the channels.
        max_groups: Upper limit of the groups, which are 4, 16, ...
        bias: Whether convolutions have biases.
        downsample_scales: Strides of the grouped convolutions.
        nonlinear_activation: Activation, PyTorch class name.
        nonlinear_activation_params: Its arguments.
        use_weight_norm: Whether every convolution is weight-normalised.
        use_spectral_norm: Whether every convolution is spectral-normalised instead.
        **kwargs: Keras layer arguments (name, dtype).

    Raises:
        HparamsError: If the values do not fit together.
    """

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 1,
        kernel_sizes: Sequence[int] = (15, 41, 5, 3),
        channels: int = 128,
        max_downsample_channels: int = 1024,
        max_groups: int = 16,
        bias: bool = True,
        downsample_scales: Sequence[int] = (2, 2, 4, 4, 1),
        nonlinear_activation: str = "LeakyReLU",
        nonlinear_activation_params: dict[str, Any] | None = None,
        use_weight_norm: bool = True,
        use_spectral_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if len(kernel_sizes) != 4 or any(size % 2 == 0 for size in kernel_sizes):
            raise HparamsError(
                f"HiFiGANScaleDiscriminator: kernel_sizes {list(kernel_sizes)} must be four odd"
                " numbers"
            )
        nonlinear_activation_params = slope(nonlinear_activation, nonlinear_activation_params)
        self.remember(
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_sizes=list(kernel_sizes),
            channels=channels,
            max_downsample_channels=max_downsample_channels,
            max_groups=max_groups,
            bias=bias,
            downsample_scales=list(downsample_scales),
            nonlinear_activation=nonlinear_activation,
            nonlinear_activation_params=nonlinear_activation_params,
            use_weight_norm=use_weight_norm,
            use_spectral_norm=use_spectral_norm,
        )
        self.activation = activation(nonlinear_activation, nonlinear_activation_params)
        self.convs: list[Conv1D] = []

        def add(
            filters: int, width: int, dtype: Any = None, stride: int = 1, groups: int = 1
        ) -> None:
            self.convs.append(
                Conv1D(
                    filters,
                    width,
                    stride=stride,
                    padding=(width - 1) // 2,
                    groups=groups,
                    use_bias=bias,
                    use_weight_norm=use_weight_norm,
                    use_spectral_norm=use_spectral_norm,
                    name=f"conv_{len(self.convs)}",
                    dtype=dtype or self.dtype_policy,
                )
            )

        first, grouped, wide, last = kernel_sizes
        add(channels, first, self.variable_dtype)
        groups, following = _FIRST_GROUPS, channels
        for scale in downsample_scales:
            channels = following
            add(channels, grouped, stride=scale, groups=min(groups, max_groups))
            groups, following = groups * 4, min(channels * 2, max_downsample_channels)
        add(following, wide)
        add(out_channels, last, self.variable_dtype)


@keras.saving.register_keras_serializable("tf_gantts")
class HiFiGANMultiScaleDiscriminator(MultiScaleDiscriminators):
    """Equal discriminators of the waveform and of ever more pooled copies of it.

    Source: Kong et al. 2020 (HiFi-GAN), section 2.3; numbers match jik876/hifi-gan.

    Args:
        scales: Number of discriminators.
        downsample_pooling: Pooling between the scales; "AvgPool1d" is known.
        downsample_pooling_params: Its arguments, see `AvgPool1D`.
        discriminator_params: Arguments of `HiFiGANScaleDiscriminator`.
        follow_official_norm: Whether the first discriminator is spectral-normalised and the others
            weight-normalised, whatever `discriminator_params` says.
        **kwargs: Keras model arguments (name, dtype).

    Raises:
        HparamsError: If the values do not fit together.
    """

    def __init__(
        self,
        scales: int = 3,
        downsample_pooling: str = "AvgPool1d",
        downsample_pooling_params: dict[str, Any] | None = None,
        discriminator_params: dict[str, Any] | None = None,
        follow_official_norm: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "multi_scale_discriminator", "autocast": False} | kwargs)
        if downsample_pooling_params is None:
            downsample_pooling_params = _POOL
        params = dict(discriminator_params or {})
        require_known(HiFiGANScaleDiscriminator, params, "discriminator_params")
        self.remember(
            scales=scales,
            downsample_pooling=downsample_pooling,
            downsample_pooling_params=dict(downsample_pooling_params),
            discriminator_params=params,
            follow_official_norm=follow_official_norm,
        )
        self.pooling = self.build_pooling(downsample_pooling, downsample_pooling_params)
        self.discriminators = []
        for i in range(scales):
            if follow_official_norm:
                params = params | {"use_spectral_norm": i == 0, "use_weight_norm": i > 0}
            self.discriminators.append(
                HiFiGANScaleDiscriminator(**params, name=f"scale_{i}", dtype=self.dtype_policy)
            )
        self.build((None, None, params.get("in_channels", 1)))
