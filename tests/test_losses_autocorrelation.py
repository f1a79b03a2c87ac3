"""Autocorrelation loss: hum that spectral losses take for noise."""

import numpy as np
import pytest
import tensorflow as tf
from tones import tone

from tf_gantts.errors import HparamsError
from tf_gantts.losses import AutocorrelationLoss

RATE = 22050


def noise(seed, samples=16384, scale=0.05):
    return scale * np.random.default_rng(seed).standard_normal((1, samples)).astype(np.float32)


def test_a_frame_counts_by_its_normalised_autocorrelation():
    fake, real = noise(0, 4096), noise(1, 4096)
    loss = AutocorrelationLoss(win_length=1024, hop_size=512, lowest_f0=100.0, highest_f0=500.0)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)

    def normalised(clip):
        padded = np.pad(clip[0].astype(np.float64), 512, mode="reflect")
        frames = [padded[t : t + 1024] * window for t in range(0, 4097, 512)]
        *all_, own = (np.correlate(x, x, "full")[1023:] for x in (*frames, window))
        level = 1e-6 * own[0]
        lags = slice(44, 221)
        return np.array([r[lags] / (r[0] + level) / (own[lags] / own[0]) for r in all_])

    expected = np.mean((normalised(fake) - normalised(real)) ** 2)
    assert float(loss(fake, real)) == pytest.approx(expected, rel=1e-3)


def test_repeated_noise_costs_more_than_other_noise():
    loss = AutocorrelationLoss()
    real, other = noise(0), noise(1)
    hum = np.tile(noise(2, 256), (1, 64))
    assert float(loss(real, real)) == 0.0
    assert float(loss(hum, real)) > 1.5 * float(loss(other, real))


def test_loudness_counts_only_near_silence():
    loss = AutocorrelationLoss()
    voice = tone(120.0, RATE)[np.newaxis]
    assert float(loss(0.3 * voice, voice)) < 1e-5
    assert float(loss(1e-4 * noise(0), np.zeros_like(noise(0)))) < 1e-4
    assert float(loss(noise(0), np.tile(voice, (1, 2))[:, :16384])) > 0.1


def test_silence_and_half_precision_have_finite_gradients():
    loss = AutocorrelationLoss()
    for fake in (tf.zeros((1, 4096)), tf.cast(noise(0, 4096), tf.bfloat16)):
        with tf.GradientTape() as tape:
            tape.watch(fake)
            value = loss(fake, noise(1, 4096))
        assert value.dtype == tf.float32
        assert np.all(np.isfinite(tf.cast(tape.gradient(value, fake), tf.float32)))


def test_the_window_grows_with_the_rate_and_a_short_one_is_refused():
    assert AutocorrelationLoss(fs=48000).win_length >= 2 * 48000 / 60
    with pytest.raises(HparamsError, match="at least 7"):
        AutocorrelationLoss(win_length=512)
