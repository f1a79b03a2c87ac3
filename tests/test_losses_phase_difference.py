"""Phase difference loss: its definition with unwrapped angles, and what it does not hear."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.losses import PhaseDifferenceLoss


def waves(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def spectra(clips, fft_size, hop):
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(fft_size) / fft_size)
    frames = range(0, clips.shape[1] - fft_size + 1, hop)
    return np.stack([np.fft.rfft(clips[:, t : t + fft_size] * window) for t in frames], axis=1)


def test_it_is_the_weighted_distance_of_the_phase_differences():
    fake, real = waves(2, 200), waves(2, 200, seed=1)
    expected = []
    for fft_size, hop in ((64, 16), (32, 8)):
        y, x = spectra(fake, fft_size, hop), spectra(real, fft_size, hop)
        for axis in (1, 2):
            found, wanted = (np.diff(np.angle(z), axis=axis) for z in (y, x))
            first, second = np.delete(x, -1, axis), np.delete(x, 0, axis)
            weight = (np.abs(first) * np.abs(second)) ** 0.5
            expected.append((weight * (1 - np.cos(found - wanted))).sum() / weight.sum())
    loss = PhaseDifferenceLoss([64, 32], [16, 8])
    assert float(loss(fake, real)) == pytest.approx(np.mean(expected), rel=1e-4)


def test_a_constant_phase_loudness_and_equal_clips_cost_nothing():
    loss = PhaseDifferenceLoss([64], [16])
    real = waves(2, 400)
    assert float(loss(real, real)) == pytest.approx(0, abs=1e-4)
    assert float(loss(-0.3 * real, real)) == pytest.approx(0, abs=1e-4)
    assert float(loss(waves(2, 400, seed=1), real)) > 0.6


def test_silence_and_half_precision_have_finite_gradients():
    loss = PhaseDifferenceLoss([64], [16])
    for fake in (tf.zeros((2, 300)), tf.cast(waves(2, 300), tf.bfloat16)):
        for real in (waves(2, 300, seed=1), np.zeros((2, 300), np.float32)):
            with tf.GradientTape() as tape:
                tape.watch(fake)
                value = loss(fake, real)
            assert value.dtype == tf.float32
            assert np.all(np.isfinite(tf.cast(tape.gradient(value, fake), tf.float32)))


def test_lists_of_different_length_are_refused():
    with pytest.raises(HparamsError, match="2 fft_sizes and 1 hop_sizes"):
        PhaseDifferenceLoss((64, 32), (16,))
