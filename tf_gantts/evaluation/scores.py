"""All metrics together, over all clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.errors import HparamsError
from tf_gantts.evaluation import (
    duration,
    f0,
    log_mel,
    mcd,
    over_smoothing,
    periodicity,
    pesq,
    stft,
    stoi,
)
from tf_gantts.evaluation.metric import Column, Metric
from tf_gantts.evaluation.pair import check_pair

# In the order of a table's columns. A new metric is a new file and its name here.
METRICS: tuple[Metric, ...] = (
    log_mel,
    stft,
    mcd,
    f0,
    periodicity,
    over_smoothing,
    pesq,
    stoi,
    duration,
)


def columns() -> list[Column]:
    """The columns of all metrics."""
    return [column for metric in METRICS for column in metric.COLUMNS]


def metric_names() -> list[str]:
    """The names of all metrics: those of their modules."""
    return [_name(metric) for metric in METRICS]


def metrics_named(names: Sequence[str]) -> list[Metric]:
    """The metrics of these names, such as `pesq`, `stoi` or `mcd`.

    Raises:
        HparamsError: If there is none of such a name.
    """
    table = dict(zip(metric_names(), METRICS, strict=True))
    unknown = [name for name in names if name not in table]
    if unknown:
        raise HparamsError(f"metric {unknown[0]!r} is unknown; there are {', '.join(table)}")
    return [table[name] for name in names]


def _name(metric: Metric) -> str:
    return metric.__name__.rpartition(".")[2]  # type: ignore[attr-defined]


def merit(name: str, value: float) -> float:
    """The value of a column turned so that more is better; of a loss where there is no such one."""
    for column in columns():
        if column.name == name:
            return column.judged(value) * (1.0 if column.higher_is_better else -1.0)
    return -value


def score(natural: np.ndarray, generated: np.ndarray, spec: MelSpec) -> dict[str, float]:
    """The numbers of all metrics for one pair of clips; see `metric.Metric.score`."""
    check_pair(natural, generated)
    result: dict[str, float] = {}
    for metric in METRICS:
        result |= metric.score(natural, generated, spec)
    return result
