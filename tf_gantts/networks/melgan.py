"""MelGAN's generator: mel-spectrogram to waveform."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.layers.activations import activation
from tf_gantts.layers.conv import Conv1D
from tf_gantts.layers.conv_transpose import ConvTranspose1D
from tf_gantts.layers.padding import padding_mode
from tf_gantts.layers.residual_stack import ResidualStack
from tf_gantts.networks.generator import Generator
from tf_gantts.networks.network import init_stddev


def activation_params(name: str, params: dict[str, Any] | None) -> dict[str, Any]:
    """Arguments of MelGAN's activation: slope 0.2 for LeakyReLU unless the recipe says more."""
    if params is None:
        return {"negative_slope": 0.2} if name == "LeakyReLU" else {}
    return dict(params)


@keras.saving.register_keras_serializable("tf_gantts")
class MelGANGenerator(Generator):
    """Mel-spectrogram (B, T, in_channels) to waveform (B, T * prod(upsample_scales), out_channels).

    Source: Kumar et al. 2019 (MelGAN); arguments and numbers are those of ParallelWaveGAN's
    MelGANGenerator, including its effective initialisation: PyTorch's default under weight
    normalisation, N(0, 0.02) kernels without. With several output channels they are sub-bands, to
    be joined by `PQMF.synthesis`. Under a mixed-precision policy the last convolution and the final
    tanh stay in float32, because a bfloat16 sample has only 8 significant bits.

    Args:
        in_channels: Mel bands.
        out_channels: Waveforms (sub-bands).
        kernel_size: Width of the first and last convolution in frames and samples, odd.
        channels: Channels after the first convolution, halved by every upsampling.
        bias: Whether convolutions have biases.
        upsample_scales: Upsampling factors; their product is the samples per frame.
        stack_kernel_size: Width of the dilated convolutions, odd; also the base of the dilations.
        stacks: Residual stacks per upsampling, with dilations stack_kernel_size ** (0, 1, ...).
        nonlinear_activation: Activation, PyTorch class name.
        nonlinear_activation_params: Its arguments.
        pad: Padding class, PyTorch name.
        pad_params: Its arguments.
        use_final_nonlinear_activation: Whether the output passes a tanh.
        use_weight_norm: Whether every convolution is weight-normalised.
        use_causal_conv: Whether no sample depends on later frames.
        **kwargs: Keras model arguments (name, dtype).

    Raises:
        HparamsError: If the values do not fit together.
    """

    def __init__(
        self,
        in_channels: int = 80,
        out_channels: int = 1,
        kernel_size: int = 7,
        channels: int = 512,
        bias: bool = True,
        upsample_scales: tuple[int, ...] | list[int] = (8, 8, 2, 2),
        stack_kernel_size: int = 3,
        stacks: int = 3,
        nonlinear_activation: str = "LeakyReLU",
        nonlinear_activation_params: dict[str, Any] | None = None,
        pad: str = "ReflectionPad1d",
        pad_params: dict[str, Any] | None = None,
        use_final_nonlinear_activation: bool = True,
        use_weight_norm: bool = True,
        use_causal_conv: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "melgan_generator"} | kwargs)
        scales = tuple(upsample_scales)
        nonlinear_activation_params = activation_params(
            nonlinear_activation, nonlinear_activation_params
        )
        if channels % 2 ** len(scales):
            raise HparamsError(
                f"MelGANGenerator: channels {channels} must be a multiple of"
                f" {2 ** len(scales)} (halved {len(scales)} times)"
            )
        for key, size in (("kernel_size", kernel_size), ("stack_kernel_size", stack_kernel_size)):
            if size % 2 == 0 and not use_causal_conv:
                raise HparamsError(f"MelGANGenerator: {key} {size} must be odd")
        self.remember(
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=kernel_size,
            channels=channels,
            bias=bias,
            upsample_scales=list(scales),
            stack_kernel_size=stack_kernel_size,
            stacks=stacks,
            nonlinear_activation=nonlinear_activation,
            nonlinear_activation_params=nonlinear_activation_params,
            pad=pad,
            pad_params=pad_params,
            use_final_nonlinear_activation=use_final_nonlinear_activation,
            use_weight_norm=use_weight_norm,
            use_causal_conv=use_causal_conv,
        )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.upsample_scales = scales
        self.activation = activation(nonlinear_activation, nonlinear_activation_params)
        self.use_final_nonlinear_activation = use_final_nonlinear_activation

        common: dict[str, Any] = {
            "use_bias": bias,
            "use_weight_norm": use_weight_norm,
            "init_stddev": init_stddev(use_weight_norm),
        }
        mode, value = padding_mode(pad, pad_params)
        ends: dict[str, Any] = common | {
            "kernel_size": kernel_size,
            "padding": (kernel_size - 1) // 2,
            "padding_mode": mode,
            "padding_value": value,
            "causal": use_causal_conv,
        }
        self.input_conv = Conv1D(channels, name="input_conv", dtype=self.dtype_policy, **ends)
        self.upsamples, self.stacks = [], []
        for i, scale in enumerate(scales):
            channels //= 2
            self.upsamples.append(
                ConvTranspose1D(
                    channels,
                    2 * scale,
                    stride=scale,
                    padding=0 if use_causal_conv else scale // 2 + scale % 2,
                    output_padding=0 if use_causal_conv else scale % 2,
                    causal=use_causal_conv,
                    name=f"upsample_{i}",
                    dtype=self.dtype_policy,
                    **common,
                )
            )
            self.stacks.append(
                [
                    ResidualStack(
                        channels,
                        stack_kernel_size,
                        dilation=stack_kernel_size**j,
                        bias=bias,
                        nonlinear_activation=nonlinear_activation,
                        nonlinear_activation_params=nonlinear_activation_params,
                        pad=pad,
                        pad_params=pad_params,
                        use_weight_norm=use_weight_norm,
                        use_causal_conv=use_causal_conv,
                        init_stddev=init_stddev(use_weight_norm),
                        name=f"stack_{i}_{j}",
                        dtype=self.dtype_policy,
                    )
                    for j in range(stacks)
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
        for upsample, stacks in zip(self.upsamples, self.stacks, strict=True):
            upsample.build((None, None, channels))
            channels = upsample.filters
            for stack in stacks:
                stack.build((None, None, channels))
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
        for upsample, stacks in zip(self.upsamples, self.stacks, strict=True):
            x = upsample(self.activation(x), training=training)
            for stack in stacks:
                x = stack(x, training=training)
        x = self.output_conv(self.activation(x), training=training)
        return tf.tanh(x) if self.use_final_nonlinear_activation else x

    def input_range(self, first: int, last: int) -> tuple[int, int]:
        """See `Generator.input_range`."""
        first, last = self.output_conv.input_range(first, last)
        for upsample, stacks in zip(self.upsamples[::-1], self.stacks[::-1], strict=True):
            for stack in stacks[::-1]:
                first, last = stack.dilated_conv.input_range(first, last)
            first, last = upsample.input_range(first, last)
        return self.input_conv.input_range(first, last)

    @property
    def upsample_factor(self) -> int:
        """Output samples (per sub-band) per mel frame."""
        return math.prod(self.upsample_scales)
