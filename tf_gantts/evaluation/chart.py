"""Line charts as SVG that stands inside a page and takes its colours from the page's style."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from html import escape

from tf_gantts.evaluation.curves import Curve

_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 14, 40  # margins around the plot
_TICKS = 5
_FEW = 30  # curves with fewer points show them


@dataclasses.dataclass(frozen=True)
class Chart:
    """A diagram of curves over training steps.

    Attributes:
        title: What a reader sees above it.
        y_label: What the vertical axis is, with its unit.
        series: Legend -> name of the scalar; scalars that a run does not have are left out.
        log_y: Whether the vertical axis is logarithmic; values of 0 and below are left out then.
        y_range: Ends of the vertical axis; None for the extremes.
        x_label: What the horizontal axis is, with its unit.
        width: Of the picture; about what a page gives it, so that its text has the page's size.
        height: Of the picture.
    """

    title: str
    y_label: str
    series: Mapping[str, str]
    log_y: bool = False
    y_range: tuple[float, float] | None = None
    x_label: str = "step"
    width: int = 460
    height: int = 240


def draw_chart(
    chart: Chart, curves: Mapping[str, Curve], marks: Mapping[int, str] | None = None
) -> str:
    """Draws a chart.

    Args:
        chart: What to draw.
        curves: The scalars of a run; a value that is NaN is a gap.
        marks: Step -> label of a vertical line.

    Returns:
        HTML: a `figure` with title, legend and an inline SVG; empty if the run has none of the
        chart's scalars.
    """
    shown = {
        legend: kept
        for legend, name in chart.series.items()
        if name in curves and (kept := _drawable(curves[name], chart.log_y)).steps
    }
    if not shown:
        return ""
    axes = _Axes.around(list(shown.values()), chart)
    parts = [axes.grid(chart.x_label, chart.y_label)]
    shown_marks = [m for m in (marks or {}).items() if axes.x_low <= m[0] <= axes.x_high]
    parts += [axes.mark(*mark, row) for row, mark in enumerate(shown_marks)]
    parts += [_line(axes, curve, number) for number, curve in enumerate(shown.values())]
    legend = "".join(
        f'<li><span class="key s{number}"></span>{escape(name)}</li>'
        for number, name in enumerate(shown)
    )
    last = "; ".join(f"{name} ends at {_last(c):.3g}" for name, c in shown.items())
    return (
        f'<figure class="chart"><figcaption>{escape(chart.title)}</figcaption>'
        f'<ul class="legend">{legend}</ul>'
        f'<svg viewBox="0 0 {chart.width} {chart.height}" role="img" aria-label="{escape(last)}">'
        f"{''.join(parts)}</svg></figure>"
    )


@dataclasses.dataclass(frozen=True)
class _Axes:
    x_low: float
    x_high: float
    y_low: float
    y_high: float
    log_y: bool
    width: int
    height: int

    @classmethod
    def around(cls, curves: Sequence[Curve], chart: Chart) -> _Axes:
        steps = [step for curve in curves for step in curve.steps]
        values = [value for curve in curves for value in curve.values if not math.isnan(value)]
        low, high = chart.y_range or (min(values), max(values))
        if chart.log_y:
            low, high = math.log10(low), math.log10(high)
        margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
        return cls(
            0.0, max(steps), low - margin, high + margin, chart.log_y, chart.width, chart.height
        )

    def x(self, step: float) -> float:
        """Horizontal position in the picture."""
        span = max(self.x_high - self.x_low, 1e-12)
        return _LEFT + (step - self.x_low) / span * (self.width - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        """Vertical position in the picture."""
        level = math.log10(value) if self.log_y else value
        return _TOP + (self.y_high - level) / (self.y_high - self.y_low) * (
            self.height - _TOP - _BOTTOM
        )

    def grid(self, x_label: str, y_label: str) -> str:
        """Lines, numbers and labels of both axes."""
        parts = []
        for value in self._y_ticks():
            y = self.y(value)
            parts.append(
                f'<line class="grid" x1="{_LEFT}" x2="{self.width - _RIGHT}" y1="{y:.1f}"'
                f' y2="{y:.1f}"/><text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
                f"{value:.3g}</text>"
            )
        for step in nice_ticks(self.x_low, self.x_high):
            parts.append(
                f'<text x="{self.x(step):.1f}" y="{self.height - _BOTTOM + 16}"'
                f' text-anchor="middle">{step:,.6g}</text>'
            )
        parts.append(
            f'<text x="{self.width - _RIGHT}" y="{self.height - 6}" text-anchor="end">'
            f"{escape(x_label)}</text>"
            f'<text x="{_LEFT}" y="{self.height - 6}">{escape(y_label)}</text>'
        )
        return "".join(parts)

    def mark(self, step: float, label: str, row: int) -> str:
        """A vertical line, labelled in a row below the labels of those before it."""
        x, y, bottom = self.x(step), _TOP + 9 + 15 * row, self.height - _BOTTOM
        return (
            f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}"/>'
            f'<text x="{x - 5:.1f}" y="{y}" text-anchor="end">{escape(label)}</text>'
        )

    def _y_ticks(self) -> list[float]:
        if not self.log_y:
            return nice_ticks(self.y_low, self.y_high)
        decades = range(math.floor(self.y_low), math.ceil(self.y_high) + 1)
        factors = (1.0, 2.0, 5.0) if self.y_high - self.y_low < 3 else (1.0,)
        ticks = [factor * 10.0**decade for decade in decades for factor in factors]
        return [tick for tick in ticks if self.y_low <= math.log10(tick) <= self.y_high]


def nice_ticks(low: float, high: float) -> list[float]:
    """About five round numbers within low..high."""
    rough = max(high - low, 1e-12) / _TICKS
    magnitude = 10.0 ** math.floor(math.log10(rough))
    width = next(f * magnitude for f in (1.0, 2.0, 5.0, 10.0) if f * magnitude >= 0.999 * rough)
    first = math.ceil(low / width - 1e-9)
    return [n * width for n in range(first, math.floor(high / width + 1e-9) + 1)]


def _drawable(curve: Curve, log_y: bool) -> Curve:
    kept = [(s, v) for s, v in zip(curve.steps, curve.values, strict=True) if v > 0 or not log_y]
    if all(math.isnan(value) for _, value in kept):
        return Curve()
    return Curve([s for s, _ in kept], [v for _, v in kept])


def _last(curve: Curve) -> float:
    return next(value for value in reversed(curve.values) if not math.isnan(value))


def _line(axes: _Axes, curve: Curve, number: int) -> str:
    pairs = list(zip(curve.steps, curve.values, strict=True))
    parts = []
    for gap, run in itertools.groupby(pairs, key=lambda pair: math.isnan(pair[1])):
        if not gap:
            points = " ".join(f"{axes.x(step):.1f},{axes.y(value):.1f}" for step, value in run)
            parts.append(f'<polyline points="{points}"/>')
    if len(pairs) < _FEW:
        parts += [
            f'<circle cx="{axes.x(step):.1f}" cy="{axes.y(value):.1f}" r="2.5"/>'
            for step, value in pairs
            if not math.isnan(value)
        ]
    return f'<g class="s{number}">{"".join(parts)}</g>'
