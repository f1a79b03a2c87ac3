"""Starting a training from the networks of another run."""

from __future__ import annotations

import logging
from typing import Any

from tf_gantts import networks
from tf_gantts.errors import CheckpointError, GanTTSError
from tf_gantts.networks import Network
from tf_gantts.networks.architecture import differences
from tf_gantts.systems.vocoder_gan import VocoderGAN
from tf_gantts.training.checkpoint import Checkpoint, restore
from tf_gantts.training.system import System

_LOG = logging.getLogger(__name__)

_DISCRIMINATOR = "discriminator"


def initialize(system: System, checkpoint: Checkpoint) -> str:
    """Takes the networks of another run; optimizers, averages and the step count stay fresh.

    The generator gets the weights that the run synthesises with: their moving average where one was
    kept. The discriminator is taken if the run has one of the same architecture.

    Args:
        system: A vocoder, before `prepare_training`.
        checkpoint: The other run's checkpoint.

    Returns:
        Where the weights come from, for `Meta.origin`.

    Raises:
        CheckpointError: If the generators' architectures differ, naming where, or the checkpoint
            is damaged.
        MelSpecMismatchError: If the mel definitions differ.
    """
    run = checkpoint.path.parent.parent
    if not isinstance(system, VocoderGAN) or checkpoint.hparams.system != system.hparams.system:
        raise CheckpointError(
            f"{run}: a {checkpoint.hparams.system}, from which a {system.hparams.system} cannot"
            " begin"
        )
    here, there = "hyper-parameters", f"run {run}"
    system.mel_spec.require_same(checkpoint.meta.mel_spec, here, there)
    generator = stored_generator(checkpoint)
    unequal = differences(system.generator, generator)
    if unequal:
        raise CheckpointError(
            f"{there} has another generator than the hyper-parameters ({'; '.join(unequal)});"
            f" begin with the same generator_type and generator_params as {run}/hparams.yaml"
        )
    _copy(generator, system.generator)
    averaged = " (moving average)" if checkpoint.has("generator_average") else ""
    taken = f"generator{averaged}"
    reason = _initialize_discriminator(system.discriminator, checkpoint)
    if reason:
        _LOG.info("only the generator is taken from %s: %s", run, reason)
    else:
        taken += " and discriminator"
    origin = f"{taken} of {run} at step {checkpoint.meta.step}"
    if checkpoint.meta.origin:
        origin += f", from {checkpoint.meta.origin}"
    _LOG.info("starting from the %s", origin)
    return origin


def stored_generator(checkpoint: Checkpoint) -> Network:
    """The generator of a vocoder's checkpoint, with its averaged weights where it has such.

    Raises:
        CheckpointError: If the checkpoint is damaged.
    """
    meta = checkpoint.meta
    other = VocoderGAN(checkpoint.hparams, meta.mel_spec, meta.statistics, inference=True)  # type: ignore[arg-type]
    other.restore_networks(checkpoint)
    return other.generator


def stored_discriminator(checkpoint: Checkpoint) -> Network:
    """The discriminator of a checkpoint, which `load_system` leaves out.

    Raises:
        CheckpointError: If the checkpoint holds none or is damaged.
    """
    if not checkpoint.has(_DISCRIMINATOR):
        raise CheckpointError(f"{checkpoint.path}: holds no discriminator")
    hparams: Any = checkpoint.hparams
    network = networks.build(
        hparams.discriminator_type, hparams.discriminator_params, name=_DISCRIMINATOR
    )
    values = [variable.value for variable in network.variables]
    restore({_DISCRIMINATOR: values}, checkpoint, [_DISCRIMINATOR])
    return network


def _initialize_discriminator(network: Network, checkpoint: Checkpoint) -> str:
    """Takes the stored discriminator; returns why not, if not."""
    try:
        stored = stored_discriminator(checkpoint)
    except GanTTSError as error:
        return str(error)
    if unequal := differences(network, stored):
        return f"its discriminator is another one ({'; '.join(unequal)})"
    _copy(stored, network)
    return ""


def _copy(source: Network, target: Network) -> None:
    for theirs, ours in zip(source.variables, target.variables, strict=True):
        ours.assign(theirs)
