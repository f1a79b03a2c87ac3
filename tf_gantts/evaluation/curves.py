"""What a training run logged: RUN/scalars.csv as curves."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

from tf_gantts.errors import CheckpointError


@dataclasses.dataclass
class Curve:
    """One scalar over the training.

    Attributes:
        steps: Step of each value, ascending; of a curve over time, the seconds.
        values: The values; those of a run are finite.
    """

    steps: Sequence[float] = dataclasses.field(default_factory=list)
    values: Sequence[float] = dataclasses.field(default_factory=list)


def read_curves(path: Path) -> dict[str, Curve]:
    """Reads the lines `step,name,value` of a run's scalars.

    A step that was logged twice keeps the later value; values that are not finite and a torn line
    are left out.

    Args:
        path: RUN/scalars.csv.

    Returns:
        Name of each scalar -> its curve, in the order of the file.

    Raises:
        CheckpointError: If there is no such file or it holds no scalar.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; a run with the logger `csv` writes it")
    found: dict[str, dict[int, float]] = {}
    for step, name, value in read_scalars(path):
        if math.isfinite(value):
            found.setdefault(name, {})[step] = value
    if not found:
        raise CheckpointError(f"{path}: holds no scalar; lines `step,name,value` are expected")
    return {
        name: Curve(sorted(values), [values[step] for step in sorted(values)])
        for name, values in found.items()
    }


def read_scalars(path: Path) -> list[tuple[int, str, float]]:
    """The lines of RUN/scalars.csv as (step, name, value); a torn line is left out."""
    if not path.is_file():
        return []
    rows = []
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            try:
                rows.append((int(row[0]), row[1], float(row[2])))
            except (ValueError, IndexError):
                continue
    return rows
