"""What the discriminators of waveforms have in common."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.layers.pooling import AvgPool1D
from tf_gantts.networks.network import Network


class WaveDiscriminator(keras.layers.Layer):
    """Convolutions in a row, from a waveform to a score.

    No autocast: the first convolution must see the waveform before it is rounded to half precision.

    Attributes:
        convs: The convolutions, the score's last.
        activation: What follows each but the last.
    """

    convs: list[Any]
    activation: Any

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)

    def remember(self, **config: Any) -> None:
        """Keeps the constructor arguments for `get_config`."""
        self._config = config

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the variables for inputs (B, T, in_channels)."""
        channels = input_shape[-1]
        for conv in self.convs:
            conv.build((None, None, channels))
            channels = conv.filters

    def call(self, wave: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        """Maps a waveform (B, T, in_channels) to feature maps (B, T_i, C_i), the score last."""
        x, maps = wave, []
        for conv in self.convs[:-1]:
            x = self.activation(conv(x, training=training))
            maps.append(x)
        return [*maps, self.convs[-1](x, training=training)]

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        config = super().get_config() | self._config
        del config["autocast"]
        return config


class WaveDiscriminators(Network):
    """Discriminators that each judge the whole waveform in their own way.

    Attributes:
        discriminators: Layers from a waveform to the list of their feature maps.
    """

    discriminators: list[Any]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the variables; called by the constructor."""
        for discriminator in self.discriminators:
            discriminator.build(input_shape)
        self.built = True

    def call(self, wave: tf.Tensor, training: bool = False) -> list[list[tf.Tensor]]:
        """Maps a waveform (B, T, in_channels) to one list of feature maps per discriminator.

        Args:
            wave: Signal.
            training: Whether spectral normalisation, where it is on, refines its singular vectors.

        Returns:
            Feature maps of each, the score last.
        """
        return [discriminator(wave, training=training) for discriminator in self.discriminators]


class MultiScaleDiscriminators(WaveDiscriminators):
    """Discriminators of a waveform and of ever more pooled copies of it.

    Attributes:
        pooling: From each copy to the next.
    """

    pooling: Any

    def build_pooling(self, kind: str, params: dict[str, Any]) -> AvgPool1D:
        """The pooling, by its PyTorch class name and arguments.

        Raises:
            HparamsError: If the name is unknown.
        """
        if kind != "AvgPool1d":
            raise HparamsError(f"downsample_pooling {kind!r} is unknown: AvgPool1d")
        return AvgPool1D(**params, name="pooling", dtype=self.full_precision)

    def call(self, wave: tf.Tensor, training: bool = False) -> list[list[tf.Tensor]]:
        """As of any discriminators: feature maps (B, T_i, C_i) of each scale."""
        outputs = []
        for i, discriminator in enumerate(self.discriminators):
            if i:
                wave = self.pooling(wave)
            outputs.append(discriminator(wave, training=training))
        return outputs
