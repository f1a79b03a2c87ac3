"""How sure a mean over clips is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

_MOST_DRAWS = 1_000_000  # held in memory at a time


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean and its confidence interval.

    Attributes:
        mean: Mean over the clips; NaN without any.
        low: Lower end of the interval; NaN for fewer than two clips.
        high: Upper end.
        count: Number of clips that had a finite value.
    """

    mean: float
    low: float
    high: float
    count: int


def bootstrap_mean(
    values: Sequence[float], confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Estimate:
    """Mean of one value per clip with a percentile bootstrap interval.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3.

    Args:
        values: One number per clip; those that are not finite are left out.
        confidence: Share of the resampled means that the interval holds.
        resamples: How many times the clips are drawn with replacement.
        seed: Seed of the draws; the result is a function of it.

    Returns:
        The mean, the interval and the number of clips.
    """
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return Estimate(np.nan, np.nan, np.nan, 0)
    mean = float(finite.mean())
    if finite.size == 1:
        return Estimate(mean, np.nan, np.nan, 1)
    means = np.concatenate(
        [finite[draws].mean(axis=1) for draws in _draws(finite.size, resamples, seed)]
    )
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means, (tail, 1.0 - tail))
    return Estimate(mean, float(low), float(high), int(finite.size))


def bootstrap_difference(
    first: Sequence[float],
    second: Sequence[float],
    weights: Sequence[float] | None = None,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> tuple[Estimate, float]:
    """How much a second system differs from a first one on the same clips.

    The clips are drawn, each with both of its numbers, so what makes a clip hard for both systems
    does not widen the interval.

    The level of significance is that of the randomisation test, which holds for few clips too,
    where a percentile interval is too narrow: if both systems were alike, every difference could
    as well have the other sign.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3; Noreen,
    "Computer-intensive methods for testing hypotheses" (1989), section 2.

    Args:
        first: One number per clip.
        second: The numbers of the other system, same length.
        weights: Weight of each clip in the means, such as the words of its transcript; None weighs
            all alike. Clips without two finite numbers or with weight 0 are left out.
        confidence: Share of the resampled differences that the interval holds.
        resamples: How many times the clips are drawn with replacement, and the signs.
        seed: Seed of the draws.

    Returns:
        The mean of `second - first` with its interval, and the p-value: the share of sign
        assignments with a mean at least as far from 0, of all if they are at most `resamples`. It
        is NaN for fewer than two clips, and at least 2 ** (1 - clips).
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    w = np.ones_like(a) if weights is None else np.asarray(weights, np.float64)
    kept = np.isfinite(a) & np.isfinite(b) & (w > 0)
    difference, w = (b - a)[kept], w[kept]
    if not difference.size:
        return Estimate(np.nan, np.nan, np.nan, 0), np.nan
    mean = float(np.average(difference, weights=w))
    if difference.size == 1:
        return Estimate(mean, np.nan, np.nan, 1), np.nan
    weighted = w * difference
    means = np.concatenate(
        [
            weighted[draws].sum(axis=1) / w[draws].sum(axis=1)
            for draws in _draws(difference.size, resamples, seed)
        ]
    )
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means, (tail, 1.0 - tail))
    p = _sign_test(weighted, resamples, seed)
    return Estimate(mean, float(low), float(high), int(difference.size)), p


def _draws(size: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Clips of each resample, (rows, size) at a time, so that a large corpus fits the memory."""
    rng = np.random.default_rng(seed)
    rows = max(_MOST_DRAWS // size, 1)
    for first in range(0, resamples, rows):
        yield rng.integers(size, size=(min(rows, resamples - first), size))


def _sign_test(values: np.ndarray, resamples: int, seed: int) -> float:
    """Share of sign assignments whose sum is at least as far from 0 as that of `values`."""
    size = values.size
    if 2**size <= resamples:
        bits = np.arange(2**size)[:, np.newaxis] >> np.arange(size) & 1
        given = 0
    else:
        rng = np.random.default_rng(seed)
        bits = rng.integers(2, size=(resamples, size), dtype=np.int8)
        given = 1  # the assignment that was found is one of the possible ones
    pieces = np.array_split(bits, -(-bits.size // _MOST_DRAWS))
    sums = np.abs(np.concatenate([(1 - 2 * piece) @ values for piece in pieces]))
    rounding = 1e-9 * np.abs(values).sum()
    as_far = int(np.count_nonzero(sums >= abs(values.sum()) - rounding))
    return (as_far + given) / (len(bits) + given)
