"""A public PyTorch checkpoint to a run directory: `python tools/import_checkpoint.py`."""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_gantts import command
from tf_gantts.errors import CheckpointError, HparamsError, PortingError
from tf_gantts.hparams import (
    Hparams,
    VocoderGanHparams,
    apply_override,
    dump_hparams,
    read_recipe,
)

if TYPE_CHECKING:
    from tf_gantts.audio.statistics import Statistics
    from tf_gantts.networks import Network
    from tf_gantts.training.checkpoint import State
    from tf_gantts.training.system import System

GENERATORS = ("hifigan", "parallel_wavegan_melgan", "hifigan_speechbrain", "vocos")
ACOUSTIC_MODELS = ("tacotron2_nvidia",)
_RECIPES = Path(__file__).resolve().parent.parent / "hparams"


@dataclasses.dataclass(frozen=True)
class Request:
    """What is to be imported.

    Attributes:
        source: One of `GENERATORS` or `ACOUSTIC_MODELS`.
        checkpoint: The file of the generator or of the acoustic model.
        run: The run directory to be made.
        discriminator: The discriminators' file; None: those in `checkpoint`, if there are any.
        config: The reference's configuration; None: the source's default.
        hparams: The recipe under it; None: the source's.
        statistics: Where mean and scale of the mel bands are; None: in the checkpoint, if needed.
        overrides: `key=value` items that replace hyper-parameters.
    """

    source: str
    checkpoint: Path
    run: Path
    discriminator: Path | None = None
    config: Path | None = None
    hparams: Path | None = None
    statistics: Path | None = None
    overrides: Sequence[str] = ()


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    p = command.argument_parser(
        "tools/import_checkpoint.py",
        "Turns a public PyTorch checkpoint into a run that synthesises, exports and fine-tunes."
        " Pickled files need the torch extra; nothing that they hold is ever run.",
    )
    sources = (*GENERATORS, *ACOUSTIC_MODELS)
    p.add_argument("--source", required=True, choices=sources, help="where the file comes from")
    p.add_argument(
        "--checkpoint", required=True, type=Path, help=".npz, .safetensors or PyTorch file"
    )
    p.add_argument("--run", required=True, type=Path, help="run directory to be made")
    p.add_argument(
        "--discriminator", type=Path, help="file of the discriminators, when it is another one"
    )
    p.add_argument(
        "--config", type=Path, help="its config.json, config.yml, hyperparams.yaml or config.yaml"
    )
    p.add_argument(
        "--statistics",
        type=Path,
        help="ParallelWaveGAN's stats.h5 or stats.npy, or a feature store",
    )
    p.add_argument(
        "--hparams", type=Path, help="recipe for what --config leaves open; default the source's"
    )
    command.add_set(p)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    a = parser().parse_args(argv)
    command.load_tensorflow()
    print(
        import_checkpoint(
            Request(
                a.source,
                a.checkpoint,
                a.run,
                a.discriminator,
                a.config,
                a.hparams,
                a.statistics,
                a.set,
            )
        )
    )
    return 0


def import_checkpoint(request: Request) -> str:
    """Makes a run directory, in one piece, with one checkpoint at step 0.

    Args:
        request: What is to be imported.

    Returns:
        What was found, and how to go on, in lines.

    Raises:
        PortingError: If a file cannot be read or does not fit.
        HparamsError: If the configuration is impossible.
        CheckpointError: If the run directory holds something already.
    """
    from tf_gantts import porting
    from tf_gantts.systems import build_system

    _require_new(request.run)
    source = porting.SOURCES[request.source]
    content = porting.read_checkpoint(request.checkpoint)
    state_dict = porting.find_state_dict(content, request.source)
    _require_finite(state_dict, request.checkpoint)
    hparams = resolve_hparams(request)
    spec = hparams.mel_spec
    if source.check_features is not None:
        source.check_features(state_dict, spec)
    statistics = _statistics(request, hparams, state_dict)
    system = build_system(hparams, spec, statistics, inference=True)
    group, network = _network_of(system)
    porting.load_state_dict(porting.core_of(network), state_dict, request.source)
    ignored = sum(source.ignores(key) for key in state_dict)
    lines = [
        f"{request.run}: {request.source}, {_counted(network)}",
        f"tensors           {len(state_dict) - ignored} of {len(state_dict)} used"
        + (f", {ignored} are no weights" if ignored else ""),
    ]
    state = {group: [variable.value for variable in network.variables]}
    discriminator = _discriminator(request, content, hparams)
    if discriminator is not None:
        state["discriminator"] = [variable.value for variable in discriminator.variables]
        lines.append(f"discriminator     {_counted(discriminator)}")
    elif isinstance(hparams, VocoderGanHparams):
        lines.append("discriminator     none: training begins with a fresh one")
    normalization = "z-scored with the statistics" if statistics else "not normalised"
    lines.append(f"features          {spec.describe()}, {normalization}")
    origin = _origin(request, content)
    lines.append(f"origin            {origin}")
    _write(request.run, state, hparams, statistics, origin)
    return "\n".join([*lines, "", *_how_to_go_on(request.run, hparams, discriminator is not None)])


def _network_of(system: System) -> tuple[str, Network]:
    """The network that a reference's checkpoint holds, and its name in ours."""
    from tf_gantts.systems.tacotron2 import Tacotron2System

    if isinstance(system, Tacotron2System):
        return "network", system.network
    return "generator", system.generator  # type: ignore[attr-defined]


def resolve_hparams(request: Request) -> Hparams:
    """The recipe with the configuration put over it.

    Raises:
        PortingError: If the configuration cannot be read or described.
        HparamsError: If the result is impossible.
    """
    from tf_gantts.hparams import parse_hparams
    from tf_gantts.porting.configuration import read_configuration
    from tf_gantts.porting.recipes import RECIPES, merge, whole_frames

    reference = RECIPES[request.source]
    base = request.hparams or _RECIPES / reference.base
    if request.hparams is None and not base.is_file():
        raise HparamsError(f"{base}: no such recipe; name one with --hparams")
    values = read_recipe(base)
    if request.config is not None or request.hparams is None:
        config = read_configuration(request.config) if request.config else {}
        values = whole_frames(merge(values, reference.values(config)))
    for override in request.overrides:
        apply_override(values, override)
    hparams = parse_hparams(values, str(request.config or base))
    if hparams.system != reference.system:
        raise HparamsError(
            f"{base}: a recipe of {hparams.system}, but {request.source} is a {reference.system}"
        )
    return hparams


def _require_new(run: Path) -> None:
    if run.exists() and (not run.is_dir() or any(run.iterdir())):
        raise CheckpointError(f"{run}: exists and is not empty; choose another --run")


def _require_finite(state_dict: Mapping[str, np.ndarray], path: Path) -> None:
    for key, value in state_dict.items():
        if not np.isfinite(value).all():
            raise PortingError(f"{path}: {key} holds values that are not finite numbers")


def _statistics(
    request: Request, hparams: Hparams, state_dict: Mapping[str, np.ndarray]
) -> Statistics | None:
    from tf_gantts.audio.statistics import Statistics
    from tf_gantts.porting import statistics_of
    from tf_gantts.porting.statistics import read_statistics

    if hparams.mel_spec.normalization != "mean_variance":
        if request.statistics:
            raise PortingError(
                f"--statistics: mels of the profile {hparams.mel_profile!r} are not z-scored;"
                " leave it out"
            )
        return None
    registered = statistics_of(state_dict)
    if request.statistics:
        statistics, where = read_statistics(request.statistics), request.statistics
    elif registered:
        statistics, where = Statistics(*registered), request.checkpoint
    else:
        raise PortingError(
            f"mels of the profile {hparams.mel_profile!r} are z-scored and {request.checkpoint}"
            " holds no statistics; give --statistics stats.h5 (or stats.npy)"
        )
    if len(statistics.mean) != hparams.num_mels:
        raise PortingError(
            f"{where}: statistics of {len(statistics.mean)} mel bands, num_mels is"
            f" {hparams.num_mels}"
        )
    return statistics


def _discriminator(
    request: Request, content: Mapping[str, Any], hparams: Hparams
) -> Network | None:
    """The discriminator with the weights of its file, or of the generator's; None without."""
    from tf_gantts import networks, porting

    if request.discriminator:
        content = porting.read_checkpoint(request.discriminator)
    given = request.discriminator is not None
    state_dicts = porting.find_discriminators(content, request.source, required=given)
    if not state_dicts or not isinstance(hparams, VocoderGanHparams):
        return None
    network = networks.build(
        hparams.discriminator_type, hparams.discriminator_params, name="discriminator"
    )
    for name, state_dict in state_dicts.items():
        _require_finite(state_dict, request.discriminator or request.checkpoint)
        part = porting.part_of(network, request.source, name)
        porting.load_state_dict(part, state_dict, name)
    return network


def _counted(network: Network) -> str:
    from tf_gantts.networks import count_parameters

    return f"{type(network).__name__} of {count_parameters(network):,} parameters"


def _origin(request: Request, content: Mapping[str, Any]) -> str:
    named = (content.get(key) for key in ("steps", "global_step", "iteration"))
    steps = next((value for value in named if isinstance(value, int)), None)
    if steps is None:
        in_name = re.findall(r"\d{4,}", request.checkpoint.stem)
        steps = int(in_name[-1]) if in_name else None
    trained = f", {steps:,} steps" if steps is not None else ""
    return f"{request.source} {request.checkpoint.name}{trained}"


def _write(
    run: Path,
    state: State,
    hparams: Hparams,
    statistics: Statistics | None,
    origin: str,
) -> None:
    """Writes the run directory so that it is either whole or absent."""
    from tf_gantts.training.checkpoint import IMPORTED, Meta, save_checkpoint

    meta = Meta(0, IMPORTED, hparams.mel_spec, statistics, origin=origin)
    temporary = run.with_name(f".writing-{run.name}-{os.getpid()}")
    try:
        temporary.mkdir(parents=True)
        save_checkpoint(temporary, state, meta, hparams)
        (temporary / "hparams.yaml").write_text(dump_hparams(hparams))
        temporary.rename(run)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _how_to_go_on(run: Path, hparams: Hparams, discriminator: bool) -> list[str]:
    prepare = [
        f"python tools/preprocess.py --hparams {run}/hparams.yaml --corpus CORPUS"
        " --features FEATURES"
    ]
    train = (
        f"python -m tf_gantts.train --init-from {run} --hparams {run}/hparams.yaml"
        " --features FEATURES --run NEW"
    )
    if not isinstance(hparams, VocoderGanHparams):
        return [
            f"python -m tf_gantts.synthesize --acoustic {run} --vocoder VOCODER --text TEXT"
            " --out OUT",
            *prepare,
            train,
            f"python tools/extract_mels.py --acoustic {run} --features FEATURES --out MADE",
        ]
    late = discriminator and hparams.discriminator_train_start_steps
    return [
        f"python -m tf_gantts.synthesize --run {run} --wav RECORDING.wav --out OUT",
        f"python -m tf_gantts.export --run {run} --out EXPORT/1",
        *prepare,
        train + (" --set discriminator_train_start_steps=0" if late else ""),
    ]
