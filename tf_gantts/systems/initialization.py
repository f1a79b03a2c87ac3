"""Starting a training from the networks of another run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from tf_gantts import networks
from tf_gantts.errors import CheckpointError, GanTTSError
from tf_gantts.networks import Network
from tf_gantts.networks.architecture import differences
from tf_gantts.networks.tacotron2 import Tacotron2
from tf_gantts.systems.gan_tts import GANTTS
from tf_gantts.systems.tacotron2 import Tacotron2System
from tf_gantts.systems.vocoder_gan import VocoderGAN
from tf_gantts.training.checkpoint import Checkpoint, restore
from tf_gantts.training.system import System

_LOG = logging.getLogger(__name__)

_DISCRIMINATOR = "discriminator"
# Arguments of Tacotron 2 that no weight depends on, and those that `_take_condition` looks after.
_FREE = (
    "prenet_dropout",
    "p_attention_dropout",
    "p_decoder_dropout",
    "p_conv_dropout",
    "p_zoneout",
    "max_decoder_steps",
    "gate_threshold",
    "n_speakers",
    "n_styles",
)


def initialize(system: System, checkpoint: Checkpoint) -> str:
    """Takes the networks of another run; optimizers, averages and the step count stay fresh.

    What synthesises gets the weights that the run synthesises with: their moving average where one
    was kept. A vocoder's discriminator is taken if the run has one of the same architecture. An
    acoustic model may know more speakers and styles than the run; the new ones begin fresh.

    Args:
        system: A vocoder or an acoustic model, before `prepare_training`.
        checkpoint: The other run's checkpoint.

    Returns:
        Where the weights come from, for `Meta.origin`.

    Raises:
        CheckpointError: If the architectures differ, naming where, or the checkpoint is damaged.
        MelSpecMismatchError: If the mel definitions differ.
        TextError: If an acoustic model's symbols differ.
    """
    run = checkpoint.path.parent.parent
    if checkpoint.hparams.system != system.hparams.system:
        raise CheckpointError(
            f"{run}: a {checkpoint.hparams.system}, from which a {system.hparams.system} cannot"
            " begin"
        )
    system.mel_spec.require_same(checkpoint.meta.mel_spec, "hyper-parameters", f"run {run}")
    if isinstance(system, VocoderGAN):
        taken = _initialize_vocoder(system, checkpoint)
    elif isinstance(system, Tacotron2System):
        taken = _initialize_tacotron2(system, checkpoint)
    elif isinstance(system, GANTTS):
        taken = _initialize_gan_tts(system, checkpoint)
    else:
        raise CheckpointError(f"{run}: a {system.hparams.system} cannot begin from another run")
    origin = f"{taken} of {run} at step {checkpoint.meta.step}"
    if checkpoint.meta.origin:
        origin += f", from {checkpoint.meta.origin}"
    _LOG.info("starting from the %s", origin)
    return origin


def _initialize_vocoder(system: VocoderGAN, checkpoint: Checkpoint) -> str:
    run = checkpoint.path.parent.parent
    generator = stored_generator(checkpoint)
    unequal = differences(system.generator, generator)
    _require_equal("generator", unequal, run, "generator_type and generator_params")
    _copy(generator, system.generator)
    averaged = " (moving average)" if checkpoint.has("generator_average") else ""
    reason = _initialize_discriminator(system.discriminator, checkpoint)
    if reason:
        _LOG.info("only the generator is taken from %s: %s", run, reason)
        return f"generator{averaged}"
    return f"generator{averaged} and discriminator"


def _initialize_tacotron2(system: Tacotron2System, checkpoint: Checkpoint) -> str:
    run, meta = checkpoint.path.parent.parent, checkpoint.meta
    stored: Any = checkpoint.hparams
    other = Tacotron2System(stored, meta.mel_spec, meta.statistics, inference=True)
    other.restore_networks(checkpoint)
    front_end = other.front_end.description()
    system.front_end.require_same(front_end, "hyper-parameters", f"run {run}")
    ours, theirs = system.network, other.network
    unequal = [item for item in differences(ours, theirs) if item.split(":")[0] not in _FREE]
    _require_equal("network", unequal, run, "model_params")
    for name, own, known in (
        ("speaker", system.hparams.speakers, stored.speakers),
        ("style", system.hparams.styles, stored.styles),
    ):
        if known and not own:
            raise CheckpointError(f"run {run} has {name}s {known}: name them in {name}s")
        _take_condition(ours, theirs, name, own, known)
    for part, same in zip(_parts(ours), _parts(theirs), strict=True):
        _copy(same, part)
    return "network (moving average)" if checkpoint.has("average") else "network"


def _initialize_gan_tts(system: GANTTS, checkpoint: Checkpoint) -> str:
    """Takes the generator and what belongs to it; the critics, and an aligner, begin fresh."""
    run, meta = checkpoint.path.parent.parent, checkpoint.meta
    stored: Any = checkpoint.hparams
    other = GANTTS(stored, meta.mel_spec, meta.statistics, inference=True)
    other.restore_networks(checkpoint)
    front_end = other.front_end.description()
    system.front_end.require_same(front_end, "hyper-parameters", f"run {run}")
    unequal = [
        item
        for item in differences(system.generator, other.generator)
        if item.split(":")[0] not in ("dropout", "predictor_dropout")
    ]
    _require_equal("generator", unequal, run, "generator_params")
    _copy(other.generator, system.generator)
    for ours, theirs in zip(system.speaking_state, other.speaking_state, strict=True):
        ours.assign(theirs)
    return "generator (moving average)" if checkpoint.has("generator_average") else "generator"


def _take_condition(
    ours: Tacotron2, theirs: Tacotron2, name: str, own: Sequence[str], known: Sequence[str]
) -> None:
    """Takes the vectors of the speakers or styles that both know; the others stay fresh."""
    if own != known:
        fresh = [entry for entry in own if entry not in known]
        _LOG.info("%ss that begin fresh: %s", name, ", ".join(fresh) or "none")
    if not known:
        return
    mine, stored = ours.conditions[name], theirs.conditions[name]
    vectors = mine.embedding.weight.numpy()
    for place, entry in enumerate(own):
        if entry in known:
            vectors[place] = stored.embedding.weight.numpy()[known.index(entry)]
    mine.embedding.weight.assign(vectors)
    _copy(stored.projection, mine.projection)


def _parts(network: Tacotron2) -> list[keras.layers.Layer]:
    """All but the conditions."""
    return [
        network.embedding,
        network.encoder_convs,
        network.encoder_lstm,
        network.decoder,
        network.postnet,
    ]


def _require_equal(kind: str, unequal: list[str], run: Path, key: str) -> None:
    if unequal:
        raise CheckpointError(
            f"run {run} has another {kind} than the hyper-parameters ({'; '.join(unequal)});"
            f" begin with the same {key} as {run}/hparams.yaml"
        )


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


def _copy(source: keras.layers.Layer, target: keras.layers.Layer) -> None:
    for theirs, ours in zip(source.variables, target.variables, strict=True):
        ours.assign(theirs)
