"""Writes the page of an evaluation together with the commands that led to it.

    python tools/quickstart_report.py --evaluation OUT --vocoder R --out report.html
    python tools/quickstart_report.py --evaluation OUT --acoustic A --vocoder R --voice V --out ...

OUT is what `python -m tf_gantts.evaluate --run R [--generated V]` wrote, and V is what
`python -m tf_gantts.synthesize --acoustic A --vocoder R` made of the texts of OUT's clips.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from tf_gantts.command import argument_parser, run
from tf_gantts.errors import GanTTSError
from tf_gantts.evaluation.curves import read_curves
from tf_gantts.evaluation.report import Report, Stage, Training, write_report
from tf_gantts.evaluation.results import Results, read_results
from tf_gantts.hparams import load_hparams

_LOG = logging.getLogger("quickstart_report")


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the page that the arguments describe."""
    arguments = _arguments(argv)
    results = read_results(arguments.evaluation)
    trainings = [read_training(run) for run in (arguments.acoustic, arguments.vocoder) if run]
    if arguments.voice:
        results = about_the_voice(results, arguments.voice.name, trainings)
    report = Report(
        title=arguments.title,
        results=results,
        folder=arguments.evaluation,
        trainings=trainings,
        stages=read_stages(arguments.stages) if arguments.stages else (),
        usage=describe_usage(arguments),
        alignments=arguments.voice,
    )
    path = write_report(arguments.out, report)
    _print_scores(results)
    _LOG.info("%s: %.1f MB", path, path.stat().st_size / 1e6)


def read_training(folder: Path) -> Training:
    """A run's curves and recipe, as the page shows them.

    Raises:
        GanTTSError: If one of them is missing.
    """
    recipe = folder / "hparams.yaml"
    system = load_hparams(recipe).system
    curves = read_curves(folder / "scalars.csv")
    return Training(f"{folder.name}, {system}", system, curves, recipe.read_text(encoding="utf-8"))


def about_the_voice(results: Results, voice: str, trainings: Sequence[Training]) -> Results:
    """The results with the voice as their main row, named and explained.

    Args:
        results: An evaluation of a vocoder and of a voice that was made elsewhere.
        voice: Name of the voice's row.
        trainings: The runs of the acoustic model and of the vocoder.

    Raises:
        EvaluationError: If there is no such row.
    """
    systems = [one.system for one in trainings]
    steps = [f"{int(max(one.curves['train/phase'].steps)):,}" for one in trainings]
    note = (
        f"Text to speech: {systems[0]} after {steps[0]} training steps makes a mel of the sentence"
        f" alone, {systems[-1]} after {steps[-1]} makes samples of it. The timing is its own."
    )
    spoken = dataclasses.replace(
        results.row(voice).source, title="Voice, from text", note=note, main=True
    )
    rows = []
    for row in results.rows:
        source = spoken if row.source.name == voice else row.source
        if row.source.main and row.source.name != voice:
            title = f"{row.source.title}, from mel"
            source = dataclasses.replace(row.source, title=title, main=False)
        rows.append(dataclasses.replace(row, source=source))
    return dataclasses.replace(results, rows=tuple(rows))


def describe_usage(arguments: argparse.Namespace) -> dict[str, str]:
    """Description -> lines that use what was made, where an export is given."""
    if arguments.export is None:
        return {}
    from tf_gantts.export import client_example

    # Read here, for a page needs no TensorFlow.
    metadata = json.loads((arguments.export / "assets" / "metadata.json").read_text("utf-8"))
    client = client_example(arguments.export, metadata)
    usage = {f"The SavedModel {arguments.export}, with TensorFlow alone:": client}
    if arguments.acoustic:
        usage["The runs:"] = (
            f"    python -m tf_gantts.synthesize --text 'Hello world.' --out out \\\n"
            f"        --acoustic {arguments.acoustic} --vocoder {arguments.vocoder}"
        )
    return usage


def read_stages(path: Path) -> list[Stage]:
    """Reads lines `name<TAB>start<TAB>seconds<TAB>outcome<TAB>command` of tools/quickstart.sh.

    Raises:
        GanTTSError: If the file is missing or a line is different.
    """
    stages = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            name, start, seconds, outcome, command = line.split("\t")
            stages.append(Stage(name, float(seconds), command, outcome, float(start)))
    except (FileNotFoundError, ValueError) as error:
        raise GanTTSError(f"{path}: not a table of stages ({error})") from None
    return stages


def _print_scores(results: Results) -> None:
    for row in results.rows:
        numbers = ", ".join(
            f"{column.title} {row.estimates[column.name].mean:.{column.digits}f}"
            + f" {column.unit}".rstrip()
            for column in results.measured_columns()
            if math.isfinite(row.estimates[column.name].mean)
        )
        print(f"{row.source.title:22}{numbers}")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser("quickstart_report.py", "Write the page of an evaluation.")
    parser.add_argument(
        "--evaluation", type=Path, required=True, help="what tf_gantts.evaluate wrote"
    )
    parser.add_argument("--vocoder", type=Path, required=True, help="run of the vocoder")
    parser.add_argument("--acoustic", type=Path, help="run of the acoustic model")
    parser.add_argument("--voice", type=Path, help="what both speak: the folder that was evaluated")
    parser.add_argument("--export", type=Path, help="SavedModel that the page tells how to use")
    parser.add_argument("--out", type=Path, required=True, help="the page (HTML)")
    parser.add_argument("--stages", type=Path, help="table of the commands and their wall time")
    parser.add_argument("--title", default="Copy synthesis with tf_gantts", help="heading")
    arguments = parser.parse_args(argv)
    if bool(arguments.acoustic) != bool(arguments.voice):
        parser.error("--acoustic and --voice go together")
    return arguments


if __name__ == "__main__":
    sys.exit(run(main))
