"""Loudness: the values of ITU-R BS.1770-4 and EBU Tech 3341."""

import math

import numpy as np
import pytest

from tf_gantts.audio.loudness import filters, integrated_loudness


def _sine(hz: float, rate: int, seconds: float = 2.0, amplitude: float = 1.0) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)


def test_filters_at_48_khz_are_those_of_the_recommendation():
    (shelf_b, shelf_a), (pass_b, pass_a) = filters(48000)
    # BS.1770-4, annex 1, tables 1 and 2.
    np.testing.assert_allclose(shelf_b, [1.53512485958697, -2.69169618940638, 1.19839281085285])
    np.testing.assert_allclose(shelf_a, [1, -1.69065929318241, 0.73248077421585])
    np.testing.assert_allclose(pass_b, [1, -2, 1])
    np.testing.assert_allclose(pass_a, [1, -1.99004745483398, 0.99007225036621], rtol=1e-9)


@pytest.mark.parametrize("rate", [16000, 22050, 24000, 44100, 48000])
def test_a_full_scale_sine_of_997_hz_has_minus_3_01(rate):
    assert integrated_loudness(_sine(997, rate), rate) == pytest.approx(-3.01, abs=0.06)


def test_gain_is_added():
    tone = _sine(440, 22050)
    louder = integrated_loudness(tone, 22050)
    assert integrated_loudness(0.1 * tone, 22050) == pytest.approx(louder - 20.0, abs=1e-6)


def test_pauses_are_gated_out():
    # EBU Tech 3341, case 3 for one channel: quiet parts below the relative gate do not count.
    loud, quiet = _sine(1000, 48000, 6, 0.1), _sine(1000, 48000, 2, 0.1 * 10 ** (-13 / 20))
    alone = integrated_loudness(loud, 48000)
    together = integrated_loudness(np.concatenate([quiet, loud, quiet]), 48000)
    # The blocks across the two edges count; all blocks would give 2.1 LU less.
    assert together == pytest.approx(alone, abs=0.3)


def test_silence_and_short_clips():
    assert integrated_loudness(np.zeros(22050), 22050) == -math.inf
    assert integrated_loudness(np.zeros(0), 22050) == -math.inf
    assert math.isfinite(integrated_loudness(_sine(997, 22050, 0.1), 22050))
