"""Pictures of features and training: PNG files, and arrays for TensorBoard.

matplotlib is imported when the first picture is drawn, without pyplot and its global state. With
one matplotlib version the same input gives the same bytes.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_gantts.audio.files import write_atomically
from tf_gantts.audio.filterbank import band_centers
from tf_gantts.audio.mel_spec import MelSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 100
_COLORS = "magma"
_HZ_TICKS = (250, 500, 1000, 2000, 4000, 8000, 16000)
_MARKED_POINTS = 60
_GAP = 4  # pixels between two rows of `spectrogram_image`

Rows = np.ndarray | Sequence[np.ndarray] | Mapping[str, np.ndarray]
Path = str | os.PathLike[str]


def spectrogram_image(
    rows: Rows, scale: int = 2, value_range: tuple[float, float] | None = None
) -> np.ndarray:
    """One picture element per frame and band, without axes: quick enough for every evaluation.

    Args:
        rows: One spectrogram `(T, n_mels)`, or several (a list, or a mapping whose names are not
            drawn) that share the colours and stand below each other. Any other matrix does too,
            such as an attention alignment.
        scale: Size of a frame and of a band in pixels.
        value_range: Values of the darkest and the brightest colour; None for the extremes.

    Returns:
        `(H, W, 3)`, uint8, low frequencies at the bottom of each row.
    """
    import matplotlib

    mels, _ = _as_rows(rows)
    low, high = value_range or _value_range(mels)
    width = scale * max(len(mel) for mel in mels)
    colors = matplotlib.colormaps[_COLORS]
    parts: list[np.ndarray] = []
    for mel in mels:
        unit = (np.nan_to_num(mel, nan=low) - low) / max(high - low, 1e-12)
        pixels = colors(np.clip(unit.T[::-1], 0.0, 1.0), bytes=True)[..., :3]
        pixels = pixels.repeat(scale, axis=0).repeat(scale, axis=1)
        row = np.full((pixels.shape[0], width, 3), 255, np.uint8)
        row[:, : pixels.shape[1]] = pixels
        parts += [np.full((_GAP, width, 3), 255, np.uint8)] * bool(parts) + [row]
    return np.concatenate(parts)


def spectrogram_png(
    rows: Rows, spec: MelSpec | None = None, title: str = "", label: str = ""
) -> bytes:
    """Draws spectrograms below each other with one colour scale.

    Args:
        rows: One spectrogram `(T, n_mels)`, several, or name of a row -> spectrogram.
        spec: Labels the axes in seconds and Hz; None counts frames and bands.
        title: Title of the picture.
        label: What the colours stand for, such as `log10 amplitude`.

    Returns:
        A PNG file.
    """
    mels, names = _as_rows(rows)
    longest = max(len(mel) for mel in mels)
    width = float(np.clip(longest / 60, 7, 16))
    figure, axes = _figure(len(mels), 1, width, 0.6 + 2.2 * len(mels), share_x=True)
    low, high = _value_range(mels)
    seconds = spec.hop_size / spec.sampling_rate if spec else 1.0
    for axis, mel, name in zip(axes, mels, names, strict=True):
        image = axis.imshow(
            mel.T,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            cmap=_COLORS,
            vmin=low,
            vmax=high,
            extent=(0.0, len(mel) * seconds, -0.5, mel.shape[1] - 0.5),
        )
        axis.set_xlim(0.0, longest * seconds)
        axis.set_title(name, loc="left", fontsize=10)
        _label_bands(axis, mel.shape[1], spec)
    axes[-1].set_xlabel("time (s)" if spec else "frame")
    figure.suptitle(title)
    figure.colorbar(image, ax=axes, label=label, fraction=0.04, pad=0.01)
    return _png(figure)


def curves_png(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    title: str = "",
    x_label: str = "step",
    y_label: str = "",
    log_y: bool = False,
) -> bytes:
    """Draws curves into one diagram; values that are not finite are left out.

    Args:
        curves: Name of each curve -> its x and y values.
        title: Title of the diagram.
        x_label: What x is, with its unit.
        y_label: What y is, with its unit.
        log_y: Whether y is drawn logarithmically; values of 0 and below are left out then.

    Returns:
        A PNG file.
    """
    figure, (axis,) = _figure(1, 1, 9.0, 4.5)
    for name, (x, y) in curves.items():
        values = np.asarray(y, np.float64).copy()
        values[~np.isfinite(values) | (log_y & (values <= 0))] = np.nan
        # A line alone would hide a point without neighbours, such as a first evaluation.
        marker = "." if values.size <= _MARKED_POINTS else None
        axis.plot(np.asarray(x, np.float64), values, label=name, linewidth=1.3, marker=marker)
    if log_y:
        axis.set_yscale("log")
    axis.set(title=title, xlabel=x_label, ylabel=y_label)
    axis.grid(alpha=0.3)
    if curves:
        axis.legend(fontsize=9, loc="best")
    return _png(figure)


def histograms_png(
    values: Mapping[str, Sequence[float]], bins: int = 40, title: str = "", counted: str = "clips"
) -> bytes:
    """Draws one histogram beside another, with the median marked.

    Args:
        values: What was measured, with its unit, such as `duration (s)` -> the values; those that
            are not finite are left out.
        bins: Number of bars.
        title: Title of the picture.
        counted: What one value belongs to, the label of the counts.

    Returns:
        A PNG file.
    """
    figure, axes = _figure(1, max(1, len(values)), 4.5 * max(1, len(values)), 3.6)
    for axis, (name, numbers) in zip(axes, values.items(), strict=False):
        finite = np.asarray(numbers, np.float64)
        finite = finite[np.isfinite(finite)]
        axis.set_xlabel(name)
        axis.set_ylabel(counted)
        if not finite.size:
            axis.text(0.5, 0.5, "no values", ha="center", transform=axis.transAxes)
            continue
        axis.hist(finite, bins=bins, color="tab:blue")
        median = float(np.median(finite))
        axis.axvline(median, color="tab:orange", label=f"median {median:.3g}")
        extent = f"{finite.min():.3g} to {finite.max():.3g}"
        axis.set_title(f"{finite.size} values, {extent}", fontsize=10)
        axis.legend(fontsize=9)
    figure.suptitle(title)
    return _png(figure)


def save_spectrogram(path: Path, rows: Rows, *args: Any, **kwargs: Any) -> None:
    """Writes `spectrogram_png` to a file."""
    write_atomically(path, spectrogram_png(rows, *args, **kwargs))


def alignment_png(alignment: np.ndarray, title: str = "") -> bytes:
    """Draws attention: which symbol each decoder step looks at.

    Args:
        alignment: Attention weights `(steps, symbols)`, 0 to 1.
        title: Title of the picture.

    Returns:
        A PNG file.
    """
    width = float(np.clip(len(alignment) / 40, 6, 14))
    figure, axes = _figure(1, 1, width, 4.5)
    image = axes[0].imshow(
        np.asarray(alignment).T,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        cmap=_COLORS,
        vmin=0.0,
        vmax=1.0,
    )
    axes[0].set_xlabel("decoder step")
    axes[0].set_ylabel("symbol")
    figure.suptitle(title, wrap=True)
    figure.colorbar(image, ax=axes, label="attention", fraction=0.04, pad=0.01)
    return _png(figure)


def save_alignment(path: Path, alignment: np.ndarray, title: str = "") -> None:
    """Writes `alignment_png` to a file."""
    write_atomically(path, alignment_png(alignment, title))


def save_curves(
    path: Path,
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *args: Any,
    **kwargs: Any,
) -> None:
    """Writes `curves_png` to a file."""
    write_atomically(path, curves_png(curves, *args, **kwargs))


def save_histograms(
    path: Path, values: Mapping[str, Sequence[float]], *args: Any, **kwargs: Any
) -> None:
    """Writes `histograms_png` to a file."""
    write_atomically(path, histograms_png(values, *args, **kwargs))


def _as_rows(rows: Rows) -> tuple[list[np.ndarray], list[str]]:
    """Spectrograms and the name of each."""
    if isinstance(rows, Mapping):
        names, spectrograms = list(rows), list(rows.values())
    elif isinstance(rows, np.ndarray) and rows.ndim == 2:
        names, spectrograms = [""], [rows]
    else:
        spectrograms = list(rows)
        names = [""] * len(spectrograms)
    mels = [np.asarray(mel, np.float64) for mel in spectrograms]
    if not mels or any(mel.ndim != 2 or not mel.size for mel in mels):
        raise ValueError("spectrograms (T, n_mels) with at least one frame are expected")
    return mels, names


def _value_range(mels: Sequence[np.ndarray]) -> tuple[float, float]:
    finite = np.concatenate([mel[np.isfinite(mel)] for mel in mels])
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _figure(
    rows: int, columns: int, width: float, height: float, share_x: bool = False
) -> tuple[Figure, list[Axes]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=share_x)
    return figure, list(axes.ravel())


def _label_bands(axis: Axes, bands: int, spec: MelSpec | None) -> None:
    if spec is None or spec.num_mels != bands:
        axis.set_ylabel("band")
        return
    centers = band_centers(spec)
    ticks = [hz for hz in _HZ_TICKS if centers[0] <= hz <= centers[-1]]
    axis.set_yticks(np.interp(ticks, centers, np.arange(bands)), [str(hz) for hz in ticks])
    axis.tick_params(axis="y", labelsize=8)
    axis.set_ylabel("Hz")


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # Without the name and version of the program the file depends on the drawing alone.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
