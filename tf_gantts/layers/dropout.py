"""Dropout whose noise is a function of a seed."""

from __future__ import annotations

import tensorflow as tf


def dropout(x: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """Zeroes values with probability `rate` and divides the others by 1 - rate.

    Args:
        x: Any shape.
        rate: Probability in [0, 1).
        seed: (2,) integers; the same seed and shape drop the same values (others under XLA).
    """
    if rate == 0.0:
        return x
    kept = tf.random.stateless_uniform(tf.shape(x), seed) >= rate
    return tf.where(kept, x / tf.cast(1.0 - rate, x.dtype), tf.zeros([], x.dtype))


def seeds(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    """`count` independent seeds (2,) from one."""
    return tf.unstack(tf.random.split(seed, count), num=count)


def seed_of_step(seed: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """The seed (2,) of one step of a loop."""
    return seed + tf.stack([tf.zeros_like(step), step])
