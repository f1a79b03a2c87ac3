"""The metrics of tf_gantts.evaluation on clips whose distance is known."""

import dataclasses

import numpy as np
import pytest

from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.errors import AudioError
from tf_gantts.evaluation import duration, log_mel, scores, stft
from tf_gantts.evaluation.missing import Missing

SPEC = PROFILES["parallel_wavegan"]


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    """One second of noise, loud enough to be above every floor in every band."""
    return np.random.default_rng(0).normal(0.0, 0.1, SPEC.sampling_rate).astype(np.float32)


def test_identical_clips_have_the_recording_s_numbers(noise):
    result = scores.score(noise, noise, SPEC)
    measured = [
        column
        for column in scores.columns()
        if not column.higher_is_better and np.isfinite(result[column.name])
    ]
    assert len(measured) >= 5
    assert [result[column.name] for column in measured] == [c.ideal or 0.0 for c in measured]


def test_numbers_that_do_not_exist_say_why(noise):
    result = scores.score(noise, noise, SPEC)
    missing = {name: value for name, value in result.items() if np.isnan(value)}
    assert "log_f0_rmse" in missing  # noise has no F0, whatever is installed
    assert all(isinstance(value, Missing) and value.reason for value in missing.values())


def test_several_channels_are_refused_by_all(noise):
    with pytest.raises(AudioError, match="one mono clip"):
        scores.score(noise, np.stack([noise, noise], 1), SPEC)


@pytest.mark.parametrize("gain", [0.5, 1.25])
def test_a_gain_is_measured_exactly(noise, gain):
    louder = gain * noise
    decibel = 20 * abs(np.log10(gain))
    assert log_mel.score(noise, louder, SPEC)["log_mel_l1"] == pytest.approx(decibel, abs=1e-4)
    distances = stft.score(noise, louder, SPEC)
    assert distances["spectral_convergence"] == pytest.approx(abs(gain - 1), abs=1e-5)
    assert distances["log_stft_magnitude"] == pytest.approx(abs(np.log(gain)), abs=1e-3)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_log_mel_is_in_decibels_for_every_definition(noise, profile):
    value = log_mel.score(noise, 2 * noise, PROFILES[profile])["log_mel_l1"]
    assert value == pytest.approx(20 * np.log10(2), abs=1e-3)


def test_inaudible_noise_in_digital_silence_counts_nothing(noise):
    quarter = len(noise) // 4
    silence = np.zeros(quarter, np.float32)
    natural = np.concatenate([noise, silence])
    rng = np.random.default_rng(1)
    hiss = rng.uniform(-0.4, 0.4, quarter).astype(np.float32) / 32768
    value = log_mel.score(natural, np.concatenate([noise, hiss]), SPEC)["log_mel_l1"]
    assert value < 0.1
    # Without the floor the same hiss would be 90 dB off in a fifth of the frames.
    audible = 100 * hiss
    assert log_mel.score(natural, np.concatenate([noise, audible]), SPEC)["log_mel_l1"] > 5


def test_lengths_may_differ(noise):
    shorter = noise[: -SPEC.sampling_rate // 10]
    result = scores.score(noise, shorter, SPEC)
    assert result["duration_error"] == pytest.approx(100.0, abs=0.1)
    assert result["log_mel_l1"] == 0.0
    assert result["log_stft_magnitude"] == 0.0
    assert duration.score(shorter, noise, SPEC) == {"duration_error": result["duration_error"]}


def test_stft_distance_equals_the_training_loss(noise):
    from tf_gantts.losses import MultiResolutionSTFTLoss

    other = np.roll(noise, 100) * np.linspace(0.5, 1.5, len(noise), dtype=np.float32)
    convergence, magnitude = MultiResolutionSTFTLoss()(other[None], noise[None])
    found = stft.score(noise, other, SPEC)
    assert found["spectral_convergence"] == pytest.approx(float(convergence), rel=1e-4)
    assert found["log_stft_magnitude"] == pytest.approx(float(magnitude), rel=1e-4)


def test_a_silent_recording_has_no_spectral_convergence(noise):
    result = stft.score(np.zeros_like(noise), noise, SPEC)
    assert np.isnan(result["spectral_convergence"])
    assert result["log_stft_magnitude"] > 1


def test_a_clip_that_is_not_finite_is_refused(noise):
    broken = noise.copy()
    broken[5] = np.nan
    with pytest.raises(AudioError, match="1 of 22050 samples are not finite"):
        scores.score(noise, broken, SPEC)


def test_other_sampling_rates_measure_the_same_gain(noise):
    spec = dataclasses.replace(SPEC, sampling_rate=16000)
    assert scores.score(noise, 2 * noise, spec)["log_mel_l1"] == pytest.approx(6.02, abs=0.01)


def test_every_column_is_given_and_described(noise):
    names = [column.name for column in scores.columns()]
    assert list(scores.score(noise, noise, SPEC)) == names
    assert all(column.help and not column.help.endswith(".") for column in scores.columns())
