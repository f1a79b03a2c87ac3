"""Honest scores of speech: `python -m tf_gantts.evaluate --run RUN --features STORE --out OUT`.

Held-out recordings, Griffin-Lim of their mels and what each run makes of these mels, or an acoustic
model of their texts and timing, are measured alike; `--compare A B` says which differences between
two evaluations are more than chance. See `tf_gantts.evaluation.results` for what OUT holds.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tf_gantts import command
from tf_gantts.audio.files import write_atomically
from tf_gantts.data.store import SPLITS, open_store
from tf_gantts.errors import EvaluationError
from tf_gantts.evaluation import comparison, judges, tables
from tf_gantts.evaluation.curves import read_curves
from tf_gantts.evaluation.machine import machine_facts
from tf_gantts.evaluation.naturalness import PREDICTORS
from tf_gantts.evaluation.recognition import RECOGNIZERS
from tf_gantts.evaluation.report import REPORT_NAME, Report, Training, write_report
from tf_gantts.evaluation.results import (
    Bootstrap,
    Results,
    Source,
    write_results,
)
from tf_gantts.evaluation.speaker_similarity import load_encoder
from tf_gantts.evaluation.table import Table
from tf_gantts.hparams import VocoderGanHparams, dump_hparams

if TYPE_CHECKING:
    from tf_gantts.serving.forced_mels import TeacherForced
    from tf_gantts.serving.rows import HeldOut
    from tf_gantts.serving.synthesis import Synthesis

_LOG = logging.getLogger(__name__)

_BROKEN = {
    "shuffled": "The same network with the elements of each weight tensor permuted: every metric"
    " has to find it bad.",
    "untrained": "The same network with the random weights that training began with.",
}


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    p = command.argument_parser("python -m tf_gantts.evaluate", "Measure synthesised speech.")
    p.add_argument(
        "--run",
        nargs="+",
        action="extend",
        default=[],
        type=Path,
        help="runs of vocoders, or of acoustic models: mels with the recordings' timing",
    )
    p.add_argument(
        "--checkpoint",
        type=command.checkpoint_name,
        default="latest",
        help="latest, best or a step",
    )
    p.add_argument(
        "--generated",
        nargs="+",
        action="extend",
        default=[],
        type=Path,
        metavar="DIR",
        help="folders of CLIP.wav (.flac, .ogg) of any program, or of raw log-mels CLIP.npy",
    )
    p.add_argument("--features", type=Path, help="feature store with the recordings")
    p.add_argument("--split", choices=SPLITS, default="test", help="part of the feature store")
    p.add_argument("--clips", type=int, help="only the first clips of the split")
    p.add_argument("--out", required=True, type=Path, help="folder for everything that is written")
    p.add_argument(
        "--no-griffin-lim",
        action="store_true",
        help="leave the row of Griffin-Lim out, and judge no waveforms of acoustic models",
    )
    p.add_argument(
        "--broken",
        nargs="+",
        choices=_BROKEN,
        default=[],
        help="also rows of the networks with broken weights",
    )
    p.add_argument("--recogniser", choices=[*RECOGNIZERS, "none"], default="pocketsphinx")
    p.add_argument("--recogniser-model", metavar="PATH", help="folder or hub name of its model")
    p.add_argument(
        "--naturalness",
        nargs="+",
        choices=[*PREDICTORS, "none"],
        default=PREDICTORS,
        help="predictors of mean opinion scores",
    )
    p.add_argument(
        "--speaker-encoder", metavar="NAME", help="resemblyzer or PACKAGE.MODULE:CALLABLE"
    )
    p.add_argument(
        "--jobs", type=int, default=len(os.sched_getaffinity(0)), help="number of processes"
    )
    p.add_argument("--seed", type=int, default=0, help="of the bootstrap and of shuffled weights")
    p.add_argument(
        "--compare",
        nargs=2,
        metavar="OUT[:ROW]",
        help="compare two evaluations, or two of their rows, in place of making one",
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    p = parser()
    arguments = p.parse_args(argv)
    if arguments.compare:
        compare(arguments)
        return 0
    if arguments.features is None or not (arguments.run or arguments.generated):
        p.error("--features and at least one of --run and --generated are needed, or --compare")
    if arguments.broken and not arguments.run:
        p.error("--broken goes with --run")
    for name in ("jobs", "clips"):
        if (value := getattr(arguments, name)) is not None and value < 1:
            p.error(f"--{name} must be at least 1")
    evaluate(arguments)
    return 0


def evaluate(arguments: argparse.Namespace) -> None:
    """Makes all waveforms, measures them and writes what was found.

    Raises:
        GanTTSError: Before the first clip if nothing can be done; after everything is written if
            some clips could not be judged.
    """
    with_recogniser = arguments.recogniser != "none"
    if with_recogniser:
        judges.check_recogniser(arguments.recogniser, arguments.recogniser_model)
    encoder = load_encoder(arguments.speaker_encoder)
    if arguments.run:
        command.load_tensorflow()
    from tf_gantts.serving import rows

    with open_store(arguments.features) as store:
        held = rows.held_out(store, arguments.split, arguments.clips)
        networks = [pair for run in arguments.run for pair in _networks(arguments, run, held)]
        jobs = 0 if arguments.no_griffin_lim else arguments.jobs
        plan = rows.plan(held, networks, arguments.generated, griffin_lim_jobs=jobs)
        sources = [row.source for row in plan]
        bootstrap = Bootstrap(seed=arguments.seed)
        table = Table(arguments.out, store.spec, held.clips, sources, bootstrap)
        for row in plan:
            row.write(table)
        rows.measure_mels(table, held, plan)
    own_timing = [row.source.name for row in plan if row.folder]
    judges.measure_signal(table, own_timing, arguments.jobs)
    if with_recogniser:
        model = arguments.recogniser_model
        judges.measure_error_rates(table, arguments.recogniser, model, arguments.jobs)
    judges.measure_naturalness(table, [name for name in arguments.naturalness if name != "none"])
    judges.measure_speakers(table, encoder)
    results = table.results(_facts(arguments, held))
    write_everything(arguments.out, results, _trainings(arguments))
    if results.failures:
        more = f" and {len(results.failures) - 1} more" if len(results.failures) > 1 else ""
        raise EvaluationError(
            f"{results.failures[0]}{more}; {arguments.out} holds the results of the other clips"
        )


def write_everything(out: Path, results: Results, trainings: Sequence[Training]) -> None:
    """Writes the results as JSON, CSV, Markdown and a page, and prints the table.

    Args:
        out: The folder, with the waveforms.
        results: What was found.
        trainings: The runs whose curves and hyper-parameters the page shows.
    """
    names = [row.source.title for row in results.rows if row.source.main]
    title = f"Evaluation of {', '.join(names)}"
    text = tables.markdown_text(results, title)
    write_results(out, results)
    write_atomically(out / "results.csv", tables.csv_text(results).encode())
    write_atomically(out / "results.md", text.encode())
    page = write_report(out / REPORT_NAME, Report(title, results, out, trainings))
    print(text)
    _LOG.info("%s, results.json, results.csv, results.md, audio", page)


def compare(arguments: argparse.Namespace) -> None:
    """Writes which differences between two rows are more than chance.

    Raises:
        EvaluationError: If there are no such results or they are about other clips.
    """
    first, second = (comparison.read_row(name) for name in arguments.compare)
    found = comparison.compare(first, second, Bootstrap(seed=arguments.seed))
    print(comparison.write_comparison(arguments.out, found))
    _LOG.info("%s: comparison.json, comparison.md, comparison.png, comparison.svg", arguments.out)


def _networks(
    arguments: argparse.Namespace, run: Path, held: HeldOut
) -> Iterator[tuple[Source, Synthesis | TeacherForced]]:
    """The network of a run, then its broken forms if it is a vocoder."""
    from tf_gantts.training.checkpoint import open_checkpoint

    hparams = open_checkpoint(run, arguments.checkpoint).hparams
    if isinstance(hparams, VocoderGanHparams):
        yield from _vocoders(arguments, run, held)
    elif arguments.broken:
        raise EvaluationError(f"{run}: a run of {hparams.system}; --broken is for vocoders only")
    else:
        yield _acoustic(arguments, run, held)


def _acoustic(
    arguments: argparse.Namespace, run: Path, held: HeldOut
) -> tuple[Source, TeacherForced]:
    """An acoustic model with the timing of the recordings."""
    from tf_gantts.serving.forced_mels import TeacherForced
    from tf_gantts.systems import load_acoustic

    system, checkpoint = load_acoustic(run, arguments.checkpoint)
    system.mel_spec.require_same(held.store.spec, f"run {run}", f"features {held.store.path}")
    name = run.resolve().name
    title = f"{system.hparams.system} ({name}), teacher-forced"
    note = (
        f"Mels after {checkpoint.meta.step:,} training steps, from the text with the recording's"
        f" timing{'' if arguments.no_griffin_lim else ', heard through Griffin-Lim'}."
    )
    mels = TeacherForced(system, held.store, arguments.split, held.indices)
    return Source(name, title, note, main=True), mels


def _vocoders(
    arguments: argparse.Namespace, run: Path, held: HeldOut
) -> Iterator[tuple[Source, Synthesis]]:
    """The network of a vocoder's run, then its broken forms."""
    from tf_gantts.serving.broken import shuffle_weights
    from tf_gantts.serving.signatures import VocoderModule
    from tf_gantts.serving.synthesis import VocoderSynthesis
    from tf_gantts.systems import build_system, load_system

    for kind in ["", *arguments.broken]:
        system, checkpoint = load_system(run, arguments.checkpoint)
        meta, hparams = checkpoint.meta, checkpoint.hparams
        assert isinstance(hparams, VocoderGanHparams)
        meta.mel_spec.require_same(held.store.spec, f"run {run}", f"features {held.store.path}")
        if kind == "shuffled":
            shuffle_weights(system.generator, arguments.seed)
        elif kind == "untrained":
            system = build_system(hparams, meta.mel_spec, meta.statistics, inference=True)
        module = system.serving_module()
        assert isinstance(module, VocoderModule)
        title = hparams.generator_type.removesuffix("Generator")
        if len(arguments.run) > 1:
            title += f" ({run.resolve().name})"
        name = run.resolve().name
        note = _BROKEN.get(kind, f"{title} after {meta.step:,} training steps, from the same mel.")
        if kind:
            name, title = f"{name}_{kind}", f"{title}, {kind}"
        yield Source(name, title, note, heard=not kind, main=not kind), VocoderSynthesis(module)


def _trainings(arguments: argparse.Namespace) -> list[Training]:
    """Loss curves and hyper-parameters of the runs."""
    if not arguments.run:
        return []
    from tf_gantts.training.checkpoint import open_checkpoint

    found = []
    for run in arguments.run:
        scalars = run / "scalars.csv"
        hparams = open_checkpoint(run, arguments.checkpoint).hparams
        curves = read_curves(scalars) if scalars.is_file() else {}
        name = run.resolve().name
        found.append(Training(name, hparams.system, curves, dump_hparams(hparams)))
    return found


def _facts(arguments: argparse.Namespace, held: HeldOut) -> dict[str, str]:
    spec, clips = held.store.spec, held.clips
    return {
        "Data": f"{len(clips)} clips ({held.seconds / 60:.2f} min) of split {arguments.split},"
        f" speakers: {len({clip.speaker for clip in clips})},"
        f" without transcript: {sum(not clip.text for clip in clips)}",
        "Mel definition": f"{spec.num_mels} bands, {spec.fmin:g} to {spec.fmax:g} Hz, hop"
        f" {spec.hop_size} at {spec.sampling_rate} Hz, fingerprint {spec.fingerprint}",
        "Seed": str(arguments.seed),
        "Processes": str(arguments.jobs),
    } | machine_facts()


if __name__ == "__main__":
    sys.exit(command.run(main))
