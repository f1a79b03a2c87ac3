"""A generator of sub-bands, and the filterbank that joins them."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.layers.pqmf import PQMF
from tf_gantts.networks.generator import Generator
from tf_gantts.networks.melgan import MelGANGenerator
from tf_gantts.networks.network import require_known


@keras.saving.register_keras_serializable("tf_gantts")
class MultiBandMelGANGenerator(Generator):
    """Mel-spectrogram (B, T, in_channels) to waveform (B, T * upsample_factor, 1) by sub-bands.

    MelGAN's generator makes `out_channels` sub-bands at a fraction of the rate, a pseudo quadrature
    mirror filterbank joins them. Source: Yang et al. 2020 (Multi-band MelGAN); numbers are those of
    ParallelWaveGAN's MelGANGenerator followed by its PQMF.

    Args:
        generator_params: Arguments of `MelGANGenerator`; its `out_channels` is the number of
            sub-bands.
        pqmf_params: Arguments of `PQMF` other than `subbands`.
        **kwargs: Keras model arguments (name, dtype).

    Raises:
        HparamsError: If a parameter is unknown or there are fewer than two sub-bands.
    """

    def __init__(
        self,
        generator_params: dict[str, Any],
        pqmf_params: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "multi_band_melgan_generator"} | kwargs)
        require_known(MelGANGenerator, generator_params, "generator_params")
        require_known(PQMF, pqmf_params or {}, "pqmf_params")
        self.remember(generator_params=generator_params, pqmf_params=pqmf_params)
        self.melgan = MelGANGenerator(**generator_params, name="melgan", dtype=self.dtype_policy)
        if self.melgan.out_channels < 2:
            raise HparamsError("MultiBandMelGANGenerator: out_channels must be at least 2")
        self.pqmf = PQMF(
            self.melgan.out_channels, **(pqmf_params or {}), dtype=self.full_precision, name="pqmf"
        )
        self.in_channels, self.out_channels = self.melgan.in_channels, 1
        self.build((None, None, self.in_channels))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Nothing is left to create; called by the constructor."""
        del input_shape
        self.built = True

    def call(self, mel: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps a normalised mel-spectrogram (B, T, in_channels) to audio.

        Args:
            mel: Features.
            training: True where a gradient is taken; it has no influence on the values.

        Returns:
            Waveform (B, T * upsample_factor, 1), float32 unless the policy is float64.
        """
        return self.join(self.subbands(mel, training))

    def subbands(self, mel: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps a normalised mel (B, T, in_channels) to n sub-bands (B, N, n), N * n samples."""
        return self.melgan(mel, training=training)

    def join(self, subbands: tf.Tensor) -> tf.Tensor:
        """Maps sub-bands (B, N, n) to a waveform (B, N * n, 1)."""
        return self.pqmf.synthesis(subbands)

    def split(self, wave: tf.Tensor) -> tf.Tensor:
        """Maps a waveform (B, N * n, 1) to its sub-bands (B, N, n)."""
        return self.pqmf.analysis(wave)

    def folded_config(self) -> dict[str, Any]:
        """See `Network.folded_config`."""
        config = self.get_config()
        config["generator_params"] = config["generator_params"] | {"use_weight_norm": False}
        return config

    @property
    def upsample_factor(self) -> int:
        """Output samples per mel frame."""
        return self.melgan.upsample_factor * self.pqmf.subbands

    def input_range(self, first: int, last: int) -> tuple[int, int]:
        """See `Generator.input_range`."""
        subbands = self.pqmf.subbands
        reach = math.ceil(self.pqmf.taps / 2 / subbands)  # sub-band samples
        return self.melgan.input_range(first // subbands - reach, last // subbands + reach)
