"""Spectral normalisation: the value, its gradient and the power iteration, by definition."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.layers.conv import Conv1D


@pytest.fixture
def conv():
    layer = Conv1D(6, 5, groups=2, use_spectral_norm=True)
    layer.build((None, None, 4))
    return layer


def test_vectors_start_at_length_one_and_are_not_trained(conv):
    assert [variable.name for variable in conv.trainable_variables] == ["weight_orig", "bias"]
    for vector, length in ((conv.weight_u, 6), (conv.weight_v, 5 * 2)):
        assert vector.shape == (length,)
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-6)


def test_an_untrained_kernel_has_its_largest_singular_value_near_one(conv):
    kernel = conv.kernel.value("float32").numpy().reshape(-1, 6)
    assert np.linalg.svd(kernel, compute_uv=False)[0] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("training", [False, True])
def test_value_and_gradient_take_the_vectors_as_constants(conv, training):
    rng = np.random.default_rng(0)
    for vector in (conv.weight_u, conv.weight_v):  # not at the end of the iteration
        values = vector.numpy() + 0.2 * rng.standard_normal(vector.shape)
        vector.assign(values / np.linalg.norm(values))
    weight = conv.weight_orig.numpy().reshape(-1, 6).astype(np.float64)
    u, v = conv.weight_u.numpy(), conv.weight_v.numpy()
    if training:
        v = weight @ u / np.linalg.norm(weight @ u)
        u = v @ weight / np.linalg.norm(v @ weight)
    largest = v @ weight @ u
    upstream = rng.standard_normal(weight.shape)
    expected = upstream / largest - np.sum(upstream * weight) / largest**2 * np.outer(v, u)
    with tf.GradientTape() as tape:
        kernel = conv.kernel.value("float32", training)
        total = tf.reduce_sum(tf.reshape(kernel, (-1, 6)) * upstream.astype(np.float32))
    gradient = tape.gradient(total, conv.weight_orig.value).numpy().reshape(-1, 6)
    np.testing.assert_allclose(kernel.numpy().reshape(-1, 6), weight / largest, rtol=1e-5)
    np.testing.assert_allclose(gradient, expected, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_allclose(conv.weight_u, u, atol=1e-6)
    np.testing.assert_allclose(conv.weight_v, v, atol=1e-6)


def test_a_zero_kernel_leaves_finite_vectors(conv):
    conv.weight_orig.assign(tf.zeros_like(conv.weight_orig))
    conv.kernel.value("float32", True)
    assert np.all(np.isfinite(conv.weight_u)) and np.all(np.isfinite(conv.weight_v))
