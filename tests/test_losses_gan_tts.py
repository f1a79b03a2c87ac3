"""GAN-TTS' losses against their formulas, and what padding does to them."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.losses import DurationLoss, MaskedLoss, adaptive_weight

RNG = np.random.default_rng(0)
MASK = np.array([[True] * 4, [True, True, False, False]])


@pytest.mark.parametrize(
    ("name", "distance"), [("l1", np.abs), ("mae", np.abs), ("mse", np.square)]
)
def test_differences_in_padding_do_not_count(name, distance):
    mel, target = RNG.standard_normal((2, 2, 4, 3))
    values = distance(mel - target)
    loss = MaskedLoss(name)
    np.testing.assert_allclose(loss(mel, target), values.mean(), rtol=1e-6)
    np.testing.assert_allclose(loss(mel, target, MASK), values[MASK].mean(), rtol=1e-6)
    np.testing.assert_allclose(
        loss(mel[..., 0], target[..., 0], MASK), values[..., 0][MASK].mean(), rtol=1e-6
    )
    mel[1, 2:] = np.inf
    with tf.GradientTape() as tape:
        variable = tf.constant(mel, tf.float32)
        tape.watch(variable)
        value = loss(variable, target, MASK)
    np.testing.assert_allclose(value, values[MASK].mean(), rtol=1e-6)
    gradient = tape.gradient(value, variable).numpy()
    assert np.all(gradient[1, 2:] == 0) and np.all(gradient[MASK] != 0)


def test_durations_are_compared_by_their_logarithms():
    predicted = RNG.standard_normal((2, 4))
    durations = np.array([[3, 1, 0, 7], [2, 5, 0, 0]])
    squares = (predicted - np.log(durations + 1)) ** 2
    loss = DurationLoss()(predicted, durations, MASK)
    np.testing.assert_allclose(loss, squares[MASK].mean(), rtol=1e-6)
    assert float(DurationLoss()(np.log(durations + 1), durations, MASK)) < 1e-12  # 0 frames too


def test_the_adaptive_weight_brings_the_adversarial_pull_to_its_share():
    assert float(adaptive_weight(6.0, 3.0, 0.5)) == pytest.approx(1.0)
    assert float(adaptive_weight(6.0, 0.0, 0.5, limit=10.0)) == pytest.approx(5.0)
    assert float(adaptive_weight(6.0, 1e-9)) == pytest.approx(1000.0)
    assert float(adaptive_weight(0.0, 0.0)) == 0.0
    with tf.GradientTape() as tape:
        norms = tf.constant(2.0), tf.constant(3.0)
        tape.watch(norms)
        weight = adaptive_weight(*norms)
    assert tape.gradient(weight, norms) == (None, None)


def test_an_unknown_distance_is_refused():
    with pytest.raises(HparamsError, match="'l2' is unknown: one of"):
        MaskedLoss("l2")
