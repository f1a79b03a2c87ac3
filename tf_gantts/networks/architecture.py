"""What differs between two networks of the same kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tf_gantts.networks.network import Network

_NOT_ARCHITECTURE = ("name", "dtype")


def differences(ours: Network, theirs: Network) -> list[str]:
    """What differs between two architectures, as `argument: ours != theirs`."""
    if type(ours) is not type(theirs):
        return [f"{type(ours).__name__} != {type(theirs).__name__}"]
    here, there = ours.get_config(), theirs.get_config()
    for key in _NOT_ARCHITECTURE:
        del here[key], there[key]
    return list(_unequal("", here, there))


def _unequal(name: str, ours: Any, theirs: Any) -> Iterator[str]:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in sorted(set(ours) | set(theirs)):
            yield from _unequal(f"{name}.{key}".lstrip("."), ours.get(key), theirs.get(key))
    elif _plain(ours) != _plain(theirs):
        yield f"{name}: {ours!r} != {theirs!r}"


def _plain(value: Any) -> Any:
    """Tuples as lists, all the way down: YAML knows no tuples."""
    return [_plain(entry) for entry in value] if isinstance(value, list | tuple) else value
