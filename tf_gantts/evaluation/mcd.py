"""Mel-cepstral distortion: how far the spectral envelope of speech is off.

MCD13 here is the mean over frames of `10 / ln 10 * sqrt(2 * sum_{m=1..13} (c_m - c'_m)^2)` in dB
(Kubichek 1993). c are the mel-cepstra of WORLD's CheapTrick envelope: the causal cepstrum of the
log amplitude, warped to the mel scale by a first-order all-pass (SPTK's `sp2mc`); c_0, the
loudness, is left out. With these conventions a frame's distortion is the root mean square
difference in dB of the two smoothed envelopes over the warped frequency axis.

Clips are resampled to 16 kHz. At higher rates the band above the model's fmax decides: Griffin-Lim
from mels that end at 7.6 kHz has 10.5 dB at 22.05 kHz and 3.5 dB at 16 kHz on the same clip.

Published figures use other orders, other all-pass constants or MFCCs, and some programs feed powers
where amplitudes are expected, which doubles the result: compare numbers of one program only.
"""

from __future__ import annotations

import functools

import numpy as np
import scipy.signal

from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.evaluation import speech_band, world
from tf_gantts.evaluation.metric import Column
from tf_gantts.evaluation.missing import Missing
from tf_gantts.evaluation.pair import check_pair
from tf_gantts.evaluation.time_warping import time_warping_path

ORDER = 13
# Power of 16-bit quantisation noise, uniform over one step of 1/32768. It is added to the envelope:
# without it the digital silence of synthetic speech would outweigh all speech.
AUDIBLE = (1.0 / 32768.0) ** 2 / 12.0

_DECIBEL = 10.0 / np.log(10.0) * np.sqrt(2.0)
_MOST_PAIRS = 400_000_000  # of frames for time warping, a byte each: two clips of 100 s

COLUMNS: tuple[Column, ...] = (
    Column(
        "mcd",
        "MCD13",
        "dB",
        "mel-cepstral distortion of coefficients 1 to 13 of WORLD's envelope, frame by frame",
        digits=2,
    ),
    Column(
        "mcd_dtw",
        "MCD13 DTW",
        "dB",
        "the same along the dynamic time warping path: speech that is early or late is forgiven",
        digits=2,
    ),
)


def score(natural: np.ndarray, generated: np.ndarray, spec: MelSpec) -> dict[str, float]:
    """MCD13 over the frames that both clips have, and along the time warping path.

    See the module for the definition and `Metric.score`.
    """
    natural, generated = check_pair(natural, generated)
    absent = world.available()
    if absent is not None:
        return {column.name: absent for column in COLUMNS}
    expected, found = _mel_cepstra(natural, generated, spec.sampling_rate)
    _, warped = _warp(expected, found)
    return {"mcd": distortion(expected, found), "mcd_dtw": warped}


def warping(
    natural: np.ndarray, generated: np.ndarray, sampling_rate: int
) -> tuple[np.ndarray | None, float]:
    """Lays a generated clip over a recording that says the same at another speed.

    Args:
        natural: The recording, samples `(N,)`.
        generated: The clip, samples `(M,)`.
        sampling_rate: Rate of both in Hz.

    Returns:
        Pairs of numbers of 5 ms frames `(L, 2)`, those of `pitch.f0`, and the MCD13 along them in
        dB. None and a `Missing` where a package is absent or the clips are too long.

    Raises:
        AudioError: If a clip is empty, has several channels or is not finite.
    """
    natural, generated = check_pair(natural, generated)
    absent = world.available()
    if absent is not None:
        return None, absent
    return _warp(*_mel_cepstra(natural, generated, sampling_rate))


def distortion(expected: np.ndarray, found: np.ndarray, time_warping: bool = False) -> float:
    """Mel-cepstral distortion of two sequences of mel-cepstra.

    Args:
        expected: Mel-cepstra of the recording `(T, order + 1)`; coefficient 0 is not used.
        found: Mel-cepstra of the generated clip `(U, order + 1)`.
        time_warping: Whether the mean is over the pairs of the time warping path; otherwise it is
            over the frames that both have.

    Returns:
        Distortion in dB.
    """
    x, y = expected[:, 1:], found[:, 1:]
    if time_warping:
        _, distances = time_warping_path(x, y)
    else:
        length = min(len(x), len(y))
        distances = np.linalg.norm(x[:length] - y[:length], axis=1)
    return float(_DECIBEL * distances.mean())


def mel_cepstrum(envelope: np.ndarray, sampling_rate: int, order: int = ORDER) -> np.ndarray:
    """Mel-cepstra of power spectral envelopes.

    Args:
        envelope: Powers `(T, fft_size // 2 + 1)`.
        sampling_rate: Rate of the audio in Hz.
        order: Highest coefficient.

    Returns:
        Causal mel-cepstra of the log amplitude `(T, order + 1)`, float64.
    """
    bins = envelope.shape[1]
    cepstrum = np.fft.irfft(np.log(envelope + AUDIBLE), axis=1)[:, :bins]
    cepstrum[:, [0, -1]] /= 2.0  # the even sequence of the log power, folded and halved
    return cepstrum @ _warping(bins, order, all_pass_constant(sampling_rate)).T


def _mel_cepstra(
    natural: np.ndarray, generated: np.ndarray, sampling_rate: int
) -> tuple[np.ndarray, np.ndarray]:
    envelopes = (world.envelope(clip, sampling_rate) for clip in (natural, generated))
    expected, found = (mel_cepstrum(envelope, speech_band.RATE) for envelope in envelopes)
    return expected, found


def _warp(expected: np.ndarray, found: np.ndarray) -> tuple[np.ndarray | None, float]:
    if len(expected) * len(found) > _MOST_PAIRS:
        return None, Missing("the clips are too long for time warping (about 100 s each)")
    path, distances = time_warping_path(expected[:, 1:], found[:, 1:])
    return path, float(_DECIBEL * distances.mean())


@functools.lru_cache(maxsize=16)
def all_pass_constant(sampling_rate: int) -> float:
    """The constant whose all-pass phase is nearest to the mel scale, to three decimals.

    The mel scale is Fant's `log(1 + f / 1000)`, as SPTK fits it.
    """
    candidates = np.arange(0.0, 1.0, 0.001)[:, np.newaxis]
    angle = np.linspace(0.0, np.pi, 1000)
    mel = np.log1p(angle / np.pi * sampling_rate / 2.0 / 1000.0)
    phase = angle + 2.0 * np.arctan(candidates * np.sin(angle) / (1.0 - candidates * np.cos(angle)))
    error = np.square(phase / np.pi - mel / mel[-1]).mean(axis=1)
    return float(candidates[error.argmin(), 0])


@functools.lru_cache(maxsize=16)
def _warping(coefficients: int, order: int, alpha: float) -> np.ndarray:
    """Matrix `(order + 1, coefficients)` from cepstrum to mel-cepstrum (Oppenheim 1972).

    Column m holds the first coefficients of the m-th power of the all-pass.
    """
    matrix = np.empty((order + 1, coefficients))
    power = np.zeros(order + 1)
    power[0] = 1.0
    for column in range(coefficients):
        matrix[:, column] = power
        power = scipy.signal.lfilter([alpha, 1.0], [1.0, alpha], power)
    return matrix
