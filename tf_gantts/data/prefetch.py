"""Batches made ahead of the steps that use them."""

from __future__ import annotations

import tensorflow as tf


def prefetch(dataset: tf.data.Dataset, elements: int) -> tf.data.Dataset:
    """The dataset with elements made ahead in a thread, and without TensorFlow's autotuning.

    Nothing in our pipelines is left to tune, and whoever drops an iterator may have to wait for the
    tuner, which sleeps for up to a minute: a run that a signal stops would be saved only then.

    Args:
        dataset: The end of a pipeline.
        elements: How many are made ahead.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.prefetch(elements).with_options(options)
