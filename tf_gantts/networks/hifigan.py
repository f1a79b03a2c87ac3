"""HiFi-GAN's generator: mel-spectrogram to waveform."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.layers.activations import activation
from tf_gantts.layers.conv import Conv1D
from tf_gantts.layers.conv_transpose import ConvTranspose1D
from tf_gantts.layers.hifigan_residual_block import HiFiGANResidualBlock
from tf_gantts.layers.padding import pad_time, padding_mode
from tf_gantts.networks.generator import Generator

_LAST_SLOPE = 0.01  # PyTorch's default, which the reference uses before the last convolution only
_STDDEV = 0.01  # of kernels without weight norm; under it PyTorch's default is what trains


def slope(name: str, params: dict[str, Any] | None) -> dict[str, Any]:
    """Arguments of HiFi-GAN's activation: slope 0.1 for LeakyReLU unless the recipe says more."""
    if params is None:
        return {"negative_slope": 0.1} if name == "LeakyReLU" else {}
    return dict(params)


@keras.saving.register_keras_serializable("tf_gantts")
class HiFiGANGenerator(Generator):
    """Mel-spectrogram (B, T, in_channels) to waveform (B, T * prod(upsample_scales), out_channels).

    Every upsampling is followed by the mean of parallel residual blocks of different widths.
    Source: Kong et al. 2020 (HiFi-GAN), section 2.2 and appendix A; numbers match jik876/hifi-gan,
    argument names are ParallelWaveGAN's. The defaults are V1. With `pad: ReflectionPad1d` the
    numbers match SpeechBrain's. Under a mixed-precision policy the last convolution and the tanh
    stay in float32, because a bfloat16 sample has only 8 significant bits.

    Args:
        in_channels: Mel bands.
        out_channels: Waveforms.
        channels: Channels after the first convolution, halved by every upsampling.
        kernel_size: Width of the first and last convolution in frames and samples, odd.
        upsample_scales: Upsampling factors; their product is the samples per frame.
        upsample_kernel_sizes: Width of each transposed convolution, at least its factor.
        resblock_kernel_sizes: Width of each parallel residual block, odd.
        resblock_dilations: Dilations of each parallel residual block.
        use_additional_convs: Whether an undilated convolution follows each dilated one (V1, V2;
            not V3).
        bias: Whether convolutions have biases.
        nonlinear_activation: Activation, PyTorch class name.
        nonlinear_activation_params: Its arguments.
        pad: Padding of the convolutions, PyTorch class name.
        pad_params: Its arguments.
        use_weight_norm: Whether every convolution is weight-normalised.
        use_causal_conv: Whether no sample depends on later frames.
        inference_padding: Frames that `inference` adds on each side (SpeechBrain: 5).
        **kwargs: Keras model arguments (name, dtype).

    Raises:
        HparamsError: If the values do not fit together.
    """

    def __init__(
        self,
        in_channels: int = 80,
        out_channels: int = 1,
        channels: int = 512,
        kernel_size: int = 7,
        upsample_scales: Sequence[int] = (8, 8, 2, 2),
        upsample_kernel_sizes: Sequence[int] = (16, 16, 4, 4),
        resblock_kernel_sizes: Sequence[int] = (3, 7, 11),
        resblock_dilations: Sequence[Sequence[int]] = ((1, 3, 5), (1, 3, 5), (1, 3, 5)),
        use_additional_convs: bool = True,
        bias: bool = True,
        nonlinear_activation: str = "LeakyReLU",
        nonlinear_activation_params: dict[str, Any] | None = None,
        pad: str = "ZeroPad1d",
        pad_params: dict[str, Any] | None = None,
        use_weight_norm: bool = True,
        use_causal_conv: bool = False,
        inference_padding: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "hifigan_generator"} | kwargs)
        nonlinear_activation_params = slope(nonlinear_activation, nonlinear_activation_params)
        self.remember(
            in_channels=in_channels,
            out_channels=out_channels,
            channels=channels,
            kernel_size=kernel_size,
            upsample_scales=list(upsample_scales),
            upsample_kernel_sizes=list(upsample_kernel_sizes),
            resblock_kernel_sizes=list(resblock_kernel_sizes),
            resblock_dilations=[list(dilations) for dilations in resblock_dilations],
            use_additional_convs=use_additional_convs,
            bias=bias,
            nonlinear_activation=nonlinear_activation,
            nonlinear_activation_params=nonlinear_activation_params,
            pad=pad,
            pad_params=pad_params,
            use_weight_norm=use_weight_norm,
            use_causal_conv=use_causal_conv,
            inference_padding=inference_padding,
        )
        _check(self._config)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.upsample_scales = tuple(upsample_scales)
        self.inference_padding = inference_padding
        self.activation = activation(nonlinear_activation, nonlinear_activation_params)
        self.last_activation = self.activation
        if nonlinear_activation == "LeakyReLU":
            self.last_activation = activation("LeakyReLU", {"negative_slope": _LAST_SLOPE})

        normalization: dict[str, Any] = {
            "use_weight_norm": use_weight_norm,
            "init_stddev": None if use_weight_norm else _STDDEV,
        }
        mode, value = padding_mode(pad, pad_params)
        ends: dict[str, Any] = normalization | {
            "kernel_size": kernel_size,
            "padding": (kernel_size - 1) // 2,
            "padding_mode": mode,
            "padding_value": value,
            "causal": use_causal_conv,
            "use_bias": bias,
        }
        self.input_conv = Conv1D(channels, name="input_conv", dtype=self.dtype_policy, **ends)
        self.upsamples, self.blocks = [], []
        for i, (scale, size) in enumerate(zip(upsample_scales, upsample_kernel_sizes, strict=True)):
            channels //= 2
            surplus = 0 if use_causal_conv else size - scale
            self.upsamples.append(
                ConvTranspose1D(
                    channels,
                    size,
                    stride=scale,
                    padding=surplus // 2 + surplus % 2,
                    output_padding=surplus % 2,
                    causal=use_causal_conv,
                    use_bias=bias,
                    name=f"upsample_{i}",
                    dtype=self.dtype_policy,
                    **normalization,
                )
            )
            self.blocks.append(
                [
                    HiFiGANResidualBlock(
                        channels,
                        width,
                        dilations,
                        use_additional_convs=use_additional_convs,
                        bias=bias,
                        nonlinear_activation=nonlinear_activation,
                        nonlinear_activation_params=nonlinear_activation_params,
                        pad=pad,
                        pad_params=pad_params,
                        use_causal_conv=use_causal_conv,
                        name=f"block_{i}_{j}",
                        dtype=self.dtype_policy,
                        **normalization,
                    )
                    for j, (width, dilations) in enumerate(
                        zip(resblock_kernel_sizes, resblock_dilations, strict=True)
                    )
                ]
            )
        self.output_conv = Conv1D(
            out_channels, name="output_conv", dtype=self.full_precision, **ends
        )
        self.build((None, None, in_channels))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the variables; called by the constructor."""
        self.input_conv.build(input_shape)
        channels = self.input_conv.filters
        for upsample, blocks in zip(self.upsamples, self.blocks, strict=True):
            upsample.build((None, None, channels))
            channels = upsample.filters
            for block in blocks:
                block.build((None, None, channels))
        self.output_conv.build((None, None, channels))
        self.built = True

    def call(self, mel: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps a normalised mel-spectrogram (B, T, in_channels) to audio.

        Args:
            mel: Features.
            training: True where a gradient is taken; it has no influence on the values.

        Returns:
            Waveform (B, T * upsample_factor, out_channels), float32 unless the policy is float64.
        """
        x = self.input_conv(mel, training=training)
        for upsample, blocks in zip(self.upsamples, self.blocks, strict=True):
            x = upsample(self.activation(x), training=training)
            x = tf.add_n([block(x, training=training) for block in blocks]) / len(blocks)
        x = self.output_conv(self.last_activation(x), training=training)
        return tf.tanh(x)

    def inference(self, mel: tf.Tensor) -> tf.Tensor:
        """As a call, after repeating the first and last frame `inference_padding` times each.

        Args:
            mel: Features (B, T, in_channels).

        Returns:
            Waveform (B, (T + 2 inference_padding) * upsample_factor, out_channels).
        """
        mel = pad_time(mel, self.inference_padding, self.inference_padding, "replicate")
        return self(mel, training=False)

    @property
    def upsample_factor(self) -> int:
        """Output samples per mel frame."""
        return math.prod(self.upsample_scales)

    def input_range(self, first: int, last: int) -> tuple[int, int]:
        """See `Generator.input_range`."""
        first, last = self.output_conv.input_range(first, last)
        for upsample, blocks in zip(self.upsamples[::-1], self.blocks[::-1], strict=True):
            ranges = [block.input_range(first, last) for block in blocks]
            first, last = min(r[0] for r in ranges), max(r[1] for r in ranges)
            first, last = upsample.input_range(first, last)
        return self.input_conv.input_range(first, last)


def _check(config: dict[str, Any]) -> None:
    """Raises HparamsError naming the first value that does not fit."""
    scales, sizes = config["upsample_scales"], config["upsample_kernel_sizes"]
    widths, dilations = config["resblock_kernel_sizes"], config["resblock_dilations"]
    causal = config["use_causal_conv"]
    problems = [
        (
            config["channels"] % 2 ** len(scales) != 0,
            f"channels {config['channels']} must be a multiple of {2 ** len(scales)}"
            f" (halved {len(scales)} times)",
        ),
        (
            len(scales) != len(sizes),
            f"{len(scales)} upsample_scales but {len(sizes)} upsample_kernel_sizes",
        ),
        (
            any(size < scale for scale, size in zip(scales, sizes, strict=False)),
            f"upsample_kernel_sizes {sizes} must not be below upsample_scales {scales}",
        ),
        (
            causal and sizes != [2 * scale for scale in scales],
            f"with use_causal_conv upsample_kernel_sizes {sizes} must be twice upsample_scales",
        ),
        (
            not widths or len(widths) != len(dilations),
            f"{len(widths)} resblock_kernel_sizes but {len(dilations)} resblock_dilations",
        ),
        (
            not causal and any(size % 2 == 0 for size in (config["kernel_size"], *widths)),
            f"kernel_size {config['kernel_size']} and resblock_kernel_sizes {widths} must be odd",
        ),
    ]
    for wrong, message in problems:
        if wrong:
            raise HparamsError(f"HiFiGANGenerator: {message}")
