"""Two rows of evaluations, clip by clip: which differences are more than chance."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

from tf_gantts.audio.files import write_atomically
from tf_gantts.errors import EvaluationError
from tf_gantts.evaluation import scatter
from tf_gantts.evaluation.bootstrap import Estimate, bootstrap_difference
from tf_gantts.evaluation.metric import Column
from tf_gantts.evaluation.results import Bootstrap, Results, Row, jsonable, read_results
from tf_gantts.evaluation.tables import column_title, estimate_text, markdown_table

_FORMAT = "tf_gantts comparison"
_VERSION = 1
_SIGNIFICANT = 0.05
_LENGTHS_DIFFER = 0.5  # seconds by which recordings of the same name are not the same recording


@dataclasses.dataclass(frozen=True)
class Difference:
    """How two rows differ in one column.

    Attributes:
        column: What was measured.
        first: Number of each shared clip.
        second: The same of the other row.
        first_mean: Mean over the clips that have both numbers.
        second_mean: The same of the other row.
        difference: `second - first` with its interval and the number of clips; of the distances
            from `column.ideal` where it has one.
        p: Share of random signs with so large a difference; NaN for fewer than two clips. Fewer
            than six clips cannot reach 0.05.
    """

    column: Column
    first: tuple[float, ...]
    second: tuple[float, ...]
    first_mean: float
    second_mean: float
    difference: Estimate
    p: float

    @property
    def is_shown(self) -> bool:
        """Whether the interval excludes 0 and the test finds so much by chance in 5 % at most."""
        excludes = self.difference.low > 0 or self.difference.high < 0
        return excludes and self.p <= _SIGNIFICANT

    @property
    def better(self) -> str:
        """`first` or `second`, whichever is better; empty where no difference is shown."""
        if not self.is_shown:
            return ""
        is_second = (self.difference.mean > 0) == self.column.higher_is_better
        return "second" if is_second else "first"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two rows on the clips that both evaluations have.

    Attributes:
        first: Name of the first row for a reader.
        second: Name of the second row.
        clips: Names of the shared clips.
        differences: One for each column that both have numbers in.
        notes: What a reader has to know, one sentence each.
        bootstrap: How the intervals were drawn.
    """

    first: str
    second: str
    clips: tuple[str, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    bootstrap: Bootstrap


def read_row(name: str) -> tuple[Results, Row]:
    """Finds what `--compare` names.

    Args:
        name: `OUT` or `OUT:ROW`: a folder of an evaluation or its results.json, and a row; without
            a row, the one that the evaluation is about.

    Raises:
        EvaluationError: If there are no results or no such row.
    """
    folder, colon, row = name.rpartition(":")
    if colon and not Path(name).exists():
        results = read_results(folder)
        return results, results.row(row)
    results = read_results(name)
    return results, results.main


def compare(
    first: tuple[Results, Row], second: tuple[Results, Row], bootstrap: Bootstrap
) -> Comparison:
    """Compares two rows on the clips that both have.

    Args:
        first: An evaluation and one of its rows.
        second: Another one, or another row of the same.
        bootstrap: How the intervals are drawn.

    Raises:
        EvaluationError: If no clip is in both, or a clip is not the same recording in both.
    """
    (a, row_a), (b, row_b) = first, second
    numbers_a = {clip.name: number for number, clip in enumerate(a.clips)}
    numbers_b = {clip.name: number for number, clip in enumerate(b.clips)}
    clips = [name for name in numbers_a if name in numbers_b]
    if not clips:
        raise EvaluationError(
            f"the evaluations have no clip in common (the first of each: {a.clips[0].name},"
            f" {b.clips[0].name}); evaluate both on the same split"
        )
    for name in clips:
        _check_same(a, numbers_a[name], b, numbers_b[name])
    at_a, at_b = [numbers_a[name] for name in clips], [numbers_b[name] for name in clips]
    differences = []
    for column in _shared_columns(a, b):
        values_a = tuple(row_a.values[column.name][n] for n in at_a)
        values_b = tuple(row_b.values[column.name][n] for n in at_b)
        weights = a.weights.get(column.name)
        shared = [weights[n] for n in at_a] if weights else [1.0] * len(clips)
        differences.append(_difference(column, values_a, values_b, shared, bootstrap))
    titles = (row_a.source.title, row_b.source.title)
    if titles[0] == titles[1]:
        titles = (f"{titles[0]} (first)", f"{titles[1]} (second)")
    notes = tuple(_notes(a, b, len(clips)))
    measured = tuple(one for one in differences if one.difference.count)
    return Comparison(*titles, tuple(clips), measured, notes, bootstrap)


def write_comparison(folder: Path, comparison: Comparison) -> str:
    """Writes comparison.json, .md, .png and .svg; returns the Markdown.

    Raises:
        OSError: If a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = {"format": _FORMAT, "version": _VERSION} | jsonable(comparison)
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    markdown = markdown_text(comparison)
    write_atomically(folder / "comparison.json", text.encode())
    write_atomically(folder / "comparison.md", markdown.encode())
    panels = [
        scatter.Panel(column_title(one.column), one.first, one.second)
        for one in comparison.differences
    ]
    for kind in ("png", "svg"):
        picture = scatter.scatter_plots(panels, comparison.first, comparison.second, kind)
        write_atomically(folder / f"comparison.{kind}", picture)
    return markdown


def markdown_text(comparison: Comparison) -> str:
    """The table of differences."""
    lines = []
    for one in comparison.differences:
        digits = one.column.digits
        verdict = {"first": comparison.first, "second": comparison.second, "": "not shown"}
        lines.append(
            [
                column_title(one.column),
                f"{one.first_mean:.{digits}f}",
                f"{one.second_mean:.{digits}f}",
                estimate_text(one.difference, digits),
                "-" if math.isnan(one.p) else f"{one.p:.4f}",
                str(one.difference.count),
                verdict[one.better],
            ]
        )
    head = ["", comparison.first, comparison.second, "difference", "p", "clips", "better"]
    notes = "\n".join(f"- {note}" for note in comparison.notes)
    return (
        f"# {comparison.second} against {comparison.first}\n\n"
        f"Difference (second minus first) on {len(comparison.clips)} clips with its"
        f" {comparison.bootstrap.confidence:.0%} paired bootstrap interval. A difference is shown"
        " where the interval excludes 0 and p, of a randomisation test, is at most"
        f" {_SIGNIFICANT}; of many columns, some are so by chance. Where there is a → 1, it is of"
        " the clips' distances from 1.\n\n"
        f"{markdown_table(head, lines)}\n" + (f"\n{notes}\n" if notes else "")
    )


def _difference(
    column: Column,
    first: tuple[float, ...],
    second: tuple[float, ...],
    weights: list[float],
    bootstrap: Bootstrap,
) -> Difference:
    a, b = ([column.judged(value) for value in values] for values in (first, second))
    estimate, p = bootstrap_difference(a, b, weights, *dataclasses.astuple(bootstrap))
    both = [
        (a, b, weight)
        for a, b, weight in zip(first, second, weights, strict=True)
        if math.isfinite(a) and math.isfinite(b)
    ]
    total = sum(weight for *_, weight in both) or math.nan
    means = [sum(one[side] * one[2] for one in both) / total for side in (0, 1)]
    return Difference(column, first, second, means[0], means[1], estimate, p)


def _check_same(a: Results, number_a: int, b: Results, number_b: int) -> None:
    clip, other = a.clips[number_a], b.clips[number_b]
    if clip.text != other.text or abs(clip.seconds - other.seconds) > _LENGTHS_DIFFER:
        raise EvaluationError(
            f"clip {clip.name} is not the same recording in both evaluations"
            f" ({clip.seconds:.2f} s {clip.text[:30]!r}, {other.seconds:.2f} s"
            f" {other.text[:30]!r}); evaluate both on the same features"
        )


def _shared_columns(a: Results, b: Results) -> list[Column]:
    names = {column.name for column in b.columns}
    rates = () if a.recogniser == b.recogniser else ("wer", "cer")
    return [column for column in a.columns if column.name in names and column.name not in rates]


def _notes(a: Results, b: Results, clips: int) -> list[str]:
    notes = []
    if clips < max(len(a.clips), len(b.clips)):
        notes.append(f"The evaluations have {len(a.clips)} and {len(b.clips)} clips.")
    if a.recogniser != b.recogniser:
        notes.append(
            f"The recognisers are {a.recogniser} and {b.recogniser}: no error rates are compared."
        )
    if a.mel_spec != b.mel_spec:
        different = "; ".join(a.mel_spec.differences(b.mel_spec))
        notes.append(f"The mel definitions differ, and so does what log-mel L1 means: {different}.")
    return notes
