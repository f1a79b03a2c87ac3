"""What an aligner learns from: all monotonic paths, the best of them, and the diagonal."""

from __future__ import annotations

import tensorflow as tf

from tf_gantts.layers.length_mask import length_mask, steps_of
from tf_gantts.layers.monotonic_alignment_search import (
    advance,
    confine,
    hard_alignment,
    possible,
    start_at,
)
from tf_gantts.losses.masked_mean import masked_mean


class ForwardSumLoss:
    """Negative log-probability of all monotonic paths together, per frame, float32.

    Source: Badlani et al., "One TTS alignment to rule them all" (2022), section 2.1, where CTC
    without blanks computes it; here both recursions of the forward-backward algorithm run in one
    loop over the frames, and the gradient is what they give: the probability that a frame belongs
    to a symbol. No shape depends on values.
    """

    def __call__(
        self, log_alignment: tf.Tensor, mel_lengths: tf.Tensor, symbol_lengths: tf.Tensor
    ) -> tf.Tensor:
        """The loss, a scalar: mean over utterances.

        Args:
            log_alignment: Log-probabilities (B, T, N) of each frame's symbols.
            mel_lengths: Frames of each utterance (B,).
            symbol_lengths: Symbols of each (B,). Utterances with fewer frames than symbols have no
                path and do not count.
        """
        total = log_probability_of_paths(log_alignment, mel_lengths, symbol_lengths)
        frames = tf.maximum(tf.cast(mel_lengths, tf.float32), 1.0)
        return masked_mean(-total / frames, possible(mel_lengths, symbol_lengths))


class BinarizationLoss:
    """Mean negative log-probability of a hard path, float32: brings the soft alignment near it.

    Source: Badlani et al. 2022, section 2.4.
    """

    def __call__(self, log_alignment: tf.Tensor, durations: tf.Tensor) -> tf.Tensor:
        """The loss, a scalar.

        Args:
            log_alignment: Log-probabilities (B, T, N).
            durations: Frames of each symbol on the path (B, N).
        """
        path = hard_alignment(durations, steps_of(log_alignment))
        return -masked_mean(tf.cast(log_alignment, tf.float32), path)


def log_probability_of_paths(
    log_alignment: tf.Tensor, mel_lengths: tf.Tensor, symbol_lengths: tf.Tensor
) -> tf.Tensor:
    """Log of the summed probabilities of all paths that visit all symbols in order.

    Args:
        log_alignment: Log-probabilities (B, T, N).
        mel_lengths: Frames of each utterance (B,).
        symbol_lengths: Symbols of each (B,), at least 1.

    Returns:
        Float32 (B,); zeros, without a gradient, where there is no path.
    """
    confined = confine(log_alignment, mel_lengths, symbol_lengths)
    spoken = length_mask(mel_lengths, steps_of(confined))
    valid = possible(mel_lengths, symbol_lengths)

    @tf.custom_gradient
    def forward_backward(scores):
        total, occupancy = _forward_backward(scores, tf.cast(symbol_lengths, tf.int32) - 1)
        counted = tf.cast(spoken & valid[:, tf.newaxis], tf.float32)
        occupancy *= counted[..., tf.newaxis]
        return tf.where(valid, total, 0.0), lambda slope: slope[:, None, None] * occupancy

    return forward_backward(confined)


def beta_binomial_log_prior(
    mel_lengths: tf.Tensor,
    symbol_lengths: tf.Tensor,
    frames: int | tf.Tensor,
    symbols: int | tf.Tensor,
    scaling: float = 1.0,
) -> tf.Tensor:
    """Log-probability of each symbol in each frame before anything is heard: near the diagonal.

    Source: Badlani et al. 2022, section 2.2: symbol k of N in frame t of T (from 1) is
    beta-binomial with n = N - 1, alpha = scaling * t, beta = scaling * (T - t + 1).

    Args:
        mel_lengths: Frames of each utterance (B,).
        symbol_lengths: Symbols of each (B,), at least 1.
        frames: Size of the result's second axis.
        symbols: Size of its third.
        scaling: Larger: nearer to the diagonal.

    Returns:
        Float32 (B, frames, symbols); zeros in the padding.
    """
    written = length_mask(symbol_lengths, symbols)[:, tf.newaxis]
    spoken = length_mask(mel_lengths, frames)[..., tf.newaxis]
    last = tf.cast(symbol_lengths, tf.float32)[:, tf.newaxis, tf.newaxis] - 1.0
    total = tf.cast(mel_lengths, tf.float32)[:, tf.newaxis, tf.newaxis]
    # Clipped, so that padding has logarithms too.
    frame = tf.minimum(tf.range(frames, dtype=tf.float32)[tf.newaxis, :, tf.newaxis] + 1.0, total)
    symbol = tf.minimum(tf.range(symbols, dtype=tf.float32)[tf.newaxis, tf.newaxis], last)
    alpha, beta = scaling * frame, scaling * (total - frame + 1.0)
    log = tf.math.lgamma
    ways = log(last + 1.0) - log(symbol + 1.0) - log(last - symbol + 1.0)
    posterior = log(symbol + alpha) + log(last - symbol + beta) - log(last + alpha + beta)
    prior = log(alpha) + log(beta) - log(alpha + beta)
    return tf.where(written & spoken, ways + posterior - prior, 0.0)


def _forward_backward(scores: tf.Tensor, last: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Log-probability (B,) of all paths to the last symbols (B,), and occupancies (B, T, N)."""
    forward = tf.transpose(scores, (1, 0, 2))
    # Backwards in time and text is the same recursion, from another start.
    both = tf.concat([forward, tf.reverse(forward, (0, 2))], axis=1)
    starts = tf.concat(
        [start_at(0, forward[0]), start_at(steps_of(scores, 2) - 1 - last, forward[0])], axis=0
    )
    reached = _log_sums(both, starts)
    alpha, beta = tf.split(reached, 2, axis=1)
    beta = tf.reverse(beta, (0, 2))
    total = tf.gather(alpha[-1], last, batch_dims=1)
    # Both contain the frame's own score.
    occupancy = tf.exp(alpha + beta - forward - total[tf.newaxis, :, tf.newaxis])
    return total, tf.transpose(occupancy, (1, 0, 2))


def _log_sums(scores: tf.Tensor, starts: tf.Tensor) -> tf.Tensor:
    """Log of the summed probabilities of all paths from the starts (B, N) to each (T, B, N)."""
    frames = steps_of(scores, 0)
    score = tf.TensorArray(tf.float32, frames).unstack(scores)

    def step(frame, sums, reached):
        before = advance(sums)
        largest = tf.maximum(sums, before)
        both = largest + tf.math.log1p(tf.exp(-tf.abs(sums - before)))
        sums = both + score.read(frame)
        return frame + 1, sums, reached.write(frame, sums)

    first = starts + scores[0]
    reached = tf.TensorArray(tf.float32, frames, element_shape=scores.shape[1:]).write(0, first)
    _, _, reached = tf.while_loop(
        lambda frame, *_: frame < frames,
        step,
        (tf.constant(1), first, reached),
        maximum_iterations=frames,
    )
    return reached.stack()
