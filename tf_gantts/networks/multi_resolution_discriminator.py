"""Discriminators of complex spectrograms at several resolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_gantts.audio.graph import reflect_pad
from tf_gantts.audio.stft import analysis_window
from tf_gantts.errors import HparamsError
from tf_gantts.layers.activations import activation
from tf_gantts.layers.conv2d import Conv2D
from tf_gantts.networks.wave_discriminator import WaveDiscriminator, WaveDiscriminators

# Edges of the bands as shares of the half sampling rate.
BANDS = ((0.0, 0.1), (0.1, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0))
_SLOPE = {"negative_slope": 0.1}
_PEAK = 0.8  # level to which every clip is brought, so that loudness tells nothing


@keras.saving.register_keras_serializable("tf_gantts")
class ResolutionDiscriminator(WaveDiscriminator):
    """One resolution: waveform (B, T, 1) to the list of its feature maps, the score last.

    The complex spectrogram is cut into bands, each of which has a stack of convolutions of its own;
    their last maps stand side by side for the score. Source: Kumar et al. 2023 (Descript Audio
    Codec), section 3.3, in the form of gemelo-ai/vocos. The first convolutions, which read the
    spectrogram, and the last, which writes the score, compute in float32 under mixed precision.

    Args:
        fft_size: FFT and window length in samples, even.
        hop_size: Frame shift in samples.
        channels: Channels of the convolutions.
        bands: Lower and upper edge of each band as shares of the half sampling rate.
        use_weight_norm: Whether every convolution is weight-normalised.
        **kwargs: Keras layer arguments (name, dtype).

    Raises:
        HparamsError: If a band has no bin.
    """

    def __init__(
        self,
        fft_size: int = 1024,
        hop_size: int = 256,
        channels: int = 32,
        bands: Sequence[Sequence[float]] = BANDS,
        use_weight_norm: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        bins = fft_size // 2 + 1
        self.fft_size, self.hop_size = fft_size, hop_size
        self.bands = [(int(low * bins), int(high * bins)) for low, high in bands]
        for band, (first, last) in zip(bands, self.bands, strict=True):
            if not 0 <= first < last <= bins:
                raise HparamsError(
                    f"ResolutionDiscriminator: band {list(band)} holds no bin of {bins}"
                )
        self.remember(
            fft_size=fft_size,
            hop_size=hop_size,
            channels=channels,
            bands=[list(band) for band in bands],
            use_weight_norm=use_weight_norm,
        )
        self.window = analysis_window("hann", fft_size).astype(np.float32)
        self.activation = activation("LeakyReLU", _SLOPE)

        def conv(name: str, filters: int, width: int, stride: int, dtype: Any) -> Conv2D:
            return Conv2D(
                filters,
                (3, width),
                (1, stride),
                (1, width // 2),
                use_weight_norm,
                name=name,
                dtype=dtype,
            )

        half, full = self.dtype_policy, self.variable_dtype
        self.stacks = [
            [
                conv(f"band_{i}_conv_0", channels, 9, 1, full),
                *(conv(f"band_{i}_conv_{j}", channels, 9, 2, half) for j in (1, 2, 3)),
                conv(f"band_{i}_conv_4", channels, 3, 1, half),
            ]
            for i in range(len(bands))
        ]
        self.output_conv = conv("output_conv", 1, 3, 1, full)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the variables for inputs (B, T, 1)."""
        del input_shape
        for stack in self.stacks:
            channels = 2  # real and imaginary part
            for conv in stack:
                conv.build((None, None, None, channels))
                channels = conv.filters
        self.output_conv.build((None, None, None, self._config["channels"]))

    def call(self, wave: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        """Maps a waveform (B, T, 1) to feature maps (B, frames, F_i, C_i), the score last."""
        del training  # nothing depends on it
        spectrogram = self.spectrogram(wave[..., 0])
        maps, ends = [], []
        for (first, last), stack in zip(self.bands, self.stacks, strict=True):
            x = spectrogram[:, :, first:last]
            for conv in stack:
                x = self.activation(conv(tf.cast(x, conv.compute_dtype)))
                maps.append(x)
            ends.append(x)
        joined = tf.cast(tf.concat(ends, axis=2), self.output_conv.compute_dtype)
        return [*maps, self.output_conv(joined)]

    def spectrogram(self, wave: tf.Tensor) -> tf.Tensor:
        """Real and imaginary part (B, 1 + T // hop_size, fft_size // 2 + 1, 2) of (B, T)."""
        wave = tf.cast(wave, tf.float32)
        wave -= tf.reduce_mean(wave, axis=1, keepdims=True)
        wave *= _PEAK / (tf.reduce_max(tf.abs(wave), axis=1, keepdims=True) + 1e-9)
        padded = reflect_pad(wave, self.fft_size // 2)
        frames = tf.signal.frame(padded, self.fft_size, self.hop_size) * self.window
        spectrum = tf.signal.rfft(frames, [self.fft_size])
        return tf.stack([tf.math.real(spectrum), tf.math.imag(spectrum)], axis=3)


@keras.saving.register_keras_serializable("tf_gantts")
class MultiResolutionDiscriminator(WaveDiscriminators):
    """Discriminators of the complex spectrogram at several resolutions.

    Source: Kumar et al. 2023 (Descript Audio Codec), section 3.3, in the form of gemelo-ai/vocos.

    Args:
        fft_sizes: FFT and window length of each in samples, even.
        hop_sizes: Frame shift of each in samples; None for a quarter of the window.
        channels: Channels of the convolutions.
        bands: Lower and upper edge of each band as shares of the half sampling rate.
        use_weight_norm: Whether every convolution is weight-normalised.
        **kwargs: Keras model arguments (name, dtype).

    Raises:
        HparamsError: If the values do not fit together.
    """

    def __init__(
        self,
        fft_sizes: Sequence[int] = (2048, 1024, 512),
        hop_sizes: Sequence[int] | None = None,
        channels: int = 32,
        bands: Sequence[Sequence[float]] = BANDS,
        use_weight_norm: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "multi_resolution_discriminator", "autocast": False} | kwargs)
        hop_sizes = [size // 4 for size in fft_sizes] if hop_sizes is None else list(hop_sizes)
        if len(hop_sizes) != len(fft_sizes):
            raise HparamsError(
                f"MultiResolutionDiscriminator: {len(fft_sizes)} fft_sizes and {len(hop_sizes)}"
                " hop_sizes; one of each per resolution is expected"
            )
        self.remember(
            fft_sizes=list(fft_sizes),
            hop_sizes=hop_sizes,
            channels=channels,
            bands=[list(band) for band in bands],
            use_weight_norm=use_weight_norm,
        )
        self.discriminators = [
            ResolutionDiscriminator(
                fft_size,
                hop_size,
                channels,
                bands,
                use_weight_norm,
                name=f"resolution_{i}",
                dtype=self.dtype_policy,
            )
            for i, (fft_size, hop_size) in enumerate(zip(fft_sizes, hop_sizes, strict=True))
        ]
        self.build((None, None, 1))
