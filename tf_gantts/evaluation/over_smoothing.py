"""Over-smoothing: how much of the recording's liveliness the generated log-mel has.

A network that is trained on the mean error gives the mean of all that could have been said: the
envelope is right, harmonics and onsets are blurred. The ratios compare spreads, not frames, so they
hold for speech of any timing. 1 is the recording's own; less is smoother, more is rougher.
"""

from __future__ import annotations

import numpy as np

from tf_gantts.audio.mel import log_mel
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.evaluation.log_mel import decibel_spec
from tf_gantts.evaluation.metric import Column
from tf_gantts.evaluation.missing import Missing

# Frames this far below the clip's loudest one are silence. Weak fricatives are above it, the room
# tone of studio recordings (-44 to -60 dB in LJSpeech) is below: with 60 dB, half a second of it at
# either end changes the variance by up to 40 %, with 40 dB by about 1 %.
SPEECH = 40.0  # dB

# A band that varies less is constant: above what the recording's band limit lets through. Speech
# varies by at least 30 dB^2 in every band.
_CONSTANT = 0.1  # dB^2

COLUMNS: tuple[Column, ...] = tuple(
    Column(name, title, "", meaning, 2, ideal=1.0)
    for name, title, meaning in (
        (
            "variance_ratio",
            "Variance ratio",
            "variance over time of each band of the log-mel, over the recording's; less is"
            " smoother",
        ),
        (
            "spectral_detail",
            "Spectral detail",
            "the same ratio for each band less the mean of its two neighbours, which is harmonics",
        ),
        (
            "temporal_detail",
            "Temporal detail",
            "the same ratio for the differences of successive frames, which is onsets and noise",
        ),
    )
)


def score(natural: np.ndarray, generated: np.ndarray, spec: MelSpec) -> dict[str, float]:
    """Variance over time, generated / natural, mean over the bands; see `Metric.score`.

    Of the log-mel in decibels, so neither its logarithm nor the level matters, and of frames that
    are at most `SPEECH` below the clip's loudest, so silence at the ends or between words does not
    count. `Missing` where a clip has no two successive frames of speech.
    """
    expected, found = _spreads(natural, spec), _spreads(generated, spec)
    return {
        column.name: _ratio(found[column.name], expected[column.name])
        if expected and found
        else Missing("no two successive frames of speech in the recording or the generated clip")
        for column in COLUMNS
    }


def _spreads(audio: np.ndarray, spec: MelSpec) -> dict[str, np.ndarray]:
    """Variance of each band `(n_mels,)` by column, in dB^2; empty for a clip without speech."""
    mel = log_mel(audio, decibel_spec(spec)).astype(np.float64)
    level = 10.0 * np.log10(np.sum(10.0 ** (mel / 10.0), axis=1))
    speech = level >= level.max() - SPEECH
    both = speech[1:] & speech[:-1]
    if not both.any() or not audio.any():
        return {}
    detail = mel[:, 1:-1] - (mel[:, :-2] + mel[:, 2:]) / 2.0
    return {
        "variance_ratio": mel[speech].var(axis=0),
        "spectral_detail": detail[speech].var(axis=0),
        "temporal_detail": np.diff(mel, axis=0)[both].var(axis=0),
    }


def _ratio(found: np.ndarray, expected: np.ndarray) -> float:
    varied = expected > _CONSTANT
    if not varied.any():
        return Missing("the recording does not vary")
    return float(np.mean(found[varied] / expected[varied]))
