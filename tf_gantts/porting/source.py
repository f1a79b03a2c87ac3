"""What has to be said about one family of public checkpoints."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.errors import PortingError
from tf_gantts.networks import build

Pairs = Sequence[tuple[str, keras.layers.Layer]]


def params_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Constructor arguments in a fixture's entry (`params`), or the mapping itself."""
    return dict(config.get("params", config))


@dataclasses.dataclass(frozen=True)
class Source:
    """One family of checkpoints: which network it is, and which of its layers has which name.

    Attributes:
        network: Name in `tf_gantts.networks.NETWORKS`.
        pairs: Lists (prefix of the state dict's keys, our layer) for every layer with variables.
        entry: Where public files keep the state dict, outermost key first.
        arguments: Turns the configuration, in the reference's key names, into our constructor's
            arguments.
        configurable: Our constructor's arguments that the reference's configuration sets; None for
            all. The others are fixed in the reference's code.
        renamed: Brings the names that a key had or has elsewhere to those that `pairs` lists.
        ignored: Patterns of keys, so renamed, that hold no weight of ours and may be present or
            not.
        discriminators: For a generator: the sources of its discriminators, and which part of the
            recipe's discriminator each one is (an attribute; empty: all of it).
        check_features: Compares tensors of the state dict with the mel definition; raises
            PortingError.
    """

    network: str
    pairs: Callable[[Any], Pairs]
    entry: tuple[str, ...] = ()
    arguments: Callable[[Mapping[str, Any]], dict[str, Any]] = params_of
    configurable: tuple[str, ...] | None = None
    renamed: Callable[[str], str] = str
    ignored: tuple[str, ...] = ()
    discriminators: Mapping[str, str] = dataclasses.field(default_factory=dict)
    check_features: Callable[[Mapping[str, Any], MelSpec], None] | None = None

    @property
    def fixed(self) -> dict[str, Any]:
        """Our arguments that the reference's code fixes, where they are not our defaults."""
        given = self.arguments({})
        return {key: given[key] for key in given if key not in (self.configurable or given)}

    def build(self, config: Mapping[str, Any]) -> keras.Model:
        """Builds the network that a configuration describes."""
        return build(self.network, self.arguments(config))

    def ignores(self, key: str) -> bool:
        """Whether a key holds no weight of ours."""
        return any(re.fullmatch(pattern, key) for pattern in self.ignored)


def source_named(sources: Mapping[str, Source], name: str) -> Source:
    """Looks a source up.

    Raises:
        PortingError: If it is unknown.
    """
    if name not in sources:
        raise PortingError(f"source {name!r} is unknown; one of {sorted(sources)}")
    return sources[name]
