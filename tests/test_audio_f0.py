"""F0 per mel frame, on tones whose F0 is known."""

import dataclasses

import numpy as np
import pytest
from tones import bursts, tone

from tf_gantts.audio.f0 import f0
from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.errors import AudioError

SPEC = PROFILES["parallel_wavegan"]


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
@pytest.mark.parametrize("frequency", [70.0, 200.0, 500.0])
def test_the_f0_of_a_tone_is_found(rate, frequency) -> None:
    spec = dataclasses.replace(SPEC, sampling_rate=rate, fmax=4000.0)
    audio = tone(frequency, rate, 0.5)
    track = f0(audio, spec)
    assert len(track) == len(audio) // spec.hop_size
    edge = int(np.ceil(0.04 * rate / spec.hop_size))
    assert track[edge:-edge] == pytest.approx(frequency, rel=2e-3)


@pytest.mark.parametrize("padding", ["center_reflect", "same", "none"])
def test_a_frame_has_the_f0_of_its_own_time(padding) -> None:
    spec = dataclasses.replace(SPEC, padding=padding)
    audio = tone(120.0 + 80.0 * np.arange(22050) / 22050, 22050)
    track = f0(audio, spec)
    middle = {"center_reflect": 0, "same": spec.hop_size // 2, "none": spec.fft_size // 2}[padding]
    times = (np.arange(len(track)) * spec.hop_size + middle) / 22050
    # One frame is 0.93 Hz further.
    assert track[5:-8] == pytest.approx((120.0 + 80.0 * times)[5:-8], abs=0.3)


def test_the_window_does_not_shift_the_f0_of_a_sine() -> None:
    track = f0(tone(70.0, 22050, 0.5, highest=70.0), SPEC)
    assert track[4:-4] == pytest.approx(70.0, rel=5e-3)


def test_noise_silence_and_hum_are_not_voiced() -> None:
    noise, silence = bursts(22050, 1.0), np.zeros(11025, np.float32)
    loud = tone(180.0, 22050, 0.5)
    track = f0(np.concatenate([noise, silence, loud]), SPEC)
    assert np.mean(track[:84] > 0.0) < 0.1
    assert not track[89:127].any()
    assert (track[133:-4] > 0.0).all()
    assert not f0(silence, SPEC).any()
    hum = 0.01 * tone(100.0, 22050, 0.5)
    assert not f0(np.concatenate([hum, loud]), SPEC)[:39].any()


def test_gain_and_offset_change_nothing() -> None:
    audio = np.concatenate([tone(np.linspace(100, 200, 11025), 22050, 0.5), np.zeros(4096)])
    assert f0(0.01 * audio + 0.3, SPEC) == pytest.approx(f0(audio, SPEC), rel=1e-6)


def test_short_and_bad_clips() -> None:
    assert f0(tone(200.0, 22050, 0.01), SPEC).shape == (0,)
    assert f0(tone(200.0, 22050, 0.02), SPEC).shape == (1,)
    with pytest.raises(AudioError, match="not finite"):
        f0(np.array([0.0, np.nan]), SPEC)
