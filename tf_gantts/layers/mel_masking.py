"""Masks over mel-spectrograms, as augmentation (Park et al. 2019), and dropped frames.

Names, arguments and distributions are those of `tfio.audio.freq_mask` and `time_mask`. Those draw
from TensorFlow's hidden random state, which no checkpoint can hold; here a mask is a function of a
seed, so that a resumed run is the same run. One mask is drawn for each row.
"""

from __future__ import annotations

import tensorflow as tf


def freq_mask(mel: tf.Tensor, param: int, seed: tf.Tensor) -> tf.Tensor:
    """Sets up to `param` - 1 neighbouring bands of each row to 0.

    Args:
        mel: (B, T, n_mels).
        param: Bands; at most n_mels.
        seed: (2,) integers.
    """
    return _masked(mel, param, 2, seed)


def time_mask(mel: tf.Tensor, param: int, seed: tf.Tensor) -> tf.Tensor:
    """Sets up to `param` - 1 neighbouring frames of each row to 0.

    Args:
        mel: (B, T, n_mels).
        param: Frames; at most T.
        seed: (2,) integers.
    """
    return _masked(mel, param, 1, seed)


def drop_frames(mel: tf.Tensor, rate: float, group: int, seed: tf.Tensor) -> tf.Tensor:
    """Sets groups of frames to 0, each with the same probability.

    A decoder that is taught with the true frames before may learn to continue them and not to read;
    what it cannot continue it must read. Source: the drop frame rate of Liu et al. 2019,
    "Maximizing mutual information for Tacotron".

    Args:
        mel: (B, T, n_mels), normalised, so that 0 is the mean.
        rate: Probability in [0, 1).
        group: Neighbouring frames that are dropped together: those of a decoder step.
        seed: (2,) integers.
    """
    frames = tf.shape(mel)[1]
    groups = -(-frames // group)
    kept = tf.random.stateless_uniform((tf.shape(mel)[0], groups), seed) >= rate
    kept = tf.repeat(kept, group, axis=1)[:, :frames, tf.newaxis]
    return tf.where(kept, mel, tf.zeros([], mel.dtype))


def _masked(mel: tf.Tensor, param: int, axis: int, seed: tf.Tensor) -> tf.Tensor:
    size = tf.shape(mel)[axis]
    uniform = tf.random.stateless_uniform((2, tf.shape(mel)[0]), seed)
    width = tf.cast(uniform[0] * float(param), tf.int32)
    first = tf.cast(uniform[1] * tf.cast(size - width, tf.float32), tf.int32)
    places = tf.range(size)[tf.newaxis]
    inside = (places >= first[:, tf.newaxis]) & (places < (first + width)[:, tf.newaxis])
    inside = tf.expand_dims(inside, 2 if axis == 1 else 1)
    return tf.where(inside, tf.zeros([], mel.dtype), mel)
