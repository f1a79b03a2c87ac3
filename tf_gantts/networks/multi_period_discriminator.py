"""HiFi-GAN's multi-period discriminator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.layers.activations import activation
from tf_gantts.layers.padding import pad_time
from tf_gantts.layers.period_conv import PeriodConv
from tf_gantts.networks.hifigan import slope
from tf_gantts.networks.network import require_known
from tf_gantts.networks.wave_discriminator import WaveDiscriminator, WaveDiscriminators


@keras.saving.register_keras_serializable("tf_gantts")
class HiFiGANPeriodDiscriminator(WaveDiscriminator):
    """One period: waveform (B, T, in_channels) to the list of its feature maps, the score last.

    The waveform is folded into rows of `period` samples, and no convolution mixes the columns.
    Source: Kong et al. 2020 (HiFi-GAN), section 2.3 and appendix A; argument names are
    ParallelWaveGAN's. The first convolution, which reads the waveform, and the last, which writes
    the score, compute in float32 under mixed precision.

    Args:
        in_channels: Waveforms.
        out_channels: Scores per step.
        period: Samples of a row.
        kernel_sizes: Two odd widths in rows: of all convolutions but the last, and of the last.
        channels: Channels of the first convolution, times 4 after each.
        downsample_scales: Strides of all convolutions but the last.
        max_downsample_channels: Upper limit of the channels.
        bias: Whether convolutions have biases.
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
        period: int = 3,
        kernel_sizes: Sequence[int] = (5, 3),
        channels: int = 32,
        downsample_scales: Sequence[int] = (3, 3, 3, 3, 1),
        max_downsample_channels: int = 1024,
        bias: bool = True,
        nonlinear_activation: str = "LeakyReLU",
        nonlinear_activation_params: dict[str, Any] | None = None,
        use_weight_norm: bool = True,
        use_spectral_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if len(kernel_sizes) != 2 or any(size % 2 == 0 for size in kernel_sizes):
            raise HparamsError(
                f"HiFiGANPeriodDiscriminator: kernel_sizes {list(kernel_sizes)} must be two odd"
                " numbers"
            )
        nonlinear_activation_params = slope(nonlinear_activation, nonlinear_activation_params)
        self.remember(
            in_channels=in_channels,
            out_channels=out_channels,
            period=period,
            kernel_sizes=list(kernel_sizes),
            channels=channels,
            downsample_scales=list(downsample_scales),
            max_downsample_channels=max_downsample_channels,
            bias=bias,
            nonlinear_activation=nonlinear_activation,
            nonlinear_activation_params=nonlinear_activation_params,
            use_weight_norm=use_weight_norm,
            use_spectral_norm=use_spectral_norm,
        )
        self.period = period
        self.activation = activation(nonlinear_activation, nonlinear_activation_params)
        self.convs: list[PeriodConv] = []

        def add(filters: int, width: int, stride: int, dtype: Any) -> None:
            self.convs.append(
                PeriodConv(
                    filters,
                    width,
                    stride=stride,
                    padding=(width - 1) // 2,
                    use_bias=bias,
                    use_weight_norm=use_weight_norm,
                    use_spectral_norm=use_spectral_norm,
                    name=f"conv_{len(self.convs)}",
                    dtype=dtype,
                )
            )

        for i, scale in enumerate(downsample_scales):
            add(channels, kernel_sizes[0], scale, self.dtype_policy if i else self.variable_dtype)
            channels = min(channels * 4, max_downsample_channels)
        add(out_channels, kernel_sizes[1], 1, self.variable_dtype)

    def call(self, wave: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        """Maps a waveform (B, T, in_channels) to feature maps (B, T_i, period, C_i)."""
        maps = super().call(self._to_columns(wave), training)
        return [self._from_columns(x) for x in maps]

    def _to_columns(self, wave: tf.Tensor) -> tf.Tensor:
        """(B, T, C) -> (B * period, ceil(T / period), C), a reflection filling the last row."""
        length = tf.shape(wave)[1] if wave.shape[1] is None else wave.shape[1]
        wave = pad_time(wave, 0, -length % self.period, "reflect")
        rows = -(-length // self.period)
        channels = wave.shape[-1]
        folded = tf.reshape(wave, (-1, rows, self.period, channels))
        return tf.reshape(tf.transpose(folded, (0, 2, 1, 3)), (-1, rows, channels))

    def _from_columns(self, x: tf.Tensor) -> tf.Tensor:
        """(B * period, T_i, C) -> (B, T_i, period, C)."""
        steps = tf.shape(x)[1] if x.shape[1] is None else x.shape[1]
        folded = tf.reshape(x, (-1, self.period, steps, x.shape[-1]))
        return tf.transpose(folded, (0, 2, 1, 3))


@keras.saving.register_keras_serializable("tf_gantts")
class HiFiGANMultiPeriodDiscriminator(WaveDiscriminators):
    """Discriminators of a waveform folded at several periods.

    Source: Kong et al. 2020 (HiFi-GAN), section 2.3; numbers match jik876/hifi-gan.

    Args:
        periods: Period of each in samples, pairwise coprime so that they see different samples.
        discriminator_params: Arguments of `HiFiGANPeriodDiscriminator`.
        **kwargs: Keras model arguments (name, dtype).

    Raises:
        HparamsError: If the values do not fit together.
    """

    def __init__(
        self,
        periods: Sequence[int] = (2, 3, 5, 7, 11),
        discriminator_params: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "multi_period_discriminator", "autocast": False} | kwargs)
        params = dict(discriminator_params or {})
        require_known(HiFiGANPeriodDiscriminator, params, "discriminator_params")
        self.remember(periods=list(periods), discriminator_params=params)
        self.discriminators = [
            HiFiGANPeriodDiscriminator(
                **params | {"period": period}, name=f"period_{period}", dtype=self.dtype_policy
            )
            for period in periods
        ]
        self.build((None, None, params.get("in_channels", 1)))
