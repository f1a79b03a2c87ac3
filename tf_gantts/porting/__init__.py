"""Public PyTorch checkpoints into our networks, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tf_gantts import networks
from tf_gantts.errors import HparamsError, PortingError
from tf_gantts.networks.architecture import differences
from tf_gantts.porting import bert, hifigan, parallel_wavegan, tacotron2, vocos
from tf_gantts.porting.checkpoints import holds, read_checkpoint, state_dict_at
from tf_gantts.porting.parallel_wavegan import statistics_of
from tf_gantts.porting.source import Source, source_named
from tf_gantts.porting.transfer import from_network, into_network

__all__ = [
    "SOURCES",
    "PortingError",
    "core_of",
    "find_discriminators",
    "find_state_dict",
    "from_state_dict",
    "load_state_dict",
    "part_of",
    "read_checkpoint",
    "source_of",
    "statistics_of",
    "to_state_dict",
    "unconfigurable",
]

SOURCES: dict[str, Source] = {
    **parallel_wavegan.SOURCES,
    **hifigan.SOURCES,
    **vocos.SOURCES,
    **bert.SOURCES,
    **tacotron2.SOURCES,
}


def load_state_dict(
    network: keras.Model, state_dict: Mapping[str, np.ndarray], source: str
) -> None:
    """Assigns every variable of a network from a reference's state dict.

    Weight norm may be folded (`weight`) or not (`weight_v`, `weight_g`) on either side. Nothing is
    assigned if anything does not fit.

    Args:
        network: One of our networks, built.
        state_dict: Tensors under exactly the PyTorch checkpoint's names and in its layouts.
        source: Key of `SOURCES`.

    Raises:
        PortingError: If the source is unknown, a key is not consumed, a variable not assigned, or a
            shape differs; the message lists the differences of both sides.
    """
    into_network(network, state_dict, source_named(SOURCES, source), source)


def from_state_dict(
    source: str, state_dict: Mapping[str, np.ndarray], config: Mapping[str, Any]
) -> keras.Model:
    """Builds the network that a reference's configuration describes, then loads its state dict.

    Args:
        source: Key of `SOURCES`.
        state_dict: Tensors under exactly the PyTorch checkpoint's names and in its layouts.
        config: Configuration in the reference's key names: the constructor's arguments, a mapping
            with them under `params`, or the recipe that holds them.

    Raises:
        PortingError: As `load_state_dict`, or if the configuration does not fit the network.
    """
    entry = source_named(SOURCES, source)
    try:
        network = entry.build(config)
    except HparamsError as error:
        raise PortingError(f"{source}: {error}") from None
    into_network(network, state_dict, entry, source)
    return network


def to_state_dict(network: keras.Model, source: str) -> dict[str, np.ndarray]:
    """A network's weights under the reference's names and in its layouts.

    Args:
        network: One of our networks, built.
        source: Key of `SOURCES`.

    Raises:
        PortingError: If the source is unknown.
    """
    return from_network(network, source_named(SOURCES, source))


def find_state_dict(checkpoint: Mapping[str, Any], source: str) -> dict[str, np.ndarray]:
    """The state dict of one network in a checkpoint that may hold several.

    Args:
        checkpoint: What `read_checkpoint` returned.
        source: Key of `SOURCES`, which knows where public files keep it.

    Returns:
        Arrays by name. A checkpoint that is a state dict itself is returned as it is.

    Raises:
        PortingError: If the source is unknown or the checkpoint holds something else.
    """
    return state_dict_at(checkpoint, source_named(SOURCES, source).entry, source)


def find_discriminators(
    checkpoint: Mapping[str, Any], source: str, required: bool = True
) -> dict[str, dict[str, np.ndarray]]:
    """The state dicts of a generator's discriminators.

    Args:
        checkpoint: What `read_checkpoint` returned.
        source: Key of `SOURCES`, of a generator.
        required: Whether a file without them is an error; if not, the result is empty.

    Returns:
        State dicts by the source of each discriminator.

    Raises:
        PortingError: If the source is unknown, has none that can be imported, or one is missing.
    """
    names = source_named(SOURCES, source).discriminators
    if not required and not all(holds(checkpoint, SOURCES[name].entry) for name in names):
        return {}
    if required and not names:
        raise PortingError(f"{source}: no discriminator of this source can be imported")
    return {name: find_state_dict(checkpoint, name) for name in names}


def part_of(network: keras.Model, source: str, discriminator: str) -> keras.Model:
    """The part of a recipe's discriminator that one of the source's discriminators is.

    Args:
        network: The recipe's discriminator.
        source: Key of `SOURCES`, of a generator.
        discriminator: One of its discriminators' sources.

    Raises:
        PortingError: If the recipe has another kind of discriminator.
    """
    attribute = source_named(SOURCES, source).discriminators[discriminator]
    part = getattr(network, attribute, None) if attribute else network
    wanted = SOURCES[discriminator].network
    if type(part).__name__ != wanted:
        raise PortingError(
            f"{discriminator}: discriminator_type {type(network).__name__} of the recipe has no"
            f" {wanted}"
        )
    return part


def source_of(generator: networks.Network) -> str:
    """The source whose code has a generator like this.

    Raises:
        PortingError: If there is none.
    """
    config = generator.get_config()
    fitting = [
        name
        for name, source in SOURCES.items()
        if source.network == type(generator).__name__
        and all(config[key] == value for key, value in source.fixed.items())
    ]
    if not fitting:
        raise PortingError(f"no reference has a {type(generator).__name__}")
    return max(fitting, key=lambda name: len(SOURCES[name].fixed))


def unconfigurable(generator: networks.Network, source: str) -> list[str]:
    """In what a generator differs from all that the reference's code can build.

    Args:
        generator: A generator of the source's kind.
        source: Key of `SOURCES`.

    Returns:
        Items `argument: ours != theirs`; with any, the reference computes other numbers from the
        same weights.
    """
    entry = source_named(SOURCES, source)
    if entry.configurable is None:
        return []
    config = generator.get_config()
    own = {key: config[key] for key in entry.configurable}
    nearest = networks.build(entry.network, entry.fixed | own)
    unequal = differences(generator, nearest)
    return [item for item in unequal if not item.startswith("use_weight_norm:")]


def core_of(generator: networks.Network) -> networks.Network:
    """The part of a generator whose weights a reference keeps: a filterbank has none."""
    core = getattr(generator, "melgan", None)
    return generator if core is None else core
