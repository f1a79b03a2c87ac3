"""Counting a network's weights and removing its weight normalisation."""

from __future__ import annotations

import math

from tf_gantts.layers.weight_norm import fold
from tf_gantts.networks.network import Network


def count_parameters(network: Network) -> int:
    """Trainable values, without the lengths `weight_g` of weight normalisation.

    So the count is the same with and without weight normalisation.
    """
    counted = (v for v in network.trainable_variables if v.name != "weight_g")
    return sum(math.prod(v.shape) for v in counted)


def fold_weight_norm(network: Network, dtype: str | None = None) -> Network:
    """Copies a network into one without weight normalisation, for inference and export.

    Args:
        network: Any network.
        dtype: Keras' dtype policy of the copy; None for that of the network.

    Returns:
        A new network with equal output, built from `Network.folded_config`.
    """
    config = network.folded_config()
    folded = type(network).from_config(config | ({"dtype": dtype} if dtype else {}))
    values = {variable.path: variable.numpy() for variable in network.variables}
    for variable in folded.variables:
        value = values.get(variable.path)
        if value is None:
            value = fold(values[f"{variable.path}_v"], values[f"{variable.path}_g"])
        variable.assign(value)
    return folded
