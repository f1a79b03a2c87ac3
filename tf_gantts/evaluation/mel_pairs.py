"""Errors of mel-spectrograms that have a counterpart frame by frame: teacher-forced models."""

from __future__ import annotations

import numpy as np

from tf_gantts.audio.statistics import Statistics
from tf_gantts.errors import AudioError
from tf_gantts.evaluation.metric import Column
from tf_gantts.evaluation.missing import Missing

COLUMNS: tuple[Column, ...] = (
    Column(
        "mel_mse", "Mel MSE", "", "mean squared difference of the features, padding left out", 4
    ),
    Column(
        "mel_mae", "Mel MAE", "", "mean absolute difference of the features, padding left out", 4
    ),
)

NORMALIZED_COLUMNS: tuple[Column, ...] = tuple(
    Column(
        f"{column.name}_normalized",
        f"Normalised {column.title}",
        "",
        f"{column.help}, with mean 0 and variance 1 in each band of the training split",
        4,
    )
    for column in COLUMNS
)


def score_normalized(
    natural: np.ndarray, generated: np.ndarray, statistics: Statistics
) -> dict[str, float]:
    """`score_mels` of all frames, of the features as networks see them: z-scored.

    Args:
        natural: Features of the recording `(T, n_mels)`, as they are stored.
        generated: Features to be judged, same shape.
        statistics: Mean and scale of each band.

    Returns:
        A number for each name in `NORMALIZED_COLUMNS`.

    Raises:
        AudioError: As `score_mels`.
    """
    numbers = score_mels(statistics.normalize(natural), statistics.normalize(generated))
    return {f"{name}_normalized": value for name, value in numbers.items()}


def score_mels(
    natural: np.ndarray, generated: np.ndarray, mask: np.ndarray | None = None
) -> dict[str, float]:
    """Mean squared and mean absolute error over the frames that count, in the features' own unit.

    Each frame weighs the same, whichever clip of a batch it is from.

    Args:
        natural: Features of the recording `(..., T, n_mels)`.
        generated: Features to be judged, same shape.
        mask: Which frames count `(..., T)`, bool or 0 and 1; None for all. What the others hold is
            not looked at.

    Returns:
        A number for each name in `COLUMNS`; `Missing` if no frame counts.

    Raises:
        AudioError: If the shapes do not fit or a frame that counts is not finite.
    """
    natural, generated = np.asarray(natural), np.asarray(generated)
    if natural.shape != generated.shape or natural.ndim < 2:
        raise AudioError(
            f"mel-spectrograms of shapes {natural.shape} and {generated.shape}: two of the same "
            f"shape (..., T, n_mels) are expected; cut or align them first"
        )
    kept = np.ones(natural.shape[:-1], bool) if mask is None else np.asarray(mask).astype(bool)
    if kept.shape != natural.shape[:-1]:
        raise AudioError(
            f"a mask of shape {kept.shape} for mel-spectrograms of shape {natural.shape}: "
            f"{natural.shape[:-1]} is expected"
        )
    if not kept.any():
        missing = Missing("no frame counts: the mask leaves out every one")
        return {"mel_mse": missing, "mel_mae": missing}
    difference = natural[kept].astype(np.float64) - generated[kept].astype(np.float64)
    bad = difference.size - np.count_nonzero(np.isfinite(difference))
    if bad:
        raise AudioError(f"{bad} of {difference.size} mel values are not finite numbers")
    return {
        "mel_mse": float(np.mean(difference**2)),
        "mel_mae": float(np.mean(np.abs(difference))),
    }
