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


def frame_index(
    durations: tf.Tensor, frames: int | tf.Tensor, offset: tf.Tensor | None = None
) -> FrameIndex:
    """Finds the symbol of each frame.

    Args:
        durations: Frames of each symbol, int (B, N), zeros at padding. Symbols with no frame are
            passed over.
        frames: T.
        offset: Frame of the symbols' own time at which each row starts, int (B,); None for 0. A row
            cut from a stream so has its first and its last symbol partly, and context symbols
            before and after them not at all, and still knows their whole durations.
    """
    durations = tf.cast(durations, tf.int32)
    ends = tf.cumsum(durations, axis=1)
    time = tf.range(frames)[tf.newaxis]
    if offset is not None:
        time += tf.cast(offset, tf.int32)[:, tf.newaxis]
    time = tf.broadcast_to(time, (steps_of(durations, 0), frames))
    ended = ends[:, tf.newaxis, :] <= time[:, :, tf.newaxis]
    symbol = tf.reduce_sum(tf.cast(ended, tf.int32), axis=2)
    symbol = tf.minimum(symbol, steps_of(durations) - 1)
    starts = ends - durations
    return FrameIndex(
        symbol,
        time - tf.gather(starts, symbol, batch_dims=1),
        tf.gather(durations, symbol, batch_dims=1),
        (time >= 0) & (time < ends[:, -1:]),
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


def round_durations(durations: tf.Tensor, id_lengths: tf.Tensor) -> tf.Tensor:
    """Whole frames, of which the running sum is the rounded running sum.

    So a row is at most half a frame longer or shorter than its durations say, while rounding each
    for itself would be off by the mean rounding error times the symbols.

    Args:
        durations: Frames of each symbol, float (B, N); below 1 counts as 1, because a symbol that
            the text has is to be heard.
        id_lengths: Symbols of each row (B,).

    Returns:
        int32 (B, N), at least 1, zeros at padding.
    """
    valid = length_mask(id_lengths, steps_of(durations))
    durations = tf.where(valid, tf.maximum(tf.cast(durations, tf.float32), 1.0), 0.0)
    # Not tf.round, which takes halves to even numbers: steps of 1 could then become 0 and 2.
    ends = tf.cast(tf.floor(tf.cumsum(durations, axis=1) + 0.5), tf.int32)
    whole = ends - tf.pad(ends, [[0, 0], [1, 0]])[:, :-1]
    return tf.where(valid, tf.maximum(whole, 1), 0)


def wrapped(id_lengths: tf.Tensor, size: int | tf.Tensor, count: int) -> tf.Tensor:
    """Where the symbols of a text between its own last and first ones come from.

    Args:
        id_lengths: Symbols of each row (B,).
        size: Symbols of the longest, padding included: N.
        count: Symbols that stand before, and after, each row's own.

    Returns:
        Places in the text, int32 (B, N + 2 * count), of which the row's length + 2 * count count.
    """
    place = tf.range(size + 2 * count)[tf.newaxis] - count
    return place % tf.maximum(tf.cast(id_lengths, tf.int32), 1)[:, tf.newaxis]
