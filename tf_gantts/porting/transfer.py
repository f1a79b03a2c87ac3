"""Moves every tensor between a state dict and a network, or says what does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from tf_gantts.errors import PortingError
from tf_gantts.porting.codecs import CODECS, Reader, Value
from tf_gantts.porting.source import Source

_SHOWN = 6  # names per difference in a message


def into_network(
    network: keras.Model, state_dict: Mapping[str, np.ndarray], source: Source, name: str
) -> None:
    """Assigns every variable of `network` from `state_dict`; assigns none if anything is amiss.

    Raises:
        PortingError: If a key is left over, a variable gets no value or a shape does not fit.
    """
    if state_dict and all(key.startswith("module.") for key in state_dict):  # DataParallel
        state_dict = {key.removeprefix("module."): value for key, value in state_dict.items()}
    state_dict = _renamed(state_dict, source, name)
    reader = Reader(state_dict)
    for prefix, layer in source.pairs(network):
        read, _ = CODECS[type(layer)]
        read(reader, prefix, layer)
    given = {variable.path for variable, _ in reader.values}
    misfit = bool(reader.misfits)
    left_over = [key for key in state_dict if key not in reader.used and not source.ignores(key)]
    unassigned = [variable.path for variable in network.variables if variable.path not in given]
    if left_over or reader.missing or misfit or unassigned:
        raise PortingError(
            f"{name}: the state dict does not fit {network.name}"
            + _listed("keys that nothing here uses", left_over)
            + _listed("keys that are missing", reader.missing)
            + _listed("shapes that differ", reader.misfits)
            + _listed("variables without a value", unassigned)
            + "; check the source and the configuration"
        )
    for variable, value in reader.values:
        variable.assign(value.astype(variable.dtype))


def from_network(
    network: keras.Model, source: Source, value: Value = lambda variable: variable.numpy()
) -> dict[str, np.ndarray]:
    """A network's weights under the reference's names and in its layouts.

    Args:
        network: One of our networks, built.
        source: Which names and layouts.
        value: What to write for a variable, for instance its gradient.
    """
    state: dict[str, np.ndarray] = {}
    for prefix, layer in source.pairs(network):
        _, write = CODECS[type(layer)]
        state |= write(prefix, layer, value)
    return state


def _renamed(
    state_dict: Mapping[str, np.ndarray], source: Source, name: str
) -> dict[str, np.ndarray]:
    renamed: dict[str, np.ndarray] = {}
    for key, value in state_dict.items():
        if source.renamed(key) in renamed:
            raise PortingError(f"{name}: the state dict has {source.renamed(key)} twice")
        renamed[source.renamed(key)] = value
    return renamed


def _listed(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"; {len(names)} {what}: {', '.join(names[:_SHOWN])}{more}"
