"""From symbols to frames: which symbol each frame belongs to, and where in it the frame is."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tf_gantts.layers.length_mask import length_mask, steps_of

POSITION_FEATURES = 6
_NEAR = 10.0  # frames from a symbol's borders up to which their distance is told
_NEAR_SCALE = 5.0


class FrameIndex(NamedTuple):
    """The symbol of each frame.

    Attributes:
        symbol: Its number in the row, int32 (B, T).
        elapsed: Frames that the symbol has had before this one, int32 (B, T).
        duration: Frames that it has in all, int32 (B, T).
        valid: Whether the frame belongs to a symbol, bool (B, T). Where it does not, the other
            three mean nothing.
    """

    symbol: tf.Tensor
    elapsed: tf.Tensor
    duration: tf.Tensor
    valid: tf.Tensor

    def gather(self, values: tf.Tensor) -> tf.Tensor:
        """Values of symbols (B, N, ...) for the frames (B, T, ...)."""
        return tf.gather(values, self.symbol, batch_dims=1)


def frame_index(durations: tf.Tensor, frames: int | tf.Tensor) -> FrameIndex:
    """Finds the symbol of each frame.

    Args:
        durations: Frames of each symbol, int (B, N), zeros at padding. Symbols with no frame are
            passed over.
        frames: T.
    """
    durations = tf.cast(durations, tf.int32)
    ends = tf.cumsum(durations, axis=1)
    time = tf.broadcast_to(tf.range(frames), (steps_of(durations, 0), frames))
    ended = ends[:, tf.newaxis, :] <= time[:, :, tf.newaxis]
    symbol = tf.reduce_sum(tf.cast(ended, tf.int32), axis=2)
    symbol = tf.minimum(symbol, steps_of(durations) - 1)
    starts = ends - durations
    return FrameIndex(
        symbol,
        time - tf.gather(starts, symbol, batch_dims=1),
        tf.gather(durations, symbol, batch_dims=1),
        time < ends[:, -1:],
    )


def position_features(index: FrameIndex) -> tf.Tensor:
    """Where in its symbol each frame is, float32 (B, T, `POSITION_FEATURES`).

    For frame k of d, with f = (k + 0.5) / d: f, 1 - f, log d, sin(pi f), and the frames before and
    after it, each up to ten, in units of five.
    """
    duration = tf.cast(tf.maximum(index.duration, 1), tf.float32)
    before = tf.cast(index.elapsed, tf.float32)
    after = duration - 1.0 - before
    share = (before + 0.5) / duration
    return tf.stack(
        [
            share,
            1.0 - share,
            tf.math.log(duration),
            tf.sin(3.14159265 * share),
            tf.minimum(before, _NEAR) / _NEAR_SCALE,
            tf.minimum(after, _NEAR) / _NEAR_SCALE,
        ],
        axis=2,
    )


def round_durations(
    durations: tf.Tensor, id_lengths: tf.Tensor, least: int | tf.Tensor = 1
) -> tf.Tensor:
    """Whole frames, of which the running sum is the rounded running sum.

    So a row is at most half a frame longer or shorter than its durations say, while rounding each
    for itself would be off by the mean rounding error times the symbols.

    Args:
        durations: Frames of each symbol, float (B, N).
        id_lengths: Symbols of each row (B,).
        least: Fewest frames of a symbol, 0 or 1, of all or of each (B, N): one that is to be heard
            has 1.

    Returns:
        int32 (B, N), at least `least`, zeros at padding.
    """
    valid = length_mask(id_lengths, steps_of(durations))
    fewest = tf.cast(least, tf.float32)
    durations = tf.where(valid, tf.maximum(tf.cast(durations, tf.float32), fewest), 0.0)
    # Not tf.round, which takes halves to even numbers: steps of 1 could then become 0 and 2.
    ends = tf.cast(tf.floor(tf.cumsum(durations, axis=1) + 0.5), tf.int32)
    whole = ends - tf.pad(ends, [[0, 0], [1, 0]])[:, :-1]
    return tf.where(valid, tf.maximum(whole, tf.cast(least, tf.int32)), 0)
