"""Vocos: mel-spectrogram to waveform through the inverse STFT of predicted spectra."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.layers.conv import Conv1D
from tf_gantts.layers.convnext import ConvNeXtBlock
from tf_gantts.layers.inverse_stft import InverseSTFT
from tf_gantts.layers.layer_norm import LayerNorm
from tf_gantts.layers.linear import Linear
from tf_gantts.networks.generator import Generator

_LARGEST_MAGNITUDE = 100.0  # as in Vocos, against bursts early in training
_INIT_STDDEV = 0.02


@keras.saving.register_keras_serializable("tf_gantts")
class VocosGenerator(Generator):
    """Mel-spectrogram (B, T, in_channels) to waveform (B, T * hop_size, 1).

    A backbone of ConvNeXt blocks at the frame rate, and a head that reads magnitude and phase of
    one spectrum per frame from it. Source: Siuzdak 2023 (Vocos); numbers match gemelo-ai/vocos,
    whose centred head leaves out the samples after the middle of the last frame. Under a
    mixed-precision policy the normalisations, the sum over the blocks and the whole head stay in
    float32, because an error of the phase is heard.

    Args:
        in_channels: Mel bands.
        dim: Channels of the backbone.
        intermediate_dim: Channels inside its blocks.
        num_layers: Blocks.
        fft_size: FFT and window length of the head in samples.
        hop_size: Samples per frame.
        padding: "center" where frame t of the mel is centred on sample t * hop_size, "same" where
            it is centred on the middle of the frame's own samples.
        kernel_size: Width of all convolutions in frames, odd unless causal.
        layer_scale_init_value: Initial scale of what a block adds; None for 1 / num_layers.
        layer_norm_eps: Added to the variance by the normalisations.
        nonlinear_activation: Activation of the blocks, PyTorch class name.
        nonlinear_activation_params: Its arguments.
        use_causal_conv: Whether the backbone sees no later frame; the inverse STFT still does.
        **kwargs: Keras model arguments (name, dtype).

    Raises:
        HparamsError: If the values do not fit together.
    """

    def __init__(
        self,
        in_channels: int = 80,
        dim: int = 512,
        intermediate_dim: int = 1536,
        num_layers: int = 8,
        fft_size: int = 1024,
        hop_size: int = 256,
        padding: str = "center",
        kernel_size: int = 7,
        layer_scale_init_value: float | None = None,
        layer_norm_eps: float = 1e-6,
        nonlinear_activation: str = "GELU",
        nonlinear_activation_params: dict[str, Any] | None = None,
        use_causal_conv: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "vocos_generator"} | kwargs)
        if kernel_size % 2 == 0 and not use_causal_conv:
            raise HparamsError(f"VocosGenerator: kernel_size {kernel_size} must be odd")
        if num_layers < 1:
            raise HparamsError(f"VocosGenerator: num_layers {num_layers} must be at least 1")
        self.remember(
            in_channels=in_channels,
            dim=dim,
            intermediate_dim=intermediate_dim,
            num_layers=num_layers,
            fft_size=fft_size,
            hop_size=hop_size,
            padding=padding,
            kernel_size=kernel_size,
            layer_scale_init_value=layer_scale_init_value,
            layer_norm_eps=layer_norm_eps,
            nonlinear_activation=nonlinear_activation,
            nonlinear_activation_params=nonlinear_activation_params,
            use_causal_conv=use_causal_conv,
        )
        self.in_channels, self.out_channels, self.dim = in_channels, 1, dim
        full = self.full_precision
        self.input_conv = Conv1D(
            dim,
            kernel_size,
            padding=(kernel_size - 1) // 2,
            causal=use_causal_conv,
            init_stddev=_INIT_STDDEV,
            name="input_conv",
            dtype=self.dtype_policy,
        )
        self.input_norm = LayerNorm(layer_norm_eps, name="input_norm", dtype=full)
        self.blocks = [
            ConvNeXtBlock(
                dim,
                intermediate_dim,
                layer_scale_init_value or 1.0 / num_layers,
                kernel_size=kernel_size,
                layer_norm_eps=layer_norm_eps,
                nonlinear_activation=nonlinear_activation,
                nonlinear_activation_params=nonlinear_activation_params,
                use_causal_conv=use_causal_conv,
                weight_initializer=keras.initializers.TruncatedNormal(0.0, _INIT_STDDEV),
                name=f"block_{i}",
                dtype=self.dtype_policy,
            )
            for i in range(num_layers)
        ]
        self.output_norm = LayerNorm(layer_norm_eps, name="output_norm", dtype=full)
        self.spectrum = Linear(fft_size + 2, name="spectrum", dtype=full)
        self.inverse_stft = InverseSTFT(
            fft_size, hop_size, padding, name="inverse_stft", dtype=full
        )
        self.build((None, None, in_channels))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the variables; called by the constructor."""
        self.input_conv.build(input_shape)
        layers: list[keras.layers.Layer] = [self.input_norm, *self.blocks]
        for layer in (*layers, self.output_norm, self.spectrum):
            layer.build((None, None, self.dim))
        self.built = True

    def call(self, mel: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps a normalised mel-spectrogram (B, T, in_channels) to audio.

        Args:
            mel: Features.
            training: True where a gradient is taken; it has no influence on the values.

        Returns:
            Waveform (B, T * hop_size, 1), float32 unless the policy is float64.
        """
        return self.head(self.backbone(mel, training))

    def backbone(self, mel: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps a normalised mel-spectrogram (B, T, in_channels) to features (B, T, dim)."""
        x = self.input_norm(self.input_conv(mel, training=training))
        for block in self.blocks:
            x = block(x)
        return self.output_norm(x)

    def head(self, features: tf.Tensor) -> tf.Tensor:
        """Maps features (B, T, dim) to a waveform (B, T * hop_size, 1)."""
        log_magnitude, phase = tf.split(self.spectrum(features), 2, axis=2)
        # Limited before the exponential, whose overflow would make the gradient not a number.
        magnitude = tf.exp(tf.minimum(log_magnitude, math.log(_LARGEST_MAGNITUDE)))
        spectrum = tf.complex(magnitude * tf.cos(phase), magnitude * tf.sin(phase))
        return self.inverse_stft(spectrum)[..., tf.newaxis]

    @property
    def upsample_factor(self) -> int:
        """Output samples per mel frame."""
        return self.inverse_stft.hop_size

    def input_range(self, first: int, last: int) -> tuple[int, int]:
        """See `Generator.input_range`."""
        first, last = self.inverse_stft.input_range(first, last)
        for block in self.blocks:
            first, last = block.depthwise_conv.input_range(first, last)
        return self.input_conv.input_range(first, last)
