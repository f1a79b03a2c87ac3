"""Weight normalisation: values, gradients, folding."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.layers.conv import Conv1D
from tf_gantts.layers.weight_norm import fold, norm, normalize

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5), (7, 1)])
def test_values_and_gradients_are_those_of_the_formula(shape):
    v = tf.constant(RNG.standard_normal(shape))
    g = tf.constant(RNG.uniform(0.5, 2.0, shape[-1]))
    direction = tf.constant(RNG.standard_normal(shape))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([v, g])
        ours = normalize(v, g)
        formula = v * (g / tf.sqrt(tf.reduce_sum(v**2, axis=list(range(len(shape) - 1)))))
        losses = [tf.reduce_sum(tf.sin(3 * w) * direction) for w in (ours, formula)]
    np.testing.assert_allclose(ours, formula, rtol=1e-12)
    np.testing.assert_allclose(fold(v.numpy(), g.numpy()), formula, rtol=1e-12)
    for a, b in zip(*(tape.gradient(loss, [v, g]) for loss in losses), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(norm(ours.numpy()), g, rtol=1e-12)


def test_a_fresh_layer_has_the_length_of_its_direction():
    layer = Conv1D(6, 3, use_weight_norm=True)
    layer.build((None, None, 4))
    v, g = layer.kernel.weight_v.numpy(), layer.kernel.weight_g.numpy()
    np.testing.assert_allclose(g, np.sqrt((v.astype(np.float64) ** 2).sum((0, 1))), rtol=1e-6)
    np.testing.assert_allclose(layer.kernel.value("float32"), v, rtol=1e-6)
    assert [variable.name for variable in layer.variables] == ["weight_v", "weight_g", "bias"]


@pytest.mark.parametrize("use_weight_norm", [False, True])
def test_a_saved_model_contains_the_kernel(tmp_path, use_weight_norm):
    module = tf.Module()
    module.layer = Conv1D(6, 3, padding=1, padding_mode="reflect", use_weight_norm=use_weight_norm)
    module.layer.build((None, None, 4))
    module.run = tf.function(
        lambda x: module.layer(x), input_signature=[tf.TensorSpec((None, None, 4))]
    )
    tf.saved_model.save(module, str(tmp_path))
    x = tf.constant(RNG.standard_normal((2, 9, 4)), tf.float32)
    loaded = tf.saved_model.load(str(tmp_path))
    # Like with like: outside a graph the same sums may be rounded in another order.
    np.testing.assert_array_equal(loaded.run(x), module.run(x))
    np.testing.assert_allclose(loaded.run(x), module.layer(x), atol=1e-6)
