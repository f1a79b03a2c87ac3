"""discriminator_realism: windows of mel-spectrograms, natural or generated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.layers.activations import activation
from tf_gantts.layers.conv2d import Conv2D
from tf_gantts.layers.windows import cut_window, window_starts
from tf_gantts.networks.network import Network


@keras.saving.register_keras_serializable("tf_gantts")
class WindowDiscriminator(keras.layers.Layer):
    """One window length: (B, window, n_mels) to the list of its feature maps, the score last.

    The first convolution, which reads the mel, and the last, which writes the score, compute in
    float32 under mixed precision.

    Args:
        channels: Channels of the convolutions before the score's.
        kernel_sizes: Their widths along time and mel bands, odd.
        strides: Their shifts.
        negative_slope: Of the leaky ReLU after each.
        use_weight_norm: Whether every convolution is weight-normalised.
        **kwargs: Keras layer arguments (name, dtype).
    """

    def __init__(
        self,
        channels: Sequence[int],
        kernel_sizes: Sequence[Sequence[int]],
        strides: Sequence[Sequence[int]],
        negative_slope: float = 0.2,
        use_weight_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self._config: dict[str, Any] = {
            "channels": list(channels),
            "kernel_sizes": [list(size) for size in kernel_sizes],
            "strides": [list(stride) for stride in strides],
            "negative_slope": negative_slope,
            "use_weight_norm": use_weight_norm,
        }
        self.activation = activation("LeakyReLU", {"negative_slope": negative_slope})
        layers = [*zip(channels, kernel_sizes, strides, strict=True), (1, (3, 3), (1, 1))]
        outer = (0, len(layers) - 1)
        self.convs = [
            Conv2D(
                filters,
                kernel_size,
                stride,
                [size // 2 for size in kernel_size],
                use_weight_norm,
                name=f"conv_{i}",
                dtype=self.variable_dtype if i in outer else self.dtype_policy,
            )
            for i, (filters, kernel_size, stride) in enumerate(layers)
        ]

    def build(self, input_shape: tuple[Any, ...] | None = None) -> None:
        """Creates the variables."""
        del input_shape
        channels = 1
        for conv in self.convs:
            conv.build((None, None, None, channels))
            channels = conv.filters

    def call(self, mel: tf.Tensor) -> list[tf.Tensor]:
        """Maps (B, window, n_mels) to feature maps (B, T_i, M_i, C_i), the score last."""
        x, maps = mel[..., tf.newaxis], []
        for conv in self.convs[:-1]:
            x = self.activation(conv(tf.cast(x, conv.compute_dtype)))
            maps.append(x)
        return [*maps, self.convs[-1](tf.cast(x, self.variable_dtype))]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = super().get_config() | self._config
        del config["autocast"]
        return config


@keras.saving.register_keras_serializable("tf_gantts")
class MelWindowDiscriminator(Network):
    """Discriminators of windows of several lengths, cut from mel-spectrograms.

    This is discriminator_realism. The original (IncineratorR/GAN-Speech-Synthesis) judges single
    frames by three linear maps, so it cannot see anything that needs time. Here convolutions over
    time and mel bands judge windows, and none is told the text. Short windows judge the fine
    structure, long ones the melody (Bińkowski et al. 2020, GAN-TTS, section 3.2, on waveforms).
    The defaults, with one window of 64 frames, gave a small generator its harmonics back in 90
    seconds on one core.

    Args:
        window_sizes: Window of each sub-discriminator in frames.
        channels: Channels of the convolutions before the score's.
        kernel_sizes: Their widths along time and mel bands, odd.
        strides: Their shifts.
        negative_slope: Of the leaky ReLU after each.
        use_weight_norm: Whether every convolution is weight-normalised.
        **kwargs: Keras model arguments (name, dtype).

    Raises:
        HparamsError: If the values do not fit together.
    """

    def __init__(
        self,
        window_sizes: Sequence[int] = (32, 64, 128),
        channels: Sequence[int] = (16, 32, 32, 32),
        kernel_sizes: Sequence[Sequence[int]] = ((3, 5), (3, 5), (3, 5), (3, 3)),
        strides: Sequence[Sequence[int]] = ((1, 2), (2, 2), (2, 2), (1, 2)),
        negative_slope: float = 0.2,
        use_weight_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "mel_window_discriminator", "autocast": False} | kwargs)
        _require_possible(window_sizes, channels, kernel_sizes, strides)
        shape: dict[str, Any] = {
            "channels": list(channels),
            "kernel_sizes": [list(size) for size in kernel_sizes],
            "strides": [list(stride) for stride in strides],
            "negative_slope": negative_slope,
            "use_weight_norm": use_weight_norm,
        }
        self.remember(window_sizes=list(window_sizes), **shape)
        self.window_sizes = list(window_sizes)
        self.discriminators = [
            WindowDiscriminator(**shape, name=f"window_{i}", dtype=self.dtype_policy)
            for i in range(len(window_sizes))
        ]
        self.build((None, None, None))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the variables; called by the constructor."""
        for discriminator in self.discriminators:
            discriminator.build(input_shape)
        self.built = True

    def window_starts(self, lengths: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
        """First frames of windows that lie within their rows, all equally likely.

        Args:
            lengths: Frames of each row (B,).
            shares: Uniform random numbers in [0, 1), one per row and window (B, windows).

        Returns:
            int32 (B, windows); 0 where a row is shorter than the window.
        """
        return window_starts(lengths, self.window_sizes, shares)

    def call(
        self,
        mel: tf.Tensor,
        starts: tf.Tensor,
        lengths: tf.Tensor | None = None,
        training: bool = False,
    ) -> list[list[tf.Tensor]]:
        """Maps mel-spectrograms to one list of feature maps per window length.

        Feature maps of natural and generated speech are comparable where both are called with the
        same `starts`.

        Args:
            mel: Normalised (B, T, n_mels).
            starts: First frame of each window, int (B, windows), from `window_starts`.
            lengths: Frames of each row (B,); None for T. What a window holds beyond them is zero,
                for natural and generated speech alike.
            training: Has no influence.

        Returns:
            Feature maps (B, T_i, M_i, C_i), the score last.
        """
        del training
        windows = self.cut(mel, starts, lengths)
        pairs = zip(self.discriminators, windows, strict=True)
        return [discriminator(window) for discriminator, window in pairs]

    def cut(
        self, mel: tf.Tensor, starts: tf.Tensor, lengths: tf.Tensor | None = None
    ) -> list[tf.Tensor]:
        """The windows that `call` judges, float32 (B, window, n_mels) each."""
        mel = tf.cast(mel, self.variable_dtype)
        return [
            cut_window(mel, starts[:, i], size, lengths) for i, size in enumerate(self.window_sizes)
        ]


def _require_possible(
    window_sizes: Sequence[int],
    channels: Sequence[int],
    kernel_sizes: Sequence[Sequence[int]],
    strides: Sequence[Sequence[int]],
) -> None:
    name = "MelWindowDiscriminator"
    if not window_sizes or min(window_sizes) < 1:
        raise HparamsError(f"{name}: window_sizes {list(window_sizes)}: at least one, in frames")
    if not channels or not len(channels) == len(kernel_sizes) == len(strides):
        raise HparamsError(
            f"{name}: {len(channels)} channels, {len(kernel_sizes)} kernel_sizes and {len(strides)}"
            " strides; one of each per convolution is expected"
        )
    if any(width % 2 == 0 for size in kernel_sizes for width in size):
        raise HparamsError(f"{name}: kernel_sizes {list(kernel_sizes)} must be odd")
