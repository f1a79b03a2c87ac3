"""What a training run would do, before it does it."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import keras
import tensorflow as tf

from tf_gantts.data.store import open_store
from tf_gantts.errors import FeatureStoreError
from tf_gantts.hparams import Hparams
from tf_gantts.networks import Network, count_parameters
from tf_gantts.training.system import System

_LOG = logging.getLogger(__name__)

_GIB = 2**30
_COPIES = 4  # of each weight in float32: itself, its gradient, two moments


def print_plan(system: System, hparams_path: Path, features: str, run: Path, command: str) -> None:
    """Prints system, phases, sizes and what is still missing.

    Args:
        system: The system, built with or without the statistics of its features.
        hparams_path: The hyper-parameter file.
        features: Where the features are, or would be.
        run: Where the run is, or would be.
        command: The command that trains, without --dry-run.
    """
    hp = system.hparams
    print(f"hyper-parameters  {hparams_path} (valid)")
    print(f"system            {hp.system}, {hp.mixed_precision}")
    networks = _networks(system)
    for name, network in networks.items():
        kind, count = type(network).__name__, count_parameters(network)
        print(f"  {name:15} {kind}: {count:,} parameters")
    spec = system.mel_spec
    print(f"features          {spec.describe()}")
    print(f"batch             {system.describe_batch()}")
    missing = _print_features(hp, hparams_path, features, system)
    weights = sum(count_parameters(n) for n in networks.values()) * 4 * _COPIES
    activations = sum(_tensor_bytes(graph) for graph in system.forward_graphs())
    known = f"{activations / _GIB:.2f} activations" if activations else "activations not counted"
    print(
        f"memory            about {(weights + activations) / _GIB:.1f} GiB for a step"
        f" ({weights / _GIB:.2f} weights, gradients and moments, {known}), features and TensorFlow"
        " itself not counted"
    )
    if (run / "checkpoints").is_dir():
        print(f"run               {run} exists: add --resume to go on")
    else:
        print(f"run               {run} (new)")
    if missing:
        print(f"missing           {missing}")
    else:
        print(f"ready             {command}")


def _networks(model: keras.Model) -> dict[str, Network]:
    """The networks of a model and of the models inside, by name."""
    found: dict[str, Network] = {}
    for layer in model.layers:
        if isinstance(layer, Network):
            found[layer.name] = layer
        elif isinstance(layer, keras.Model):
            found |= _networks(layer)
    return found


def _print_features(hp: Hparams, hparams_path: Path, features: str, system: System) -> str:
    """Prints phases and epochs; returns what is missing, with the command that makes it."""
    steps_per_epoch, missing = 1, ""
    try:
        store = open_store(features, hparams_path)
        steps_per_epoch = system.training_source(store, allow_cache=False).steps_per_epoch
        counts = ", ".join(f"{len(v)} {k}" for k, v in store.splits.items())
        print(f"feature store     {features}: {counts}; {steps_per_epoch} steps per epoch")
        if store.mel_source:
            print(f"mels              model-made: {store.mel_source}")
        store.close()
    except FeatureStoreError as error:
        missing = str(error)
    total = hp.train_max_steps
    print(f"phases            {total:,} steps:")
    for name, steps in system.phase_steps(0, total, steps_per_epoch).items():
        if steps:
            print(f"  {name:15} {steps:,} steps")
    return missing


def _tensor_bytes(graph: tf.Graph) -> int:
    """Size of all tensors that a graph makes."""
    total = 0
    for operation in graph.get_operations():
        for output in operation.outputs:
            if output.dtype.is_floating and output.shape.is_fully_defined():
                total += math.prod(output.shape) * output.dtype.size
    return total
