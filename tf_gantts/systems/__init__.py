"""The trainable systems, by name; a run directory becomes a system again."""

from __future__ import annotations

from pathlib import Path

import keras

from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.audio.statistics import Statistics
from tf_gantts.errors import CheckpointError, HparamsError
from tf_gantts.hparams import Hparams
from tf_gantts.serving.signatures import VocoderModule
from tf_gantts.systems.gan_tts import GANTTS
from tf_gantts.systems.initialization import initialize
from tf_gantts.systems.tacotron2 import Tacotron2System
from tf_gantts.systems.vocoder_gan import VocoderGAN
from tf_gantts.training import checkpoint as checkpoints
from tf_gantts.training.acoustic_system import AcousticSystem
from tf_gantts.training.checkpoint import Checkpoint
from tf_gantts.training.system import System

__all__ = ["build_system", "initialize", "load_acoustic", "load_system", "load_vocoder"]

_SYSTEMS: dict[str, type[System]] = {
    "vocoder_gan": VocoderGAN,
    "tacotron2": Tacotron2System,
    "gan_tts": GANTTS,
}


def build_system(
    hparams: Hparams, mel_spec: MelSpec, statistics: Statistics | None, inference: bool = False
) -> System:
    """Builds the system that `hparams.system` names, its weights drawn from `hparams.seed`.

    Args:
        hparams: The hyper-parameters.
        mel_spec: The mel definition of the features.
        statistics: Statistics of the features, where the mel definition asks for them.
        inference: Whether only the networks that synthesis needs are built, in float32.

    Raises:
        HparamsError: If a network's parameters do not fit it.
    """
    keras.utils.set_random_seed(hparams.seed)
    try:
        return _SYSTEMS[hparams.system](hparams, mel_spec, statistics, inference)
    except (TypeError, ValueError) as error:
        raise HparamsError(f"system {hparams.system}: {error}") from error


def load_system(run: str | Path, which: str | int = "latest") -> tuple[System, Checkpoint]:
    """Rebuilds a trained system from its run directory, with the weights that synthesis uses.

    Args:
        run: The run directory.
        which: `latest`, `best` or a step number.

    Returns:
        The system (built for inference, so it cannot be trained) and the checkpoint it came from.

    Raises:
        CheckpointError: If there is no such run or checkpoint, or it is damaged.
    """
    return _restored(checkpoints.open_checkpoint(run, which))


def load_acoustic(
    run: str | Path, which: str | int = "latest"
) -> tuple[AcousticSystem, Checkpoint]:
    """`load_system` for an acoustic model.

    Raises:
        CheckpointError: As there, and if it is something else.
    """
    checkpoint = checkpoints.open_checkpoint(run, which)
    if not issubclass(_SYSTEMS[checkpoint.hparams.system], AcousticSystem):
        found = checkpoint.hparams.system
        raise CheckpointError(
            f"{run}: a {found}, not an acoustic model, which turns text into mels"
        )
    system, _ = _restored(checkpoint)
    assert isinstance(system, AcousticSystem)
    return system, checkpoint


def load_vocoder(run: str | Path, which: str | int = "latest") -> tuple[VocoderModule, Checkpoint]:
    """A trained vocoder, ready to synthesise.

    Raises:
        CheckpointError: As `load_system`, and if it is something else.
    """
    checkpoint = checkpoints.open_checkpoint(run, which)
    if not issubclass(_SYSTEMS[checkpoint.hparams.system], VocoderGAN):
        found = checkpoint.hparams.system
        raise CheckpointError(f"{run}: a {found}, not a vocoder, which turns mels into waveforms")
    system, _ = _restored(checkpoint)
    module = system.serving_module()
    assert isinstance(module, VocoderModule)
    return module, checkpoint


def _restored(checkpoint: Checkpoint) -> tuple[System, Checkpoint]:
    meta = checkpoint.meta
    system = build_system(checkpoint.hparams, meta.mel_spec, meta.statistics, inference=True)
    system.restore_networks(checkpoint)
    return system, checkpoint
