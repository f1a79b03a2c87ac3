"""The report page of an evaluation: one HTML file to listen to, look at and read."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from tf_gantts.audio.files import write_atomically
from tf_gantts.evaluation.chart import draw_chart
from tf_gantts.evaluation.curves import Curve
from tf_gantts.evaluation.report_clips import clip_cards
from tf_gantts.evaluation.report_scores import (
    clip_numbers,
    missing_numbers,
    score_tables,
    worst_column,
    worst_first,
)
from tf_gantts.evaluation.results import Results, Timing
from tf_gantts.evaluation.style import STYLE
from tf_gantts.evaluation.training_charts import CHARTS, PHASES, phase_marks

REPORT_NAME = "report.html"


@dataclasses.dataclass(frozen=True)
class Stage:
    """A command that had a part in the result.

    Attributes:
        name: Short name.
        seconds: Wall time.
        command: What was typed.
        outcome: How it ended.
        start: When it began, in seconds from any moment that all stages share.
    """

    name: str
    seconds: float
    command: str
    outcome: str = "done"
    start: float = 0.0


@dataclasses.dataclass(frozen=True)
class Training:
    """A run that had a part in the result.

    Attributes:
        title: Its heading, where there are several.
        system: Which system was trained: chooses the charts.
        curves: Its scalars.
        hparams: Its hyper-parameters as text.
    """

    title: str
    system: str
    curves: Mapping[str, Curve] = dataclasses.field(default_factory=dict)
    hparams: str = ""


@dataclasses.dataclass(frozen=True)
class Report:
    """Everything that the page shows.

    Attributes:
        title: Its heading.
        results: What was found.
        folder: The folder of the evaluation, with its waveforms.
        trainings: The runs.
        stages: Commands with their wall time.
        usage: Description -> lines that use what was made.
        alignments: Folder of the main row's alignments, CLIP_attention.png; None without.
        heard_clips: How many clips get players and pictures: those that the main row did worst.
    """

    title: str
    results: Results
    folder: Path
    trainings: Sequence[Training] = ()
    stages: Sequence[Stage] = ()
    usage: Mapping[str, str] = dataclasses.field(default_factory=dict)
    alignments: Path | None = None
    heard_clips: int = 5


def write_report(path: Path, report: Report) -> Path:
    """Writes the page: no script, and nothing is loaded from anywhere.

    Args:
        path: The HTML file; it appears complete or not at all.
        report: What to show.

    Returns:
        The path.

    Raises:
        AudioError: If a waveform cannot be read.
        OSError: If the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, render(report).encode())
    return path


def render(report: Report) -> str:
    """The page as HTML text; see `write_report`."""
    results = report.results
    introduction = "".join(f'<p class="lead">{escape(text)}</p>' for text in _introduction(results))
    body = "".join(
        [
            f"<header><h1>{escape(report.title)}</h1>{introduction}</header>",
            _section("Scores", score_tables(results)),
            _section("Listen", _clips(report)),
            _section("Every clip", clip_numbers(results) + missing_numbers(results)),
            _section("Use it", _usage(report.usage)),
            _section("Training", _charts(report.trainings)),
            _section("How it was made", _stages(report.stages)),
            _section("What it cost", _costs(results)),
            _section("Where and with what", _facts(results.facts) + _hparams(report.trainings)),
        ]
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{escape(report.title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def _introduction(results: Results) -> list[str]:
    about = [
        f"{len(results.clips)} recordings that were not trained on, and what was made of them, were"
        " measured alike."
    ]
    note = results.main.source.note
    return [*about, note] if note else about


def _clips(report: Report) -> str:
    results = report.results
    column = worst_column(results)
    order = worst_first(results, column)[: report.heard_clips]
    cards = clip_cards(report.folder, results, order, column, report.alignments)
    if not cards:
        return ""
    chosen = f"All {len(order)} clips"
    if len(order) < len(results.clips):
        chosen = f"The {len(order)} worst of {len(results.clips)} clips"
    if column is not None:
        chosen += f", by {column.title} of {results.main.source.title}, the worst first"
    return f'<p class="soft">{escape(chosen)}. Use headphones.</p>{cards}'


def _usage(usage: Mapping[str, str]) -> str:
    items = "".join(
        f"<p>{escape(about)}</p><pre>{escape(lines)}</pre>" for about, lines in usage.items()
    )
    return f'<div class="card">{items}</div>' if items else ""


def _charts(trainings: Sequence[Training]) -> str:
    parts = []
    for training in trainings:
        marks = phase_marks(training.curves, PHASES.get(training.system, ()))
        charts = CHARTS.get(training.system, ())
        figures = [draw_chart(chart, training.curves, marks) for chart in charts]
        if cards := "".join(f'<div class="card">{figure}</div>' for figure in figures if figure):
            title = f"<h3>{escape(training.title)}</h3>" if len(trainings) > 1 else ""
            parts.append(f'{title}<div class="grid wide">{cards}</div>')
    return "".join(parts)


def _stages(stages: Sequence[Stage]) -> str:
    if not stages:
        return ""
    rows = "".join(
        f'<tr><td>{escape(stage.name)}</td><td class="number">{stage.seconds:.0f} s</td>'
        f"<td>{escape(stage.outcome)}</td><td><code>{escape(stage.command)}</code></td></tr>"
        for stage in stages
    )
    total = _seconds_passed(stages)
    return (
        '<div class="card scroll"><table class="text"><thead><tr><th>Stage</th>'
        "<th>Wall time</th><th>Outcome</th><th>Command</th></tr></thead>"
        f'<tbody>{rows}<tr><td>total</td><td class="number">{total:.0f} s</td><td></td><td></td>'
        "</tr></tbody></table></div>"
    )


def _seconds_passed(stages: Sequence[Stage]) -> float:
    """Wall time in which at least one stage was at work."""
    total, end = 0.0, -math.inf
    for stage in sorted(stages, key=lambda stage: stage.start):
        total += max(0.0, stage.start + stage.seconds - max(stage.start, end))
        end = max(end, stage.start + stage.seconds)
    return total


def _costs(results: Results) -> str:
    if not results.timings:
        return ""

    def line(timing: Timing) -> str:
        numbers = (
            f"{timing.audio_seconds / 60:.1f}",
            f"{timing.wall_seconds:.1f}",
            f"{timing.cpu_seconds:.1f}",
            f"{timing.wall_per_hour:.0f}",
            f"{timing.cpu_per_hour:.0f}",
        )
        cells = "".join(f"<td>{number}</td>" for number in numbers)
        return f'<tr><th scope="row">{escape(timing.name)}</th>{cells}</tr>'

    head = ("audio (min)", "clock (s)", "processor (s)", "clock (s) per hour of audio")
    titles = "".join(f"<th>{title}</th>" for title in (*head, "processor (s) per hour of audio"))
    lines = "".join(map(line, (*results.timings, results.total)))
    return (
        f'<div class="card scroll"><table><thead><tr><th></th>{titles}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _facts(facts: Mapping[str, str]) -> str:
    items = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    return f'<div class="card"><dl>{items}</dl></div>' if items else ""


def _hparams(trainings: Sequence[Training]) -> str:
    return "".join(
        f'<details class="card"><summary>Hyper-parameters of {escape(training.title)}</summary>'
        f"<pre>{escape(training.hparams)}</pre></details>"
        for training in trainings
        if training.hparams
    )
