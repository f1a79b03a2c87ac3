"""Quality of vocoders over the cost of their training: `python tools/quality_curve.py`."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import io
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_gantts import command
from tf_gantts.audio.files import from_int16, to_int16, write_atomically
from tf_gantts.audio.griffin_lim import griffin_lim
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.audio.plot import curves_png
from tf_gantts.data.store import SPLITS, open_store
from tf_gantts.errors import CheckpointError, EvaluationError
from tf_gantts.evaluation import judges, pesq
from tf_gantts.evaluation.bootstrap import Estimate, bootstrap_mean
from tf_gantts.evaluation.curves import Curve, read_curves
from tf_gantts.evaluation.missing import Missing
from tf_gantts.evaluation.tables import estimate_text, markdown_table
from tf_gantts.serving.rows import GRIFFIN_LIM, HeldOut, held_out

_LOG = logging.getLogger(__name__)
_COST = "train/cpu_seconds_per_step"


@dataclasses.dataclass(frozen=True)
class Point:
    """What a checkpoint, or Griffin-Lim, reaches.

    Attributes:
        name: The run's folder; `griffin_lim` without training.
        step: Training steps.
        cpu_seconds: CPU seconds of these steps, without evaluations and saving.
        pesq_wb: PESQ-WB over the clips.
    """

    name: str
    step: int
    cpu_seconds: float
    pesq_wb: Estimate


@dataclasses.dataclass(frozen=True)
class PesqTask:
    """A recording and what is to be compared with it.

    Attributes:
        natural: The recording's samples `(N,)`, int16.
        audio: Samples `(M,)` within -1..1; None for those that Griffin-Lim makes of the mel.
        mel: The recording's raw log-mel `(T, n_mels)`.
        spec: The mel definition.
    """

    natural: np.ndarray
    audio: np.ndarray | None
    mel: np.ndarray
    spec: MelSpec

    def score(self) -> float:
        """PESQ-WB of the clip with 16 bits, as it would be heard."""
        audio = griffin_lim(self.mel, self.spec) if self.audio is None else self.audio
        heard = from_int16(to_int16(np.clip(audio, -1.0, 1.0)))
        return pesq.score(from_int16(self.natural), heard, self.spec)["pesq_wb"]


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    p = command.argument_parser(
        "tools/quality_curve.py",
        "Measures PESQ-WB of all checkpoints that vocoder runs keep (train with --set"
        " keep_last_checkpoints=N to keep more than the last three) and writes"
        " OUT/quality_curve.csv, .md and .png: quality against the CPU seconds of the training,"
        " with Griffin-Lim's as a line.",
    )
    p.add_argument("--run", required=True, nargs="+", type=Path, help="run directories")
    p.add_argument("--features", required=True, help="feature store with the recordings")
    p.add_argument("--split", choices=SPLITS, default="test", help="part of the feature store")
    p.add_argument("--clips", type=int, default=16, help="only the first clips of the split")
    p.add_argument("--out", required=True, type=Path, help="folder for what is written")
    p.add_argument(
        "--jobs", type=int, default=len(os.sched_getaffinity(0)), help="number of processes"
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    p = parser()
    arguments = p.parse_args(argv)
    for name in ("jobs", "clips"):
        if getattr(arguments, name) < 1:
            p.error(f"--{name} must be at least 1")
    costs = [cost(run) for run in arguments.run]
    command.load_tensorflow()
    from tf_gantts.systems import load_vocoder

    with open_store(arguments.features) as store:
        for run in arguments.run:
            module, _ = load_vocoder(run)
            module.mel_spec.require_same(store.spec, f"run {run}", f"features {store.path}")
        held = held_out(store, arguments.split, arguments.clips)
        jobs = arguments.jobs
        points = [
            Point(GRIFFIN_LIM, 0, 0.0, _pesq(GRIFFIN_LIM, held, [None] * len(held.clips), jobs))
        ]
        names = [run.resolve().name for run in arguments.run]
        for run, name, seconds in zip(arguments.run, names, costs, strict=True):
            title = name if names.count(name) == 1 else str(run)
            points += _run_points(run, title, seconds, held, jobs)
    _write(arguments.out, points)
    return 0


def cost(run: Path) -> Curve:
    """CPU seconds that the steps of a run took.

    Args:
        run: The run directory.

    Returns:
        Logged step -> CPU seconds of all steps up to it.

    Raises:
        CheckpointError: If the run did not log them.
    """
    path = run / "scalars.csv"
    logged = read_curves(path).get(_COST)
    if logged is None:
        raise CheckpointError(f"{path}: holds no {_COST}, so the cost of the steps is not known")
    steps = np.diff([0, *logged.steps])
    return Curve(logged.steps, np.cumsum(steps * np.asarray(logged.values)).tolist())


def _run_points(run: Path, name: str, seconds: Curve, held: HeldOut, jobs: int) -> list[Point]:
    """A point for every checkpoint."""
    from tf_gantts.serving.synthesis import VocoderSynthesis
    from tf_gantts.systems import load_vocoder
    from tf_gantts.training.checkpoint import require_checkpoints

    steps = require_checkpoints(run)
    module, _ = load_vocoder(run, steps[0])
    synthesis = VocoderSynthesis(module)
    points = []
    for step in steps:
        # The weights go into one module, so that its graph is traced once for all checkpoints.
        for old, new in zip(module.weights, load_vocoder(run, step)[0].weights, strict=True):
            old.assign(new)
        audio = [synthesis([held.mel(clip)])[0][0] for clip in range(len(held.clips))]
        spent = float(np.interp(step, [0, *seconds.steps], [0.0, *seconds.values]))
        points.append(Point(name, step, spent, _pesq(f"{name} {step}", held, audio, jobs)))
        _LOG.info("%s, step %d: %.2f", name, step, points[-1].pesq_wb.mean)
    return points


def _pesq(title: str, held: HeldOut, audio: Sequence[np.ndarray | None], jobs: int) -> Estimate:
    """PESQ-WB of clips.

    Raises:
        EvaluationError: If none can be judged.
    """
    work = [
        PesqTask(held.store.read(index, "audio"), wave, held.mel(clip), held.store.spec)
        for clip, (index, wave) in enumerate(zip(held.indices, audio, strict=True))
    ]
    scores = dict(judges.each(title, PesqTask.score, work, jobs))
    found = [value for _, value in sorted(scores.items()) if value is not None]
    estimate = bootstrap_mean(found)
    if not estimate.count:
        reasons = [value.reason for value in found if isinstance(value, Missing)]
        raise EvaluationError(
            f"{title}: no clip can be judged: {reasons[0] if reasons else 'PESQ died'}"
        )
    return estimate


def _write(out: Path, points: Sequence[Point]) -> None:
    """Writes the table twice and the picture, and prints the table."""
    out.mkdir(parents=True, exist_ok=True)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["run", "step", "cpu_seconds", *(f.name for f in dataclasses.fields(Estimate))])
    for point in points:
        row = [point.name, point.step, f"{point.cpu_seconds:.1f}"]
        writer.writerow([*row, *dataclasses.astuple(point.pesq_wb)])
    write_atomically(out / "quality_curve.csv", file.getvalue().encode())
    lines = [
        [
            point.name,
            f"{point.step:,}",
            f"{point.cpu_seconds:,.0f}",
            estimate_text(point.pesq_wb, 2),
        ]
        for point in points
    ]
    table = markdown_table(["", "steps", "CPU seconds", "PESQ-WB (MOS)"], lines)
    write_atomically(out / "quality_curve.md", (table + "\n").encode())
    last = max(point.cpu_seconds for point in points)
    curves = {}
    for name in dict.fromkeys(point.name for point in points):
        own = [point for point in points if point.name == name]
        x, y = [point.cpu_seconds for point in own], [point.pesq_wb.mean for point in own]
        curves[name] = ([0.0, last], [y[0], y[0]]) if name == GRIFFIN_LIM else (x, y)
    clips = points[0].pesq_wb.count
    picture = curves_png(
        curves, f"{clips} held-out clips", "CPU seconds of training", "PESQ-WB (MOS)"
    )
    write_atomically(out / "quality_curve.png", picture)
    print(table)
    _LOG.info("%s: quality_curve.csv, .md, .png", out)
