"""Z-scoring of log-mels with the corpus statistics, inside the model."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf


class MelNormalization(keras.layers.Layer):
    """(mel - mean) / scale per band, in float32; the identity without statistics.

    The statistics are constants of the layer, not variables: they travel with the checkpoint's
    description and end up inside an exported graph.

    Args:
        mean: Mean per band, shape (n_mels,), or None.
        scale: Standard deviation per band, shape (n_mels,), or None.
    """

    def __init__(
        self, mean: np.ndarray | None = None, scale: np.ndarray | None = None, **kwargs: object
    ) -> None:
        super().__init__(dtype="float32", autocast=False, **kwargs)
        self._mean = None if mean is None else np.asarray(mean, np.float32)
        self._scale = None if scale is None else np.asarray(scale, np.float32)

    def call(self, mel: tf.Tensor) -> tf.Tensor:
        """Normalises `mel` (B, T, n_mels)."""
        if self._mean is None or self._scale is None:
            return mel
        return (mel - self._mean) / self._scale

    def inverse(self, mel: tf.Tensor) -> tf.Tensor:
        """Raw log-mel of a normalised one, both (B, T, n_mels)."""
        if self._mean is None or self._scale is None:
            return mel
        return mel * self._scale + self._mean
