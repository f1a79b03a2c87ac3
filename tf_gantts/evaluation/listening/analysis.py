"""Means with confidence intervals over listeners and clips."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import t as student

from tf_gantts.evaluation.bootstrap import Estimate
from tf_gantts.evaluation.listening.answers import NO_DIFFERENCE, Listener
from tf_gantts.evaluation.listening.design import Key
from tf_gantts.evaluation.listening.screening import Screening, screen

_SCALES = {"mos": (1.0, 5.0), "mushra": (0.0, 100.0), "ab": (0.0, 1.0)}


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two systems compared.

    Attributes:
        first: A system.
        second: Another one.
        prefer_first: Share of the answers.
        no_difference: Share of the answers.
        prefer_second: Share of the answers.
        estimate: Preference of the first, answers without a difference counted half: 0 to 1, 0.5
            is a tie.
    """

    first: str
    second: str
    prefer_first: float
    no_difference: float
    prefer_second: float
    estimate: Estimate


@dataclasses.dataclass(frozen=True)
class Table:
    """The result of some listeners.

    Attributes:
        listeners: How many.
        clips: How many.
        systems: System -> mean grade; in `ab` its mean preference over all its pairs.
        pairs: In `ab`, the comparison of every two systems.
    """

    listeners: int
    clips: int
    systems: Mapping[str, Estimate]
    pairs: tuple[Pair, ...] = ()


@dataclasses.dataclass(frozen=True)
class Analysis:
    """What the answers say.

    Attributes:
        key: The test.
        everybody: The result of all listeners.
        screened: The result of those whose answers can be used; None if there are none.
        screenings: What was found out about each listener.
    """

    key: Key
    everybody: Table
    screened: Table | None
    screenings: tuple[Screening, ...]


def analyse(key: Key, listeners: Sequence[Listener], confidence: float = 0.95) -> Analysis:
    """Means of all listeners, and of those that pass the screening.

    Args:
        key: The test.
        listeners: Their answers.
        confidence: Of the intervals; see `two_way_interval`.

    Returns:
        Both results and the reasons for the difference.
    """
    screenings = tuple(screen(key, listener) for listener in listeners)
    kept = [one for one, found in zip(listeners, screenings, strict=True) if not found.reasons]
    return Analysis(
        key,
        _table(key, listeners, confidence),
        _table(key, kept, confidence) if kept else None,
        screenings,
    )


def two_way_interval(
    cells: np.ndarray, confidence: float = 0.95, scale: tuple[float, float] | None = None
) -> Estimate:
    """Mean of grades with an interval for other listeners and other clips.

    Both are samples: of all the people and all the sentences that might have been asked. In the
    two-way random-effects model with mean squares of listeners, clips and residual, the variance of
    the mean is estimated without bias by (MS_L + MS_C - MS_E) / (L C); it is not taken smaller than
    with one of the two factors alone. The degrees of freedom are Satterthwaite's (1946,
    "An approximate distribution of estimates of variance components"). With one listener or one
    clip the interval is about the other factor only.

    Args:
        cells: Grades `(L, C)` of L listeners for C clips.
        confidence: Share of such intervals that hold the true mean.
        scale: Ends of the scale; the interval does not leave it.

    Returns:
        The mean, its t interval, and the number of grades.
    """
    listeners, clips = cells.shape
    mean = float(cells.mean())
    if cells.size == 1:
        return Estimate(mean, np.nan, np.nan, 1)
    variance, freedom = _variance_of_mean(cells)
    half = float(student.ppf(0.5 + confidence / 2, freedom)) * float(np.sqrt(variance))
    low, high = mean - half, mean + half
    if scale is not None:
        low, high = max(low, scale[0]), min(high, scale[1])
    return Estimate(mean, low, high, listeners * clips)


def _variance_of_mean(cells: np.ndarray) -> tuple[float, float]:
    """Variance of the mean and its degrees of freedom."""
    listeners, clips = cells.shape
    if min(listeners, clips) == 1:
        return float(cells.var(ddof=1) / cells.size), cells.size - 1
    by_listener, by_clip = cells.mean(axis=1), cells.mean(axis=0)
    residual = cells - by_listener[:, np.newaxis] - by_clip + cells.mean()
    freedom = np.asarray([listeners - 1, clips - 1, (listeners - 1) * (clips - 1)], np.float64)
    squares = np.asarray(
        [
            clips * by_listener.var(ddof=1),
            listeners * by_clip.var(ddof=1),
            float(np.square(residual).sum()) / freedom[2],
        ]
    )
    of_listeners, of_clips, of_residual = squares
    total = of_listeners + of_clips - of_residual
    alone = int(np.argmax(squares[:2]))
    if total <= squares[alone]:
        return float(squares[alone] / cells.size), float(freedom[alone])
    return float(total / cells.size), float(total**2 / (np.square(squares) / freedom).sum())


def _table(key: Key, listeners: Sequence[Listener], confidence: float) -> Table:
    clips = sorted({trial.clip for trial in key.trials if trial.kind == "test"})
    scale = _SCALES[key.mode]

    def estimate(cells: np.ndarray) -> Estimate:
        return two_way_interval(cells, confidence, scale)

    if key.mode != "ab":
        cells = _grades(key, listeners, clips)
        systems = {name: estimate(cells[name]) for name in key.systems}
        return Table(len(listeners), len(clips), systems)
    wins = _wins(key, listeners, clips)
    pairs = tuple(
        Pair(
            first,
            second,
            float(np.mean(cells == 1.0)),
            float(np.mean(cells == 0.5)),
            float(np.mean(cells == 0.0)),
            estimate(cells),
        )
        for (first, second), cells in wins.items()
    )
    systems = {
        name: estimate(
            np.mean(
                [
                    cells if name == first else 1.0 - cells
                    for (first, second), cells in wins.items()
                    if name in (first, second)
                ],
                axis=0,
            )
        )
        for name in key.systems
    }
    return Table(len(listeners), len(clips), systems, pairs)


def _grades(key: Key, listeners: Sequence[Listener], clips: Sequence[str]) -> dict[str, np.ndarray]:
    """System -> grades (listeners, clips)."""
    cells = {name: np.full((len(listeners), len(clips)), np.nan) for name in key.systems}
    for number, listener in enumerate(listeners):
        for answer in listener.of_kind("test"):
            clip = clips.index(answer.trial.clip)
            for sound, grade in answer.ratings.items():
                cells[answer.trial.sounds[sound]][number, clip] = grade
    return cells


def _wins(
    key: Key, listeners: Sequence[Listener], clips: Sequence[str]
) -> dict[tuple[str, str], np.ndarray]:
    """Two systems -> 1 where the first is preferred, 0 the second, 0.5 none (listeners, clips)."""
    cells = {
        pair: np.full((len(listeners), len(clips)), np.nan)
        for pair in itertools.combinations(key.systems, 2)
    }
    for number, listener in enumerate(listeners):
        for answer in listener.of_kind("test"):
            preferred = answer.trial.sounds.get(answer.preferred, NO_DIFFERENCE)
            first, second = sorted(answer.trial.sounds.values(), key=key.systems.index)
            value = {first: 1.0, second: 0.0}.get(preferred, 0.5)
            cells[first, second][number, clips.index(answer.trial.clip)] = value
    return cells
