"""Loudness as people hear it, ITU-R BS.1770-4, for one channel."""

from __future__ import annotations

import math

import numpy as np
from scipy.signal import lfilter

_BLOCK_SECONDS = 0.4
_OVERLAP = 0.75
_OFFSET = -0.691  # LUFS; annex 1, equation 2: a full-scale 997 Hz sine comes out at -3.01
_ABSOLUTE_GATE = -70.0  # LUFS
_RELATIVE_GATE = -10.0  # LU below the loudness of what passed the absolute gate
# Annex 1 gives the two filters as coefficients for 48 kHz. These are the analogue prototypes behind
# them (frequency in Hz, quality, gain in dB), from which the filter of any rate follows: De Man,
# "Evaluation of implementations of the EBU R128 loudness measurement", AES 145 (2018).
_SHELF = (1681.974450955533, 0.7071752369554196, 3.999843853973347)
_HIGH_PASS = (38.13547087602444, 0.5003270373238773)


def integrated_loudness(audio: np.ndarray, sampling_rate: int) -> float:
    """Gated loudness of a clip.

    Source: ITU-R BS.1770-4 (2015), annex 1.

    Args:
        audio: Samples `(N,)`, floating point, full scale is 1.
        sampling_rate: Their rate in Hz.

    Returns:
        Loudness in LUFS; -inf for silence. A clip of less than 0.4 s is one block.
    """
    if not audio.size:
        return -math.inf
    powers = _block_powers(k_weighted(audio, sampling_rate), sampling_rate)
    powers = powers[powers > _power(_ABSOLUTE_GATE)]
    if not powers.size:
        return -math.inf
    gate = _level(float(powers.mean())) + _RELATIVE_GATE
    return _level(float(powers[powers > _power(gate)].mean()))


def k_weighted(audio: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Weighs frequencies as the head and ear do: samples `(N,)`, float64, of the same rate."""
    weighted = np.asarray(audio, np.float64)
    for b, a in filters(sampling_rate):
        weighted = lfilter(b, a, weighted)
    return weighted


def filters(sampling_rate: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Numerator and denominator of the shelf and of the high-pass at a rate in Hz."""
    return _shelf(sampling_rate), _high_pass(sampling_rate)


def _shelf(sampling_rate: int) -> tuple[np.ndarray, np.ndarray]:
    frequency, quality, gain = _SHELF
    k = math.tan(math.pi * frequency / sampling_rate)
    high = 10.0 ** (gain / 20.0)
    band = high**0.4996667741545416
    b = [high + band * k / quality + k * k, 2 * (k * k - high), high - band * k / quality + k * k]
    a = [1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k]
    return np.asarray(b) / a[0], np.asarray(a) / a[0]


def _high_pass(sampling_rate: int) -> tuple[np.ndarray, np.ndarray]:
    frequency, quality = _HIGH_PASS
    k = math.tan(math.pi * frequency / sampling_rate)
    a = [1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k]
    return np.asarray([1.0, -2.0, 1.0]), np.asarray(a) / a[0]


def _block_powers(weighted: np.ndarray, sampling_rate: int) -> np.ndarray:
    block = min(round(_BLOCK_SECONDS * sampling_rate), weighted.size)
    hop = max(1, round(block * (1.0 - _OVERLAP)))
    sums = np.concatenate([[0.0], np.cumsum(np.square(weighted))])
    starts = np.arange(0, weighted.size - block + 1, hop)
    return (sums[starts + block] - sums[starts]) / block


def _level(power: float) -> float:
    return _OFFSET + 10.0 * math.log10(power) if power > 0 else -math.inf


def _power(level: float) -> float:
    return 10.0 ** ((level - _OFFSET) / 10.0)
