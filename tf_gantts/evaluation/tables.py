"""The results of an evaluation as text: a CSV line per clip and row, Markdown for people."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

from tf_gantts.evaluation.bootstrap import Estimate
from tf_gantts.evaluation.metric import Column
from tf_gantts.evaluation.missing import Missing
from tf_gantts.evaluation.results import Results, Row

_NAMED = 3  # clips that a reason names before it only counts


def csv_text(results: Results) -> str:
    """A line per clip and row: its texts, its numbers, and why some are missing.

    A missing number is an empty cell; the column `missing` says why, as `name: reason; ...`.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    names = [column.name for column in results.columns]
    writer.writerow(["clip", "row", "seconds", "speaker", "text", "recognised", *names, "missing"])
    for number, clip in enumerate(results.clips):
        for row in results.rows:
            values = {name: row.values[name][number] for name in names}
            reasons = [f"{k}: {v.reason}" for k, v in values.items() if isinstance(v, Missing)]
            recognised = row.texts[number] if row.texts else None
            writer.writerow(
                [clip.name, row.source.name, f"{clip.seconds:.3f}", clip.speaker, clip.text]
                + ["" if recognised is None else recognised]
                + ["" if math.isnan(value) else repr(float(value)) for value in values.values()]
                + ["; ".join(reasons)]
            )
    return file.getvalue()


def markdown_text(results: Results, title: str) -> str:
    """The table of means with their intervals, what is missing, the costs and the facts."""
    parts = [
        f"# {_plain(title)}",
        f"Mean over {len(results.clips)} clips with its {results.bootstrap.confidence:.0%}"
        " bootstrap interval. Lower is nearer to the recording; where there is a ↑, higher is;"
        " where there is a → 1, what is nearer to 1.",
        _score_table(results),
        _scale_table(results),
        _list("Not measured", _not_measured(results)),
        _list("Left out", _left_out(results)),
        _list("Clips that could not be judged", [str(failure) for failure in results.failures]),
        _cost_table(results),
        _list("Rows", _notes(results)),
        _list("Where and with what", [f"{name}: {fact}" for name, fact in results.facts.items()]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def column_title(column: Column) -> str:
    """Title, unit and an arrow where higher, or what is nearer to some number, is better."""
    unit = f" ({column.unit})" if column.unit else ""
    aim = " ↑" if column.higher_is_better else ""
    aim = aim if column.ideal is None else f" → {column.ideal:g}"
    return f"{column.title}{unit}{aim}"


def estimate_text(estimate: Estimate, digits: int) -> str:
    """`mean [low, high]`; `-` without a number."""
    if math.isnan(estimate.mean):
        return "-"
    mean = f"{estimate.mean:.{digits}f}"
    if math.isnan(estimate.low):
        return mean
    return f"{mean} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def markdown_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(
        "| " + " | ".join(_plain(cell) for cell in line) + " |" for line in (head, rule, *lines)
    )


def _score_table(results: Results) -> str:
    lines = []
    for column in results.measured_columns():
        lines.append([column_title(column), *(_cell(results, row, column) for row in results.rows)])
        if any(column.name in row.ratios for row in results.rows):
            cells = [
                estimate_text(row.ratios[column.name], 2) if column.name in row.ratios else "1"
                for row in results.rows
            ]
            lines.append([f"{column.title}, times that of the recordings", *cells])
    return markdown_table(["", *(row.source.title for row in results.rows)], lines)


def _cell(results: Results, row: Row, column: Column) -> str:
    estimate = row.estimates[column.name]
    text = estimate_text(estimate, column.digits)
    return text if estimate.count in (0, len(results.clips)) else f"{text} (n = {estimate.count})"


def _scale_table(results: Results) -> str:
    lines = [
        [results.column(scale.column).title, scale.title, estimate_text(scale.estimate, 3)]
        for scale in results.scales
    ]
    return markdown_table(["For scale", "of", "value"], lines) if lines else ""


def _not_measured(results: Results) -> list[str]:
    lines = [str(unavailable) for unavailable in results.unavailable]
    measured = results.measured_columns()
    for column in results.columns:
        reasons = {
            reason
            for row in results.rows
            for reason in results.missing(row.source.name, column.name)
        }
        reasons.discard("not measured")
        if column not in measured and reasons:
            lines.append(f"{column.title}: {'; '.join(sorted(reasons))}")
    return lines


def _left_out(results: Results) -> list[str]:
    """Numbers that single clips have not, by reason."""
    titles: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for row in results.rows:
        for column in results.measured_columns():
            for reason, clips in results.missing(row.source.name, column.name).items():
                titles.setdefault((row.source.title, reason, tuple(clips)), []).append(column.title)
    return [
        f"{row}: {', '.join(columns)} of {_some(clips)}: {reason}"
        for (row, reason, clips), columns in titles.items()
    ]


def _notes(results: Results) -> list[str]:
    sources = (row.source for row in results.rows)
    return [f"{source.title}: {source.note}" for source in sources if source.note]


def _some(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    more = ", ..." if len(names) > _NAMED else ""
    return f"{len(names)} clips ({', '.join(names[:_NAMED])}{more})"


def _cost_table(results: Results) -> str:
    if not results.timings:
        return ""
    lines = []
    for timing in (*results.timings, results.total):
        per_hour = (timing.wall_per_hour, timing.cpu_per_hour)
        lines.append(
            [
                timing.name,
                f"{timing.audio_seconds / 60:.2f}",
                f"{timing.wall_seconds:.1f}",
                f"{timing.cpu_seconds:.1f}",
                *(f"{seconds:.0f}" for seconds in per_hour),
            ]
        )
    head = ["Stage", "audio (min)", "wall (s)", "CPU (s)", "wall (s) per hour", "CPU (s) per hour"]
    return markdown_table(head, lines)


def _list(title: str, items: Sequence[str]) -> str:
    return "\n".join([f"## {title}", "", *(f"- {_plain(item)}" for item in items)]) if items else ""


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
