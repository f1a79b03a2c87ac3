"""Scatter plots of two systems: a point per clip, above or below the line where both are equal."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

_COLUMNS = 4
_INCHES = 2.6  # of a panel
_LABEL = 0.3  # inches for the names of the systems
_DPI = 100


@dataclasses.dataclass(frozen=True)
class Panel:
    """One diagram.

    Attributes:
        title: What was measured.
        x: Number of each clip for the first system.
        y: The same for the second system; clips without both are not drawn.
    """

    title: str
    x: Sequence[float]
    y: Sequence[float]


def scatter_plots(
    panels: Sequence[Panel], x_label: str, y_label: str, kind: Literal["png", "svg"]
) -> bytes:
    """Draws a panel per column.

    Args:
        panels: The diagrams.
        x_label: The first system.
        y_label: The second system.
        kind: Format of the file.

    Returns:
        A PNG or SVG file; the same numbers give the same bytes.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = max(1, min(_COLUMNS, len(panels)))
    rows = max(1, math.ceil(len(panels) / columns))
    width, height = _INCHES * columns + _LABEL, _INCHES * rows + _LABEL
    figure = Figure(figsize=(width, height), dpi=_DPI)
    FigureCanvasAgg(figure)
    # Fixed margins: an automatic layout takes seconds.
    figure.subplots_adjust(
        left=(_LABEL + 0.35) / width,
        right=1 - 0.1 / width,
        bottom=(_LABEL + 0.25) / height,
        top=1 - 0.3 / height,
        wspace=0.28,
        hspace=0.28,
    )
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    for axis, panel in zip(axes, panels, strict=False):
        x, y = np.asarray(panel.x, np.float64), np.asarray(panel.y, np.float64)
        both = np.isfinite(x) & np.isfinite(y)
        low, high = _range(np.concatenate([x[both], y[both]]))
        axis.plot([low, high], [low, high], color="0.6", linewidth=1.0)
        axis.scatter(x[both], y[both], s=16, alpha=0.7, edgecolors="none")
        axis.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axis.set_title(panel.title, fontsize=9)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.25)
    figure.supxlabel(x_label, fontsize=10, y=0.1 / height)
    figure.supylabel(y_label, fontsize=10, x=0.1 / width)
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "tf_gantts"}):
        metadata = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
        figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()


def _range(values: np.ndarray) -> tuple[float, float]:
    """Both axes of a panel: all numbers and a margin."""
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * (high - low) or 0.06 * abs(high) or 0.5
    return low - margin, high + margin
