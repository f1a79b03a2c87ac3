"""Distance of the autocorrelation at the lags of a voice's pitch."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from tf_gantts.audio.graph import reflect_pad, stft_power
from tf_gantts.audio.stft import analysis_window
from tf_gantts.errors import HparamsError

_SILENT = 1e-3  # RMS amplitude at which a frame counts half: -60 dB of full scale


class AutocorrelationLoss:
    """Mean squared difference of normalised autocorrelations: hum in noise, noise in voices.

    Spectral losses hardly see that noise repeats itself from frame to frame, because its magnitudes
    are right; its autocorrelation then has a peak at the frame shift that a recording has not.
    The autocorrelation of each windowed frame is divided by its value at lag 0 and by the window's
    own (Boersma 1993), so quiet frames count as much as loud ones.

    Args:
        fs: Sampling rate in Hz.
        win_length: Hann window in samples, at least twice the longest lag; None for the next power
            of two, 1024 at 22,050 Hz.
        hop_size: Frame shift in samples.
        lowest_f0: Its period is the longest lag, in Hz.
        highest_f0: Its period is the shortest lag, in Hz.

    Raises:
        HparamsError: If the window is too short.
    """

    def __init__(
        self,
        fs: int = 22050,
        win_length: int | None = None,
        hop_size: int = 256,
        lowest_f0: float = 60.0,
        highest_f0: float = 600.0,
    ) -> None:
        self.lags = slice(int(fs / highest_f0), int(fs / lowest_f0) + 1)
        shortest = 2 * self.lags.stop
        win_length = win_length or 2 ** math.ceil(math.log2(shortest))
        if win_length < shortest:
            raise HparamsError(
                f"autocorrelation_loss_params: win_length {win_length} must be at least {shortest},"
                f" two periods of lowest_f0 {lowest_f0:g} Hz"
            )
        self.win_length, self.hop_size = win_length, hop_size
        window = analysis_window("hann", win_length)
        own = np.correlate(window, window, "full")[win_length - 1 :]
        self._own = (own[self.lags] / own[0]).astype(np.float32)
        self._silent = float(_SILENT**2 * own[0])

    def __call__(self, fake: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        """The loss, a float32 scalar.

        Args:
            fake: Generated waveforms (B, T).
            real: Natural waveforms of the same shape.
        """
        return tf.reduce_mean(tf.square(self._normalised(fake) - self._normalised(real)))

    def _normalised(self, clips: tf.Tensor) -> tf.Tensor:
        """(B, T) to (B, frames, lags)."""
        fft_size = 2 * self.win_length  # no lag wraps around
        padded = reflect_pad(tf.cast(clips, tf.float32), self.win_length)
        power = stft_power(padded, fft_size, self.hop_size, self.win_length, "hann")
        correlation = tf.signal.irfft(tf.complex(power, tf.zeros_like(power)), [fft_size])
        level = correlation[..., :1] + self._silent
        return correlation[..., self.lags] / (level * self._own)
