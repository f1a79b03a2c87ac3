"""Scores of speech that has its own timing: what can be compared without a common clock.

Frame by frame metrics mean nothing where the generated clip says the sentence faster or slower than
the recording. What is left is over-smoothing, which compares spreads, and what is measured along
the dynamic time warping path of the mel-cepstra: MCD, and F0 and voicing, which are laid over each
other by the same path.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.evaluation import duration, f0, mcd, over_smoothing, pitch, scores
from tf_gantts.evaluation.missing import Missing

# Clips whose lengths differ by more have their own timing. Vocoders lose or add a few frames of
# 12 ms at the end; what synthesises text is off by hundreds of milliseconds.
TOLERANCE = 0.05  # seconds


def has_own_timing(natural: int, generated: int, sampling_rate: int) -> bool:
    """Whether the lengths of two clips in samples tell that frames have no counterpart."""
    return abs(generated - natural) > TOLERANCE * sampling_rate


def clips_with_own_timing(
    natural: Sequence[int], generated: Sequence[int], sampling_rate: int
) -> list[bool]:
    """Which clips of a row of speech cannot be compared frame by frame.

    Where most of them have their own timing all have: the others are as long as their recordings
    by chance.

    Args:
        natural: Lengths of the recordings in samples.
        generated: Lengths of the row's clips.
        sampling_rate: Of all, in Hz.
    """
    pairs = zip(natural, generated, strict=True)
    own = [has_own_timing(*pair, sampling_rate) for pair in pairs]
    return [True] * len(own) if sum(own) > len(own) / 2 else own


def score(natural: np.ndarray, generated: np.ndarray, spec: MelSpec) -> dict[str, float]:
    """The numbers of all columns of `scores.columns` for clips of different timing.

    MCD13 DTW, over-smoothing and the duration error are what they always are. The F0 errors are
    over the pairs of frames of the time warping path. All other numbers are `Missing`.
    """
    reason = Missing(
        f"its length, or that of most clips of its row, differs by more than"
        f" {1000 * TOLERANCE:.0f} ms from the recording's, so frames have no counterpart"
    )
    result: dict[str, float] = {column.name: reason for column in scores.columns()}
    result |= duration.score(natural, generated, spec)
    result |= over_smoothing.score(natural, generated, spec)
    path, distance = mcd.warping(natural, generated, spec.sampling_rate)
    result["mcd_dtw"] = distance
    if path is None:
        return result | {column.name: distance for column in f0.COLUMNS}
    expected = pitch.f0(natural, spec.sampling_rate)[path[:, 0]]
    found = pitch.f0(generated, spec.sampling_rate)[path[:, 1]]
    return result | f0.compare_f0(expected, found)
