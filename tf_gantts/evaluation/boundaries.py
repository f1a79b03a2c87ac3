"""How far the boundaries of an alignment are from the true ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tf_gantts.errors import EvaluationError


@dataclasses.dataclass(frozen=True)
class BoundaryScore:
    """Errors of the boundaries between neighbouring symbols, over a corpus.

    Attributes:
        boundaries: How many.
        mean: Mean absolute error in seconds.
        median: Median absolute error in seconds.
        within_20_ms: Share of boundaries at most 20 ms off, the usual agreement of two people.
        within_40_ms: Share at most 40 ms off.
        bias: Median signed error in seconds; above 0: too late.
    """

    boundaries: int
    mean: float
    median: float
    within_20_ms: float
    within_40_ms: float
    bias: float


def score_boundaries(
    durations: Sequence[np.ndarray], ends: Sequence[np.ndarray], frame_shift: float
) -> BoundaryScore:
    """Compares durations with the true ends of the symbols.

    Args:
        durations: Frames of each symbol (N,), per utterance; frame t lasts from t * frame_shift to
            (t + 1) * frame_shift. Empty where there is no alignment, which then does not count.
        ends: True end of each symbol in seconds (N,), per utterance.
        frame_shift: Seconds per frame.

    Returns:
        The score of all boundaries but the outermost.

    Raises:
        EvaluationError: If an utterance has another number of symbols, or there is no boundary.
    """
    errors = []
    for place, (frames, true) in enumerate(zip(durations, ends, strict=True)):
        if len(frames) not in (0, len(true)):
            raise EvaluationError(
                f"utterance {place}: durations of {len(frames)} symbols, but {len(true)} true ends"
            )
        if len(frames):
            errors.append(np.cumsum(frames)[:-1] * frame_shift - true[:-1])
    signed = np.concatenate(errors) if errors else np.zeros(0)
    if not len(signed):
        raise EvaluationError("no boundaries to score; utterances with two symbols are needed")
    absolute = np.abs(signed)
    return BoundaryScore(
        boundaries=len(signed),
        mean=float(absolute.mean()),
        median=float(np.median(absolute)),
        within_20_ms=float((absolute <= 0.02).mean()),
        within_40_ms=float((absolute <= 0.04).mean()),
        bias=float(np.median(signed)),
    )
