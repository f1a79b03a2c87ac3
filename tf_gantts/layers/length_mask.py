"""Which steps of a padded batch hold something."""

from __future__ import annotations

import tensorflow as tf


def length_mask(lengths: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """(B,) lengths in steps to (B, size) booleans, True before each length."""
    return tf.range(size)[tf.newaxis] < tf.cast(lengths, tf.int32)[:, tf.newaxis]


def zero_padding(x: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """(B, T, channels) with zeros where the mask (B, T) is False; unchanged without a mask."""
    if mask is None:
        return x
    return tf.where(mask[..., tf.newaxis], x, tf.zeros([], x.dtype))


def steps_of(x: tf.Tensor, axis: int = 1) -> int | tf.Tensor:
    """Length of an axis: a number where it is static."""
    return tf.shape(x)[axis] if x.shape[axis] is None else x.shape[axis]
