"""Run directories and checkpoints: everything that training needs to go on, written atomically.

RUN/hparams.yaml                             the resolved hyper-parameters
RUN/checkpoints/step-00002000/state.safetensors   every variable: networks, optimizers, EMA, ...
RUN/checkpoints/step-00002000/meta.json           step, phase, mel definition, statistics, metrics
RUN/checkpoints/step-00002000/hparams.yaml
RUN/checkpoints/best.json                    the best step so far, with the metric that says so
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import tensorflow as tf

from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.audio.statistics import Statistics
from tf_gantts.errors import CheckpointError
from tf_gantts.hparams import Hparams, dump_hparams, load_hparams

_LOG = logging.getLogger(__name__)

State = Mapping[str, Sequence[tf.Variable]]
_FORMAT = 1
IMPORTED = "imported"  # phase of a checkpoint that holds networks and nothing else of a training


@dataclasses.dataclass(frozen=True)
class Meta:
    """What a checkpoint says about itself.

    Attributes:
        step: Number of finished training steps.
        phase: Name of the phase of the last finished step.
        mel_spec: The mel definition of the features it was trained on.
        statistics: Mean and scale per mel band, None where the mel is not normalised.
        metrics: Latest held-out metrics.
        origin: Where the weights come from, when not from training in this run.
    """

    step: int
    phase: str
    mel_spec: MelSpec
    statistics: Statistics | None
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    origin: str = ""

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "format": _FORMAT,
            "step": self.step,
            "phase": self.phase,
            "mel_spec": self.mel_spec.to_dict(),
            "fingerprint": self.mel_spec.fingerprint,
            "statistics": self.statistics.to_dict() if self.statistics else None,
            "metrics": self.metrics,
            "origin": self.origin,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Meta:
        """Inverse of `to_json`."""
        statistics = values["statistics"]
        return cls(
            step=values["step"],
            phase=values["phase"],
            mel_spec=MelSpec.from_dict(values["mel_spec"]),
            statistics=Statistics.from_dict(statistics) if statistics else None,
            metrics=values.get("metrics", {}),
            origin=values.get("origin", ""),
        )


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """One checkpoint on disk.

    Attributes:
        path: Its directory.
        meta: What it says about itself.
        hparams: The hyper-parameters it was trained with.
    """

    path: Path
    meta: Meta
    hparams: Hparams

    def has(self, group: str) -> bool:
        """Whether the checkpoint holds a group of variables."""
        with safetensors.safe_open(self.path / "state.safetensors", framework="np") as file:
            return any(name.startswith(f"{group}/") for name in file.keys())  # noqa: SIM118 - the file is no mapping

    def arrays(self, groups: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """The saved arrays, named `GROUP/NUMBER`.

        Args:
            groups: Groups to read; None: all.

        Raises:
            CheckpointError: If the file is damaged.
        """
        try:
            with safetensors.safe_open(self.path / "state.safetensors", framework="np") as file:
                return {
                    name: file.get_tensor(name)
                    for name in file.keys()  # noqa: SIM118 - the file is no mapping
                    if groups is None or name.split("/")[0] in groups
                }
        except (safetensors.SafetensorError, FileNotFoundError) as error:
            raise CheckpointError(f"{self.path}: damaged checkpoint ({error})") from None


def save_checkpoint(
    run: Path, state: State, meta: Meta, hparams: Hparams, keep_last: int | None = None
) -> Path:
    """Writes a checkpoint so that it is either whole or absent, then removes old ones.

    Args:
        run: The run directory.
        state: Groups of variables.
        meta: What the checkpoint says about itself.
        hparams: The run's hyper-parameters.
        keep_last: How many of the newest checkpoints to keep beside the best one; None: all.

    Returns:
        The checkpoint's directory.
    """
    directory = run / "checkpoints"
    final = directory / f"step-{meta.step:08d}"
    temporary = directory / f".writing-{final.name}-{os.getpid()}"
    temporary.mkdir(parents=True)
    try:
        arrays = {
            f"{group}/{number:04d}": np.asarray(variable.numpy(), order="C")
            for group, variables in state.items()
            for number, variable in enumerate(variables)
        }
        save_arrays(arrays, temporary / "state.safetensors")
        (temporary / "meta.json").write_text(json.dumps(meta.to_json(), indent=1))
        (temporary / "hparams.yaml").write_text(dump_hparams(hparams))
        for path in [*temporary.iterdir(), temporary]:
            _fsync(path)
        if final.exists():
            shutil.rmtree(final)
        temporary.rename(final)
        _fsync(directory)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if keep_last is not None:
        _prune(run, keep_last)
    return final


def mark_best(run: Path, step: int, metric: str, value: float, warm_up: bool = False) -> None:
    """Records that checkpoint `step` is the best so far.

    Args:
        run: The run directory.
        step: Step of the checkpoint.
        metric: Name of the metric that says so.
        value: Its value.
        warm_up: Whether the checkpoint belongs to the warm-up phase; see `Trainer`.
    """
    path = run / "checkpoints" / "best.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(
        json.dumps({"step": step, "metric": metric, "value": value, "warm_up": warm_up})
    )
    _fsync(temporary)
    temporary.rename(path)


def best(run: Path) -> dict[str, Any] | None:
    """The record of `mark_best`: step, metric, value; None if there is none."""
    path = run / "checkpoints" / "best.json"
    return json.loads(path.read_text()) if path.is_file() else None


def checkpoint_steps(run: Path) -> list[int]:
    """Steps of the checkpoints in a run, ascending."""
    found = (run / "checkpoints").glob("step-*")
    return sorted(int(path.name.removeprefix("step-")) for path in found)


def require_checkpoints(run: Path) -> list[int]:
    """Steps of the checkpoints in a run, ascending.

    Raises:
        CheckpointError: If there is no such run, or none in it.
    """
    if not run.is_dir():
        raise CheckpointError(
            f"{run}: no such run; train one with `python -m tf_gantts.train --hparams FILE"
            f" --run {run}`"
        )
    steps = checkpoint_steps(run)
    if not steps:
        raise CheckpointError(
            f"{run}: holds no checkpoint; expected {run}/checkpoints/step-*; train with"
            f" `python -m tf_gantts.train --hparams FILE --run {run}`"
        )
    return steps


def open_checkpoint(run: str | Path, which: str | int = "latest") -> Checkpoint:
    """Finds a checkpoint of a run.

    Args:
        run: The run directory.
        which: `latest`, `best` (the latest where no best one was recorded) or a step number.

    Raises:
        CheckpointError: If the run or the checkpoint does not exist or is damaged. A damaged
            latest checkpoint is passed over, with a warning, if an older whole one exists.
    """
    run = Path(run)
    steps = require_checkpoints(run)
    if which == "latest":
        candidates = steps[::-1]
    elif which == "best":
        record = best(run)
        candidates = [record["step"]] if record and record["step"] in steps else steps[::-1]
    else:
        candidates = [int(which)]
        if candidates[0] not in steps:
            raise CheckpointError(f"{run}: no checkpoint of step {which}; there are {steps}")
    for step in candidates:
        try:
            return _read(run / "checkpoints" / f"step-{step:08d}")
        except CheckpointError as error:
            if step == candidates[-1]:
                raise
            _LOG.warning("%s; taking the one before", error)
    raise AssertionError("unreachable: the last candidate returns or raises")


def require_resumable(checkpoint: Checkpoint) -> None:
    """Refuses a checkpoint without optimizers.

    Raises:
        CheckpointError: If it was imported; the message says how to go on from it.
    """
    if checkpoint.meta.phase == IMPORTED:
        run = checkpoint.path.parent.parent
        raise CheckpointError(
            f"{run}: imported weights without optimizers cannot be resumed; start a new run from"
            f" them: --init-from {run} --run NEW"
        )


def restore(state: State, checkpoint: Checkpoint, groups: Sequence[str] | None = None) -> None:
    """Assigns a checkpoint's arrays to variables.

    Args:
        state: Groups of variables, built as they were when the checkpoint was written.
        checkpoint: The checkpoint.
        groups: Names of the groups to restore; None: all, and the checkpoint must hold no other.

    Raises:
        CheckpointError: If an array is missing, left over, or has another shape.
    """
    arrays = checkpoint.arrays(groups)
    wanted = {
        f"{group}/{number:04d}": variable
        for group, variables in state.items()
        if groups is None or group in groups
        for number, variable in enumerate(variables)
    }
    missing = sorted(set(wanted) - set(arrays))
    left_over = sorted(set(arrays) - set(wanted)) if groups is None else []
    if missing or left_over:
        raise CheckpointError(
            f"{checkpoint.path}: does not fit the networks of its hyper-parameters:"
            f" missing {missing[:3] or 'nothing'}, left over {left_over[:3] or 'nothing'}"
        )
    for name, variable in wanted.items():
        if tuple(arrays[name].shape) != tuple(variable.shape):
            raise CheckpointError(
                f"{checkpoint.path}: {name} has shape {arrays[name].shape}, the network needs"
                f" {tuple(variable.shape)}; were the hyper-parameters changed?"
            )
    for name, variable in wanted.items():
        variable.assign(arrays[name].astype(variable.dtype.as_numpy_dtype, copy=False))


def restore_network(network: Any, checkpoint: Checkpoint, group: str, average: str) -> None:
    """Assigns a network's weights, and their moving average where it was kept.

    Args:
        network: A Keras model, built as it was when the checkpoint was written.
        checkpoint: The checkpoint.
        group: Name of the weights' group.
        average: Name of the group of their average.

    Raises:
        CheckpointError: See `restore`.
    """
    restore({group: [v.value for v in network.variables]}, checkpoint, [group])
    if checkpoint.has(average):
        trained = [v.value for v in network.trainable_variables]
        restore({average: trained}, checkpoint, [average])


def save_arrays(
    arrays: dict[str, np.ndarray], path: Path, metadata: dict[str, str] | None = None
) -> None:
    """Writes contiguous arrays as .safetensors.

    Raises:
        OSError: If the disk is full or the folder cannot be written.
    """
    try:
        safetensors.numpy.save_file(arrays, path, metadata)
    except safetensors.SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        code = int(number[1])
        raise OSError(code, os.strerror(code), str(path)) from error


def _read(path: Path) -> Checkpoint:
    try:
        meta = Meta.from_json(json.loads((path / "meta.json").read_text()))
        with safetensors.safe_open(path / "state.safetensors", framework="np") as file:
            file.keys()
    except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path}: damaged checkpoint ({error})") from None
    return Checkpoint(path, meta, load_hparams(path / "hparams.yaml"))


def _prune(run: Path, keep_last: int) -> None:
    record = best(run)
    keep = set(checkpoint_steps(run)[-keep_last:]) | ({record["step"]} if record else set())
    for step in checkpoint_steps(run):
        if step not in keep:
            shutil.rmtree(run / "checkpoints" / f"step-{step:08d}")
    for leftover in (run / "checkpoints").glob(".writing-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
