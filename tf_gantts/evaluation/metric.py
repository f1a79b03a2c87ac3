"""What a metric is."""

from __future__ import annotations

import dataclasses
from typing import Protocol

import numpy as np

from tf_gantts.audio.mel_spec import MelSpec


@dataclasses.dataclass(frozen=True)
class Column:
    """One number that a metric gives.

    Attributes:
        name: Key in the metric's result.
        title: What a reader sees.
        unit: Unit of the number; empty for a ratio.
        help: What it measures, in one sentence without its full stop.
        digits: Decimals worth showing.
        higher_is_better: Whether more is nearer to the recording; otherwise 0 is the recording.
        ideal: The recording's own number, where neither more nor less of it is better.
    """

    name: str
    title: str
    unit: str
    help: str
    digits: int = 3
    higher_is_better: bool = False
    ideal: float | None = None

    def judged(self, value: float) -> float:
        """The number that is compared: the distance from `ideal` where there is one."""
        return value if self.ideal is None else abs(value - self.ideal)


class Metric(Protocol):
    """A module of this package."""

    COLUMNS: tuple[Column, ...]

    def score(self, natural: np.ndarray, generated: np.ndarray, spec: MelSpec) -> dict[str, float]:
        """Compares two clips.

        Args:
            natural: The recording, samples `(N,)`, float32, at `spec.sampling_rate`.
            generated: What is to be judged, samples `(M,)`.
            spec: The mel definition of the model.

        Returns:
            A number for each name in `COLUMNS`; NaN where the metric does not apply to the clip,
            preferably a `missing.Missing`, which says why.

        Raises:
            AudioError: If a clip is empty, has several channels or is not finite.
        """
