"""Dropout whose noise is a function of a seed."""

from __future__ import annotations

import tensorflow as tf


def dropout(x: tf.Tensor, rate: float, seed: tf.Tensor | None) -> tf.Tensor:
    """Zeroes values with probability `rate` and divides the others by 1 - rate.

    Args:
        x: Any shape.
        rate: Probability in [0, 1).
        seed: (2,) integers; the same seed and shape drop the same values (others under XLA). None
            to drop nothing.
    """
    if rate == 0.0 or seed is None:
        return x
    kept = tf.random.stateless_uniform(tf.shape(x), seed) >= rate
    return tf.where(kept, x / tf.cast(1.0 - rate, x.dtype), tf.zeros([], x.dtype))


def seeds(seed: tf.Tensor | None, count: int) -> list[tf.Tensor | None]:
    """`count` independent seeds (2,) from one; as many None from None."""
    if seed is None:
        return [None] * count
    return tf.unstack(tf.random.split(seed, count), num=count)


def seed_of_step(seed: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """The seed (2,) of one step of a loop."""
    return seed + tf.stack([tf.zeros_like(step), step])
