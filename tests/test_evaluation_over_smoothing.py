"""Over-smoothing: which ratio each kind of blur lowers, and what must not change them."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from tf_gantts.audio.files import read_audio
from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.evaluation import over_smoothing, scores, tables
from tf_gantts.evaluation.missing import Missing

SPEC = PROFILES["parallel_wavegan"]
RATE = SPEC.sampling_rate
NAMES = ["variance_ratio", "spectral_detail", "temporal_detail"]


@pytest.fixture(scope="module")
def recording(shared) -> np.ndarray:
    """The first 2.5 s of a recording, faded out."""
    audio, _ = read_audio(shared / "data" / "ljspeech-mini" / "wavs" / "LJ001-0001.wav")
    audio = audio[: 5 * RATE // 2]
    fade = RATE // 4
    audio[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return audio


def score(natural, generated):
    return list(over_smoothing.score(natural, generated, SPEC).values())


def blurred(audio, bins=1, frames=1):
    """The clip with the log-magnitudes of its STFT averaged over neighbours."""
    _, _, spectrum = scipy.signal.stft(audio, nperseg=1024, noverlap=768)
    level = np.log(np.abs(spectrum) + 1e-9)
    level = scipy.ndimage.uniform_filter(level, (bins, frames))
    _, result = scipy.signal.istft(np.exp(level + 1j * np.angle(spectrum)), noverlap=768)
    return result[: len(audio)].astype(np.float32)


def test_a_recording_against_itself_is_exactly_1(recording):
    assert over_smoothing.score(recording, recording, SPEC) == dict.fromkeys(NAMES, 1.0)
    assert score(recording, blurred(recording)) == pytest.approx([1.0] * 3, abs=0.005)


def test_a_blur_over_frequency_takes_the_harmonics(recording):
    variance, spectral, temporal = score(recording, blurred(recording, bins=15))
    assert spectral < 0.6 < variance and spectral < temporal
    assert score(recording, blurred(recording, bins=31))[1] < spectral


def test_a_blur_over_time_takes_the_onsets(recording):
    variance, spectral, temporal = score(recording, blurred(recording, frames=9))
    assert temporal < 0.4 and temporal < spectral < 1 and 0.6 < variance < 1
    assert score(recording, blurred(recording, frames=21))[2] < temporal


def test_noise_is_rougher_than_speech(recording):
    rng = np.random.default_rng(0)
    harsh = recording * rng.choice([0.2, 1.8], len(recording) // 256 + 1).repeat(256)[
        : len(recording)
    ].astype(np.float32)
    assert score(recording, harsh)[2] > 1.5


def test_the_spread_of_a_known_gain():
    """Pulses whose level swings by 12 dB, and by 6: a quarter of the variance in every band."""
    samples = np.arange(200 * SPEC.hop_size + 1)
    pulses = 0.2 * (samples % SPEC.hop_size == 0)  # the same in every frame
    swing = np.sin(2 * np.pi * 1.5 * samples / RATE)
    natural, flatter = (
        (pulses * 10 ** (decibels * swing / 20)).astype(np.float32) for decibels in (12, 6)
    )
    variance, spectral, temporal = score(natural, flatter)
    assert variance == pytest.approx(0.25, abs=0.01)
    assert temporal == pytest.approx(0.25, abs=0.01)
    assert spectral.reason == "the recording does not vary"


def test_neither_level_nor_timing_nor_silence_at_the_ends_matters(recording):
    assert score(recording, 0.5 * recording) == pytest.approx([1.0] * 3, abs=0.01)
    twice = np.concatenate([recording, recording])
    assert score(recording, twice) == pytest.approx([1.0] * 3, abs=0.08)
    rng = np.random.default_rng(0)
    room = rng.normal(0.0, 10 ** (-65 / 20), RATE)  # 52 dB below the loudest frames
    for silence in (np.zeros(RATE), room):
        padded = np.concatenate([silence, recording, silence]).astype(np.float32)
        assert score(recording, padded) == pytest.approx([1.0] * 3, abs=0.05)
        assert score(padded, recording) == pytest.approx([1.0] * 3, abs=0.05)


def test_without_speech_there_is_no_ratio(recording):
    for clips in ((recording, np.zeros_like(recording)), (np.zeros_like(recording), recording)):
        values = score(*clips)
        assert all(isinstance(value, Missing) for value in values)
        assert values[0].reason.startswith("no two successive frames of speech")


def test_it_is_one_of_the_metrics_and_1_is_its_best():
    (metric,) = scores.metrics_named(["over_smoothing"])
    assert [column.name for column in metric.COLUMNS] == NAMES
    for column in metric.COLUMNS:
        assert tables.column_title(column).endswith(" → 1")
        assert column.judged(0.75) == column.judged(1.25) == 0.25
    assert scores.merit("variance_ratio", 0.9) > scores.merit("variance_ratio", 1.2)
    assert scores.merit("stoi", 0.9) < scores.merit("stoi", 1.0)
    assert scores.merit("mcd", 5.0) < scores.merit("mcd", 4.0)
    assert scores.merit("mel_loss", 5.0) < scores.merit("mel_loss", 4.0)
