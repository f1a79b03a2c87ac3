"""Windows cut from mel-spectrograms, all equally likely."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tf_gantts.layers.length_mask import steps_of


def window_starts(lengths: tf.Tensor, sizes: Sequence[int], shares: tf.Tensor) -> tf.Tensor:
    """First frames of windows that lie within their rows.

    Args:
        lengths: Frames of each row (B,).
        sizes: Frames of each window.
        shares: Uniform random numbers in [0, 1), one per row and window (B, windows).

    Returns:
        int32 (B, windows); 0 where a row is shorter than the window.
    """
    room = tf.cast(lengths, tf.int32)[:, tf.newaxis] - tf.constant(list(sizes))
    places = tf.cast(tf.maximum(room, 0) + 1, tf.float32)
    starts = tf.cast(tf.floor(tf.cast(shares, tf.float32) * places), tf.int32)
    return tf.minimum(starts, tf.maximum(room, 0))  # where the product was rounded up


def cut_window(
    mel: tf.Tensor, starts: tf.Tensor, size: int, lengths: tf.Tensor | None = None
) -> tf.Tensor:
    """One window of each row (B, size, n_mels); zero beyond the row's end.

    Args:
        mel: (B, T, n_mels).
        starts: First frame of each row's window, int (B,).
        size: Its frames.
        lengths: Frames of each row (B,); None for T.
    """
    last = steps_of(mel) - 1
    ends = last + 1 if lengths is None else tf.cast(lengths, tf.int32)[:, tf.newaxis]
    frames = tf.cast(starts, tf.int32)[:, tf.newaxis] + tf.range(size)
    window = tf.gather(mel, tf.minimum(frames, last), batch_dims=1)
    return tf.where((frames < ends)[..., tf.newaxis], window, tf.zeros([], mel.dtype))
