"""Writes the page of an evaluation together with the commands that led to it.

    python tools/quickstart_report.py --evaluation OUT --run R --stages stages.tsv --out report.html

OUT is what `python -m tf_gantts.evaluate --run R` wrote.
"""

from __future__ import annotations

import argparse
import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from tf_gantts.command import argument_parser, run
from tf_gantts.errors import GanTTSError
from tf_gantts.evaluation.curves import read_curves
from tf_gantts.evaluation.report import Report, Stage, write_report
from tf_gantts.evaluation.results import Results, read_results

_LOG = logging.getLogger("quickstart_report")


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the page that the arguments describe."""
    arguments = _arguments(argv)
    results = read_results(arguments.evaluation)
    recipe = arguments.run / "hparams.yaml"
    report = Report(
        title=arguments.title,
        results=results,
        folder=arguments.evaluation,
        curves=read_curves(arguments.run / "scalars.csv"),
        hparams=recipe.read_text(encoding="utf-8") if recipe.is_file() else "",
        stages=read_stages(arguments.stages) if arguments.stages else (),
    )
    path = write_report(arguments.out, report)
    _print_scores(results)
    _LOG.info("%s: %.1f MB", path, path.stat().st_size / 1e6)


def read_stages(path: Path) -> list[Stage]:
    """Reads lines `name<TAB>seconds<TAB>outcome<TAB>command`, as tools/quickstart.sh writes them.

    Raises:
        GanTTSError: If the file is missing or a line is different.
    """
    stages = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            name, seconds, outcome, command = line.split("\t")
            stages.append(Stage(name, float(seconds), command, outcome))
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
    parser.add_argument("--run", type=Path, required=True, help="the run that was evaluated")
    parser.add_argument("--out", type=Path, required=True, help="the page (HTML)")
    parser.add_argument("--stages", type=Path, help="table of the commands and their wall time")
    parser.add_argument("--title", default="Copy synthesis with tf_gantts", help="heading")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run(main))
