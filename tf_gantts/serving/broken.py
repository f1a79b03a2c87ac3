"""Vocoders that are broken on purpose: what metrics have to find bad."""

from __future__ import annotations

import keras
import numpy as np


def shuffle_weights(network: keras.Model, seed: int = 0) -> None:
    """Permutes the elements of each weight tensor among themselves.

    What a tensor holds, its mean and its spread stay as they were; what the network learned is
    gone.

    Args:
        network: The network; its trainable weights change.
        seed: Seed of the permutations.
    """
    rng = np.random.default_rng(seed)
    for variable in network.trainable_variables:
        values = variable.numpy()
        variable.assign(rng.permutation(values.reshape(-1)).reshape(values.shape))
