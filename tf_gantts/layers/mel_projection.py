"""Pulls a waveform towards the mel-spectrogram that it was made from."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from tf_gantts.audio.filterbank import mel_filterbank
from tf_gantts.audio.graph import LogMel
from tf_gantts.audio.mel import NEPERS
from tf_gantts.audio.mel_spec import DB_RANGE, MelSpec
from tf_gantts.errors import HparamsError
from tf_gantts.layers.inverse_stft import InverseSTFT

_PADDINGS = {"center_reflect": "center", "center_constant": "center", "same": "same"}
_LARGEST_GAIN = math.log(1e3)  # of a band; exact silence would ask for an infinite one


class MelProjection:
    """Rounds of: STFT, scale every bin so that the mel comes nearer to the given one, inverse STFT.

    Griffin-Lim's alternation with the mel in the place of the magnitudes: phase and harmonics stay
    what the network made them, and become consistent. A bin's logarithmic gain is the mean of what
    its mel bands lack, weighted by their filters. Each round's spectra are accelerated as in
    Perraudin, Balazs and Soendergaard, "A Fast Griffin-Lim Algorithm" (WASPAA 2013). There are no
    variables.

    Args:
        spec: The mel definition.
        rounds: How often.
        momentum: Acceleration, 0 for none.

    Raises:
        HparamsError: If the definition's STFT has no inverse here or its mel no logarithm.
    """

    def __init__(self, spec: MelSpec, rounds: int, momentum: float = 0.8) -> None:
        if spec.padding not in _PADDINGS or spec.log not in NEPERS:
            raise HparamsError(
                f"mel_projections: a centred logarithmic mel is needed, this one has padding"
                f" {spec.padding!r} and log {spec.log!r}; set it to 0"
            )
        if spec.window != "hann" or spec.win_length != spec.fft_size:
            raise HparamsError(
                f"mel_projections: a hann window of fft_size {spec.fft_size} is needed, this one is"
                f" {spec.window} of {spec.win_length}; set it to 0"
            )
        self.spec, self.rounds, self.momentum = spec, rounds, momentum
        self._log_mel = LogMel(spec, aligned=True)
        self._inverse_stft = InverseSTFT(spec.fft_size, spec.hop_size, _PADDINGS[spec.padding])
        filters = mel_filterbank(spec)
        self._shares = (filters / np.maximum(filters.sum(axis=0), 1e-30)).astype(np.float32)
        self._nepers = NEPERS[spec.log] / spec.power  # amplitude's logarithm per unit of feature
        if spec.normalization == "symmetric":
            self._nepers *= DB_RANGE / 8.0

    def __call__(self, wave: tf.Tensor, mel: tf.Tensor) -> tf.Tensor:
        """Projects waveforms.

        Args:
            wave: Waveforms (B, T * hop_size, 1).
            mel: Their mel as it should be, stored features (B, T, n_mels).

        Returns:
            Waveforms (B, T * hop_size, 1), float32.
        """
        samples = tf.cast(wave[..., 0], tf.float32)
        spectrum = previous = self._log_mel.spectrum(samples)
        for i in range(self.rounds):
            if i:
                consistent = self._log_mel.spectrum(samples)
                spectrum = consistent + self.momentum * (consistent - previous)
                previous = consistent
            samples = self._inverse_stft(self._scaled(spectrum, mel))
        return samples[..., tf.newaxis]

    def _scaled(self, spectrum: tf.Tensor, mel: tf.Tensor) -> tf.Tensor:
        """The spectra (B, T, bins) with gains that bring their mel nearer to (B, T, n_mels)."""
        real, imag = tf.math.real(spectrum), tf.math.imag(spectrum)
        found = self._log_mel.of_power(tf.square(real) + tf.square(imag))
        missing = self._nepers * (mel - found)
        missing = tf.clip_by_value(missing, -_LARGEST_GAIN, _LARGEST_GAIN)
        gain = tf.exp(tf.matmul(missing, self._shares))
        return tf.complex(real * gain, imag * gain)

    def context_frames(self, before: int, after: int) -> tuple[int, int]:
        """Frames on which a frame of the result depends, given those of the waveform's."""
        hop, fft_size, trim = self.spec.hop_size, self.spec.fft_size, self._inverse_stft.trim
        first, last = 0, hop - 1  # samples
        for _ in range(self.rounds):
            first, last = self._inverse_stft.input_range(first, last)
            first, last = first * hop - trim + 1, last * hop - trim + fft_size - 1
        return before - first // hop, after + last // hop
