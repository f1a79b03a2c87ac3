"""The mean over what is not padding, which is what most losses of sequences are."""

from __future__ import annotations

import tensorflow as tf

from tf_gantts.layers.replicas import replica_count, sum_over_replicas


def masked_mean(values: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """Mean of the values where a mask of the same shape is True; of all without a mask.

    In a replica, the sum is divided by the mean count of all replicas: then the mean over the
    replicas is that of all values, however they are shared out.
    """
    if mask is None:
        return tf.reduce_mean(values)
    kept = tf.where(mask, values, tf.zeros([], values.dtype))
    count = sum_over_replicas(tf.reduce_sum(tf.cast(mask, values.dtype))) / replica_count()
    return tf.reduce_sum(kept) / tf.maximum(count, 1.0)
