"""Forward-sum loss against the sum over every path, and its gradient against their shares."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.losses.forward_sum import (
    BinarizationLoss,
    ForwardSumLoss,
    beta_binomial_log_prior,
    log_probability_of_paths,
)

RNG = np.random.default_rng(0)
MEL_LENGTHS = np.array([7, 5, 3, 6, 2])
SYMBOL_LENGTHS = np.array([4, 1, 3, 2, 3])  # the last has no path
SCORES = RNG.normal(size=(5, 7, 4)).astype(np.float32)


def paths(frames, symbols):
    for cuts in itertools.combinations(range(1, frames), symbols - 1):
        yield np.repeat(np.arange(symbols), np.diff([0, *cuts, frames]))


def enumerated(scores, frames, symbols):
    """Log of the summed probabilities of all paths, and each cell's share of it."""
    total, occupancy = 0.0, np.zeros(scores.shape)
    for path in paths(frames, symbols):
        probability = math.exp(scores[np.arange(frames), path].sum())
        total += probability
        occupancy[np.arange(frames), path] += probability
    return (math.log(total), occupancy / total) if total else (0.0, occupancy)


@pytest.mark.parametrize("compiled", [False, True])
def test_value_and_gradient_are_those_of_all_paths(compiled):
    @tf.function(jit_compile=compiled)
    def value_and_gradient(scores):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            total = log_probability_of_paths(scores, MEL_LENGTHS, SYMBOL_LENGTHS)
            weighted = tf.reduce_sum(total * [1.0, 2.0, 3.0, 4.0, 5.0])
        return total, tape.gradient(weighted, scores)

    total, gradient = value_and_gradient(tf.constant(SCORES))
    for row, (frames, symbols) in enumerate(zip(MEL_LENGTHS, SYMBOL_LENGTHS, strict=True)):
        expected, occupancy = enumerated(SCORES[row], frames, symbols)
        assert float(total[row]) == pytest.approx(expected, abs=1e-5)
        np.testing.assert_allclose(gradient[row], (row + 1) * occupancy, atol=1e-5)


def test_the_gradient_is_that_of_finite_differences():
    scores, direction = tf.constant(SCORES), RNG.normal(size=SCORES.shape).astype(np.float32)
    loss = ForwardSumLoss()
    with tf.GradientTape() as tape:
        tape.watch(scores)
        value = loss(scores, MEL_LENGTHS, SYMBOL_LENGTHS)
    slope = float(tf.reduce_sum(tape.gradient(value, scores) * direction))
    ahead, behind = (
        float(loss(SCORES + step * direction, MEL_LENGTHS, SYMBOL_LENGTHS))
        for step in (1e-2, -1e-2)
    )
    assert slope == pytest.approx((ahead - behind) / 2e-2, rel=1e-3)


def test_the_loss_is_per_frame_and_without_what_has_no_path():
    expected = [
        -enumerated(SCORES[row], MEL_LENGTHS[row], SYMBOL_LENGTHS[row])[0] / MEL_LENGTHS[row]
        for row in range(4)
    ]
    loss = ForwardSumLoss()(tf.cast(SCORES, tf.float64), MEL_LENGTHS, SYMBOL_LENGTHS)
    assert loss.dtype == tf.float32
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-5)
    none = ForwardSumLoss()(SCORES[4:], MEL_LENGTHS[4:], SYMBOL_LENGTHS[4:])
    assert float(none) == 0.0


def test_padding_has_no_influence_and_no_gradient():
    padded = np.pad(SCORES, ((0, 0), (0, 3), (0, 2)))
    for row, (frames, symbols) in enumerate(zip(MEL_LENGTHS, SYMBOL_LENGTHS, strict=True)):
        padded[row, frames:] = 1e30
        padded[row, :, symbols:] = np.nan
    padded = tf.constant(padded)
    with tf.GradientTape() as tape:
        tape.watch(padded)
        total = log_probability_of_paths(padded, MEL_LENGTHS, SYMBOL_LENGTHS)
    np.testing.assert_allclose(
        total, log_probability_of_paths(SCORES, MEL_LENGTHS, SYMBOL_LENGTHS), rtol=1e-6
    )
    gradient = tape.gradient(total, padded).numpy()
    np.testing.assert_allclose(gradient.sum(axis=2).sum(axis=1), [7, 5, 3, 6, 0], rtol=1e-5)
    for row, (frames, symbols) in enumerate(zip(MEL_LENGTHS, SYMBOL_LENGTHS, strict=True)):
        assert not gradient[row, frames:].any() and not gradient[row, :, symbols:].any()


def test_a_long_utterance_stays_exact():
    frames, symbols = 400, 90
    scores = np.full((1, frames, symbols), -3.0, np.float32)
    total = log_probability_of_paths(scores, [frames], [symbols])
    ways = math.lgamma(frames) - math.lgamma(symbols) - math.lgamma(frames - symbols + 1)
    assert float(total[0]) == pytest.approx(ways - 3.0 * frames, rel=1e-5)


def test_binarization_is_the_mean_along_the_path():
    durations = np.array([[3, 1, 2, 1], [5, 0, 0, 0], [0, 0, 0, 0]])
    scores = SCORES[:3]
    expected = [scores[0, np.arange(7), [0, 0, 0, 1, 2, 2, 3]], scores[1, :5, 0]]
    loss = BinarizationLoss()(scores, tf.constant(durations))
    assert float(loss) == pytest.approx(-np.concatenate(expected).mean(), rel=1e-6)


@pytest.mark.parametrize("scaling", [1.0, 0.4])
def test_the_prior_is_beta_binomial(scaling):
    scipy_stats = pytest.importorskip("scipy.stats")
    prior = beta_binomial_log_prior([6, 4], [5, 3], 6, 5, scaling).numpy()
    for row, (frames, symbols) in enumerate(((6, 5), (4, 3))):
        for frame in range(frames):
            expected = scipy_stats.betabinom.logpmf(
                np.arange(symbols),
                symbols - 1,
                scaling * (frame + 1),
                scaling * (frames - frame),
            )
            np.testing.assert_allclose(prior[row, frame, :symbols], expected, atol=1e-4)
    assert not prior[1, 4:].any() and not prior[1, :, 3:].any()
