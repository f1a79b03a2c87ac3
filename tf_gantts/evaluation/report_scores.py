"""The numbers on the report page: means of every row, and every number of every clip."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from tf_gantts.evaluation.bootstrap import Estimate
from tf_gantts.evaluation.metric import Column
from tf_gantts.evaluation.missing import Missing
from tf_gantts.evaluation.results import NATURAL, Results, Row
from tf_gantts.evaluation.tables import column_title

# What says most about single clips, if it was measured; speech with its own timing has the last.
_WORST_BY = ("pesq_wb", "log_mel_l1", "cer")
_WIDE = 6  # columns that fit beside each other on a page
_DEFAULT_REASON = "not measured"


def worst_column(results: Results) -> Column | None:
    """The column by which clips of the main row are called bad; None if it has no number."""
    estimates = results.main.estimates
    most = max((estimates[column.name].count for column in results.columns), default=0)
    # A few clips say little: of speech with its own timing some have the recording's length.
    measured = [one for one in results.columns if estimates[one.name].count > most / 2]
    named = {column.name: column for column in measured}
    first = (named[name] for name in _WORST_BY if name in named)
    return next(first, measured[0] if measured else None)


def worst_first(results: Results, column: Column | None) -> list[int]:
    """Numbers of the clips, the main row's worst first; those without a number before all."""
    if column is None:
        return list(range(len(results.clips)))
    sign = 1.0 if column.higher_is_better else -1.0
    values = [column.judged(value) for value in results.main.values[column.name]]
    return sorted(
        range(len(results.clips)),
        key=lambda clip: (not math.isnan(values[clip]), sign * values[clip], clip),
    )


def score_tables(results: Results) -> str:
    """HTML of the means: a line for each row, natural first, with what is missing and why."""
    measured = results.measured_columns()
    confidence = f"{results.bootstrap.confidence:.0%}".replace("%", " %")
    about = (
        f"Mean over {len(results.clips)} clips, below it the {confidence} bootstrap interval of the"
        " mean. Lower is nearer to the recording; where there is a ↑, higher is better; where there"
        " is a → 1, what is nearer to 1."
    )
    if results.recogniser:
        about += f" Error rates are those of {results.recogniser}: compare them with the recording."
    tables = "".join(_table(results, group) for group in _groups(results, measured))
    return (
        f'<p class="soft">{escape(about)}</p>{tables}{_scales(results)}{_not_measured(results)}'
        f"{_explanations(results, measured)}"
    )


def clip_numbers(results: Results) -> str:
    """HTML of every number of every clip, folded; a missing one says why when it is pointed at."""
    shown = results.measured_columns()
    head = "".join(f"<th>{escape(column_title(column))}</th>" for column in shown)
    lines = []
    for number in worst_first(results, worst_column(results)):
        for row in results.rows:
            first = ""
            if row is results.rows[0]:
                name = escape(results.clips[number].name)
                first = f'<th scope="rowgroup" rowspan="{len(results.rows)}">{name}</th>'
            cells = "".join(_value(row.values[column.name][number], column) for column in shown)
            lines.append(f"<tr>{first}<td>{escape(row.source.title)}</td>{cells}</tr>")
    return (
        f'<details class="card"><summary>All numbers of all {len(results.clips)} clips</summary>'
        f'<div class="scroll"><table class="small"><thead><tr><th>Clip</th><th></th>{head}</tr>'
        f"</thead><tbody>{''.join(lines)}</tbody></table></div></details>"
    )


def missing_numbers(results: Results) -> str:
    """HTML of the reasons why single clips have no number, and of clips that failed; or empty."""
    items = [escape(str(failure)) for failure in results.failures]
    for row, column, reason, clips in _reasons(results):
        items.append(
            f"{escape(row.source.title)}, {escape(column.title)}: {escape(reason)}"
            f' <span class="soft">({escape(", ".join(clips))})</span>'
        )
    if not items:
        return ""
    listed = "".join(f"<li>{item}</li>" for item in items)
    return (
        f'<details class="card"><summary>{len(items)} reasons why numbers are missing</summary>'
        f"<ul>{listed}</ul></details>"
    )


def _reasons(results: Results) -> Iterator[tuple[Row, Column, str, list[str]]]:
    for row in results.rows:
        for column in results.measured_columns():
            for reason, clips in results.missing(row.source.name, column.name).items():
                yield row, column, reason, clips


def _groups(results: Results, shown: Sequence[Column]) -> list[list[Column]]:
    """Columns for tables of about the same width; a rate takes two places, with its ratio."""
    places = [1 + any(column.name in row.ratios for row in results.rows) for column in shown]
    tables = max(1, math.ceil(sum(places) / _WIDE))
    ends = np.cumsum(places) * tables / max(1, sum(places))
    groups: list[list[Column]] = [[] for _ in range(tables)]
    for column, end in zip(shown, ends, strict=True):
        groups[min(tables, math.ceil(end - 1e-9)) - 1].append(column)
    return [group for group in groups if group]


def _table(results: Results, shown: Sequence[Column]) -> str:
    rated = {name for row in results.rows for name in row.ratios}
    head = ""
    for column in shown:
        head += f"<th>{escape(column_title(column))}</th>"
        if column.name in rated:
            head += f"<th>{escape(column.title)}, times the recording's</th>"
    rows = []
    for row in results.rows:
        cells = ""
        for column in shown:
            cells += _estimate(row.estimates[column.name], column.digits, len(results.clips))
            if column.name in rated:
                ratio = row.ratios.get(column.name)
                if row.source.name == NATURAL:
                    cells += "<td>1</td>"
                else:
                    cells += _estimate(ratio, 2) if ratio else "<td>-</td>"
        mark = ' class="main"' if row.source.main else ""
        rows.append(f'<tr{mark}><th scope="row">{escape(row.source.title)}</th>{cells}</tr>')
    return (
        f'<div class="card scroll"><table class="scores"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _estimate(estimate: Estimate, digits: int, clips: int = 0) -> str:
    if math.isnan(estimate.mean):
        return "<td>-</td>"
    below = []
    if math.isfinite(estimate.low):
        below.append(f"{estimate.low:.{digits}f} to {estimate.high:.{digits}f}")
    if clips and estimate.count < clips:
        below.append(f"{estimate.count} of {clips} clips")
    soft = "".join(f'<span class="soft">{line}</span>' for line in below)
    return f"<td>{estimate.mean:.{digits}f}{soft}</td>"


def _value(value: float, column: Column) -> str:
    if isinstance(value, Missing):
        return f'<td title="{escape(value.reason)}">-</td>'
    return "<td>-</td>" if math.isnan(value) else f"<td>{value:.{column.digits}f}</td>"


def _scales(results: Results) -> str:
    if not results.scales:
        return ""
    items = "".join(
        f"<li>{escape(results.column(scale.column).title)} of {escape(scale.title)}:"
        f" {scale.estimate.mean:.3f}</li>"
        for scale in results.scales
    )
    return f'<p class="soft">For scale, measured on recordings:</p><ul class="soft">{items}</ul>'


def _not_measured(results: Results) -> str:
    """What the tables have no column for, and what to install."""
    messages = [str(unavailable) for unavailable in results.unavailable]
    measured = results.measured_columns()
    for column in results.columns:
        reasons = {r for row in results.rows for r in results.missing(row.source.name, column.name)}
        reasons.discard(_DEFAULT_REASON)
        if column not in measured and reasons:
            messages.append(f"{column.title}: {'; '.join(sorted(reasons))}")
    if not messages:
        return ""
    items = "".join(f"<li>{escape(message)}</li>" for message in messages)
    return f'<div class="card"><h3>Not measured</h3><ul>{items}</ul></div>'


def _explanations(results: Results, shown: Sequence[Column]) -> str:
    def line(title: str, text: str) -> str:
        return f"<dt>{escape(title)}</dt><dd>{escape(text)}</dd>"

    notes = [line(row.source.title, row.source.note) for row in results.rows if row.source.note]
    notes += [
        line(column.title, f"{column.help[:1].upper()}{column.help[1:]}.") for column in shown
    ]
    return (
        "<details><summary>What the rows and columns are</summary>"
        f"<dl>{''.join(notes)}</dl></details>"
    )
