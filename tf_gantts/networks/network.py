"""What every network has in common."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Any

import keras

from tf_gantts.errors import HparamsError


class Network(keras.Model):
    """A Keras model that is built by its constructor and rebuilds from its own configuration."""

    def remember(self, **config: Any) -> None:
        """Keeps the constructor arguments for `get_config`."""
        self._config = config

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments: `type(network)(**network.get_config())` is an equal network."""
        return {
            **self._config,
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
        }

    def folded_config(self) -> dict[str, Any]:
        """Constructor arguments of the same network without weight normalisation."""
        config = self.get_config()
        return config | ({"use_weight_norm": False} if "use_weight_norm" in config else {})

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Network:
        """Inverse of `get_config`."""
        del custom_objects
        return cls(**config)

    @property
    def full_precision(self) -> str:
        """The variables' precision: for the layers that must not compute in half precision."""
        return self.variable_dtype


def require_known(constructor: type, params: Mapping[str, Any], name: str) -> None:
    """Refuses parameters that a class does not take.

    Args:
        constructor: The class.
        params: Keyword arguments for it.
        name: What they are called, for the message.

    Raises:
        HparamsError: If a parameter is unknown, naming the nearest.
    """
    known = [key for key in inspect.signature(constructor).parameters if key != "kwargs"]
    for key in params:
        if key not in known:
            nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
            raise HparamsError(f"{name} has no parameter {key!r}; did you mean {nearest!r}?")


def init_stddev(use_weight_norm: bool) -> float | None:
    """Spread of ParallelWaveGAN's initial convolution kernels; None for PyTorch's default uniform.

    ParallelWaveGAN draws kernels from N(0, 0.02^2), but under weight normalisation what it draws is
    recomputed from weight_v and weight_g at the next call, so PyTorch's default is what trains.
    """
    return None if use_weight_norm else 0.02
