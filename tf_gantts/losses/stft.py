"""Multi-resolution STFT loss."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tf_gantts.audio.graph import stft_magnitude
from tf_gantts.errors import HparamsError
from tf_gantts.layers.replicas import sum_over_replicas


class MultiResolutionSTFTLoss:
    """Spectral convergence and log-magnitude distance, each averaged over several resolutions.

    Spectral convergence is ||Y - X|| / ||Y|| with Frobenius norms over the whole batch, as in
    ParallelWaveGAN, whose numbers this matches. Under data parallelism the batch is the global one:
    the norms are summed over the replicas, so that N replicas give what one gives. Source: Yamamoto
    et al. 2020 (Parallel WaveGAN), section 2.2.

    Args:
        fft_sizes: FFT length of each resolution in samples.
        hop_sizes: Frame shift of each resolution in samples.
        win_lengths: Window length of each resolution in samples.
        window: "hann_window" or "hann".
        sum_over_replicas: Whether the norms span all replicas. Set to False where the loss is
            compiled by XLA on several GPUs, which cannot hold the exchange.

    Raises:
        HparamsError: If the three lists differ in length.
    """

    def __init__(
        self,
        fft_sizes: Sequence[int] = (1024, 2048, 512),
        hop_sizes: Sequence[int] = (120, 240, 50),
        win_lengths: Sequence[int] = (600, 1200, 240),
        window: str = "hann_window",
        sum_over_replicas: bool = True,
    ) -> None:
        if not len(fft_sizes) == len(hop_sizes) == len(win_lengths):
            raise HparamsError(
                f"stft_loss_params: {len(fft_sizes)} fft_sizes, {len(hop_sizes)} hop_sizes and"
                f" {len(win_lengths)} win_lengths; one of each per resolution is expected"
            )
        self.resolutions = list(zip(fft_sizes, hop_sizes, win_lengths, strict=True))
        self.window = window
        self.sum_over_replicas = sum_over_replicas

    def __call__(self, fake: tf.Tensor, real: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The two losses, float32 scalars.

        Args:
            fake: Generated waveforms (B, T) or (B, T, subbands); each sub-band counts as a clip.
            real: Natural waveforms of the same shape.

        Returns:
            Spectral convergence, log STFT magnitude distance.
        """
        convergence, magnitude = self.per_resolution(fake, real)
        return tf.reduce_mean(convergence), tf.reduce_mean(magnitude)

    def per_resolution(self, fake: tf.Tensor, real: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """As a call, but each loss of shape (resolutions,)."""
        fake, real = _as_clips(fake), _as_clips(real)
        squares, distances = [], []
        for fft_size, hop_size, win_length in self.resolutions:
            fake_magnitude, real_magnitude = (
                stft_magnitude(clips, fft_size, hop_size, win_length, self.window)
                for clips in (fake, real)
            )
            squares.append(tf.reduce_sum(tf.square(real_magnitude - fake_magnitude)))
            squares.append(tf.reduce_sum(tf.square(real_magnitude)))
            log_difference = tf.math.log(real_magnitude) - tf.math.log(fake_magnitude)
            distances.append(tf.reduce_mean(tf.abs(log_difference)))
        summed = tf.stack(squares)
        if self.sum_over_replicas:
            summed = sum_over_replicas(summed)
        norms = tf.sqrt(tf.reshape(summed, (-1, 2)))
        return norms[:, 0] / norms[:, 1], tf.stack(distances)


def _as_clips(waves: tf.Tensor) -> tf.Tensor:
    """(B, T) or (B, T, subbands) -> (clips, T) float32."""
    waves = tf.cast(waves, tf.float32)
    if waves.shape.rank == 2:
        return waves
    return tf.reshape(tf.transpose(waves, (0, 2, 1)), (-1, tf.shape(waves)[1]))
