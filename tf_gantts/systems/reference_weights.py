"""A vocoder's weights as .safetensors, under the names of the reference that it is like."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import h5py
import numpy as np

from tf_gantts import porting
from tf_gantts.audio.statistics import Statistics
from tf_gantts.data.atomic import atomic_path
from tf_gantts.errors import CheckpointError, ExportError
from tf_gantts.networks import Network
from tf_gantts.systems.initialization import stored_discriminator, stored_generator
from tf_gantts.training.checkpoint import Checkpoint, save_arrays

SUFFIX = ".safetensors"


@dataclasses.dataclass(frozen=True)
class WeightFiles:
    """What is written.

    Attributes:
        generator: File of the generator's state dict.
        discriminator: File of the discriminators'; `mpd.` and `msd.` begin the keys where the
            reference keeps two state dicts.
        statistics: Mean and scale of the mel bands, as ParallelWaveGAN's stats.h5.
    """

    generator: Path
    discriminator: Path
    statistics: Path

    @classmethod
    def beside(cls, generator: Path) -> WeightFiles:
        """The files that belong to `NAME.safetensors`."""
        if generator.suffix != SUFFIX:
            raise ExportError(f"{generator}: a name that ends in {SUFFIX} is expected as --out")
        stem = generator.stem
        return cls(
            generator,
            generator.with_name(f"{stem}_discriminator{SUFFIX}"),
            generator.with_name(f"{stem}_stats.h5"),
        )


def export_weights(
    checkpoint: Checkpoint, files: WeightFiles, source: str | None = None, licence: str = ""
) -> list[str]:
    """Writes the generator that synthesis uses, the discriminators and the statistics.

    Weight normalisation stays as it is in training, `weight_g` and `weight_v`.

    Args:
        checkpoint: The checkpoint.
        files: Where to.
        source: Whose names, a key of `porting.SOURCES`; None: the generator's own reference's.
        licence: Of the weights, kept in the file.

    Returns:
        What was written and what has to be known of it, a line each.

    Raises:
        PortingError: If no reference has such a generator.
        OSError: If the disk is full or the folder cannot be written.
    """
    generator = porting.core_of(stored_generator(checkpoint))
    source = source or porting.source_of(generator)
    if porting.SOURCES[source].network != type(generator).__name__:
        raise ExportError(f"--source {source}: the run's generator is a {type(generator).__name__}")
    metadata = {
        "source": source,
        "step": str(checkpoint.meta.step),
        "mel_fingerprint": checkpoint.meta.mel_spec.fingerprint,
        "licence": licence,
    }
    lines = [_write(files.generator, porting.to_state_dict(generator, source), metadata)]
    lines += [
        f"  the reference's code differs: {d}" for d in porting.unconfigurable(generator, source)
    ]
    rounds = getattr(checkpoint.hparams, "mel_projections", 0)
    if rounds:
        lines.append(f"  the reference's code differs: no mel projection, here {rounds} follow")
    try:
        arrays = _discriminators(stored_discriminator(checkpoint), source)
        lines.append(_write(files.discriminator, arrays, metadata))
    except (CheckpointError, porting.PortingError) as error:
        lines.append(f"  without the discriminator: {error}")
    if checkpoint.meta.statistics:
        lines.append(_write_statistics(files.statistics, checkpoint.meta.statistics))
    return lines


def _discriminators(network: Network, source: str) -> dict[str, np.ndarray]:
    names = porting.SOURCES[source].discriminators
    if not names:
        raise porting.PortingError(f"{source} has no names for it here")
    arrays: dict[str, np.ndarray] = {}
    for name in names:
        state_dict = porting.to_state_dict(porting.part_of(network, source, name), name)
        start = f"{porting.SOURCES[name].entry[-1]}." if len(names) > 1 else ""
        arrays |= {start + key: value for key, value in state_dict.items()}
    return arrays


def _write(path: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        save_arrays({k: np.ascontiguousarray(v) for k, v in arrays.items()}, temporary, metadata)
    return f"{path}: {len(arrays)} tensors under {metadata['source']}'s names"


def _write_statistics(path: Path, statistics: Statistics) -> str:
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file["mean"], file["scale"] = statistics.mean, statistics.scale
    return f"{path}: mean and scale with which the mels are normalised first"
