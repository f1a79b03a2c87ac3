"""Distance of the phase's differences between neighbouring bins and frames."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tf_gantts.audio.graph import stft
from tf_gantts.errors import HparamsError

_TINY_POWER = 1e-10  # of a bin, about -100 dB: below it a phase has no gradient


class PhaseDifferenceLoss:
    """How much the error of the phase changes from frame to frame and from bin to bin.

    The phase itself is known up to the clip's exact position only; what is heard are its
    differences along time (the instantaneous frequency) and along frequency (the group delay). The
    difference of two clips' phase differences is the difference of their phase errors e, so the
    loss is the mean of 1 - cos(e - e') over neighbours, which needs no unwrapping. A pair weighs as
    much as the geometric mean of its natural magnitudes.

    Related: the anti-wrapping losses of Ai and Ling 2023 (APNet), which take absolute values.

    Args:
        fft_sizes: FFT and window length of each resolution in samples.
        hop_sizes: Frame shift of each resolution in samples.

    Raises:
        HparamsError: If the two lists differ in length.
    """

    def __init__(
        self, fft_sizes: Sequence[int] = (1024, 2048), hop_sizes: Sequence[int] = (256, 256)
    ) -> None:
        if len(fft_sizes) != len(hop_sizes):
            raise HparamsError(
                f"phase_loss_params: {len(fft_sizes)} fft_sizes and {len(hop_sizes)} hop_sizes;"
                " one of each per resolution is expected"
            )
        self.resolutions = list(zip(fft_sizes, hop_sizes, strict=True))

    def __call__(self, fake: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        """The loss, a float32 scalar: 0 for equal clips, about 0.7 for unrelated noise.

        Args:
            fake: Generated waveforms (B, T), T at least the longest FFT.
            real: Natural waveforms of the same shape.
        """
        fake, real = tf.cast(fake, tf.float32), tf.cast(real, tf.float32)
        losses = [self._distance(fake, real, *resolution) for resolution in self.resolutions]
        return tf.add_n(losses) / len(losses)

    def _distance(self, fake: tf.Tensor, real: tf.Tensor, fft_size: int, hop: int) -> tf.Tensor:
        y, x = (stft(clips, fft_size, hop, fft_size, "hann") for clips in (fake, real))
        (a, b), (c, d) = ((tf.math.real(z), tf.math.imag(z)) for z in (y, x))
        power = tf.square(c) + tf.square(d)
        scale = tf.math.rsqrt((tf.square(a) + tf.square(b) + _TINY_POWER) * (power + _TINY_POWER))
        cosine, sine = (a * c + b * d) * scale, (b * c - a * d) * scale  # of the error e
        weight = tf.pow(power + _TINY_POWER, 0.25)

        def along(axis: int) -> tf.Tensor:
            (u, u2), (v, v2), (w, w2) = (_neighbours(z, axis) for z in (cosine, sine, weight))
            pairs = w * w2
            return tf.reduce_sum(pairs * (1.0 - u * u2 - v * v2)) / tf.reduce_sum(pairs)

        return (along(1) + along(2)) / 2.0


def _neighbours(x: tf.Tensor, axis: int) -> tuple[tf.Tensor, tf.Tensor]:
    return (x[:, :-1], x[:, 1:]) if axis == 1 else (x[:, :, :-1], x[:, :, 1:])
