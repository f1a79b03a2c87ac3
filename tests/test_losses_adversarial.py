"""Adversarial and feature-matching losses: what the reference's fixtures do not say."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.losses import (
    DiscriminatorAdversarialLoss,
    FeatureMatchLoss,
    GeneratorAdversarialLoss,
)

REAL = [[tf.constant([5.0]), tf.constant([0.8, 1.2])], [tf.constant([7.0]), tf.constant([3.0])]]
FAKE = [[tf.constant([4.0]), tf.constant([0.1, -0.3])], [tf.constant([9.0]), tf.constant([0.5])]]


def test_least_squares_pull_real_to_one_and_fake_to_zero():
    real, fake = DiscriminatorAdversarialLoss()(FAKE, REAL)
    assert float(real) == pytest.approx((0.04 + 4.0) / 2)
    assert float(fake) == pytest.approx((0.05 + 0.25) / 2)
    assert float(GeneratorAdversarialLoss()(FAKE)) == pytest.approx((1.25 + 0.25) / 2)
    summed = GeneratorAdversarialLoss(average_by_discriminators=False)
    assert float(summed(FAKE)) == pytest.approx(1.25 + 0.25)


def test_hinge_has_a_margin_for_the_discriminator_only():
    loss = DiscriminatorAdversarialLoss(loss_type="hinge")
    real, fake = loss(FAKE, REAL)
    assert float(real) == pytest.approx((0.1 + 0.0) / 2)
    assert float(fake) == pytest.approx((0.9 + 1.5) / 2)
    assert float(GeneratorAdversarialLoss(loss_type="hinge")(FAKE)) == pytest.approx(-0.2)
    assert (loss.boundary, DiscriminatorAdversarialLoss().boundary) == (0.0, 0.5)


def test_cross_entropy_takes_scores_as_logits_and_does_not_saturate():
    loss = DiscriminatorAdversarialLoss(loss_type="bce")
    real, fake = loss(FAKE, REAL)
    judged = [1 / (1 + np.exp(-maps[-1].numpy())) for maps in (*REAL, *FAKE)]
    aims = [np.mean(-np.log(p)) for p in judged[:2]], [np.mean(-np.log(1 - p)) for p in judged[2:]]
    assert float(real) == pytest.approx(np.mean(aims[0]), rel=1e-5)
    assert float(fake) == pytest.approx(np.mean(aims[1]), rel=1e-5)
    fooled = np.mean([np.mean(-np.log(p)) for p in judged[2:]])
    generator = GeneratorAdversarialLoss(loss_type="bce")
    assert float(generator(FAKE)) == pytest.approx(fooled, rel=1e-5)
    assert float(generator(tf.constant([-200.0]))) == pytest.approx(200.0)
    assert loss.boundary == 0.0


def test_a_single_score_tensor_is_one_discriminator():
    score = tf.constant([[0.5], [1.5]])
    assert float(GeneratorAdversarialLoss()(score)) == pytest.approx(0.25)
    assert float(GeneratorAdversarialLoss()([score])) == pytest.approx(0.25)


def test_an_unknown_kind_is_refused():
    for loss in (GeneratorAdversarialLoss, DiscriminatorAdversarialLoss):
        with pytest.raises(HparamsError, match="'lsgan': one of"):
            loss(loss_type="lsgan")


def test_feature_matching_compares_all_maps_but_the_score():
    assert float(FeatureMatchLoss()(FAKE, REAL)) == pytest.approx((1.0 + 2.0) / 2)
    with_score = FeatureMatchLoss(include_final_outputs=True)
    assert float(with_score(FAKE, REAL)) == pytest.approx(((1 + 1.1) / 2 + (2 + 2.5) / 2) / 2)


def test_no_gradient_flows_into_the_recordings_maps():
    fake, real = tf.constant([1.0, 2.0]), tf.constant([3.0, 1.0])
    with tf.GradientTape() as tape:
        tape.watch([fake, real])
        loss = FeatureMatchLoss()([[fake, fake]], [[real, real]])
    of_fake, of_real = tape.gradient(loss, [fake, real])
    np.testing.assert_allclose(of_fake, [-0.5, 0.5])
    assert of_real is None


def test_half_precision_maps_are_compared_in_float32():
    maps = [[tf.cast(x, tf.bfloat16) for x in scale] for scale in FAKE]
    for value in (
        GeneratorAdversarialLoss()(maps),
        FeatureMatchLoss()(maps, REAL),
        *DiscriminatorAdversarialLoss()(maps, maps),
    ):
        assert value.dtype == tf.float32
