"""Training steps are exact: the same operations in the same order, whatever runs beside them."""

import time

import numpy as np
import tensorflow as tf

from tf_gantts.training.fixed_order import compile_step, in_fixed_order


def test_it_does_what_the_function_does():
    total = tf.Variable(1.0)

    def step(batch):
        total.assign_add(tf.reduce_sum(batch["x"]))
        return {"total": total + 1, "doubled": [2 * batch["y"], batch["x"]]}

    batch = {"y": tf.constant([3, 4]), "x": tf.constant([1.0, 2.0])}
    compiled = in_fixed_order(step, batch)
    for expected in (5.0, 8.0):
        result = compiled(batch)
        assert result["total"] == expected and total == expected - 1
        assert result["doubled"][0].numpy().tolist() == [6, 8]
        assert result["doubled"][1].numpy().tolist() == [1, 2]
    assert compiled({"y": batch["y"], "x": tf.zeros(2)})["total"] == 8.0


def _read_slowly(seconds, *tensors):
    time.sleep(float(seconds))
    return tensors[-1]


def _sum(batch):
    """Of three terms; two are also read elsewhere, which lasts as long as the batch says."""
    first, second, third = tf.unstack(tf.sin(batch["x"]))
    first, second = tf.tanh(first), tf.tanh(second)
    last = tf.numpy_function(_read_slowly, [batch["last"], third], tf.float32, stateful=False)
    last = tf.tanh(tf.ensure_shape(last, third.shape))
    elsewhere = [batch["elsewhere"], first, second]
    read = tf.numpy_function(_read_slowly, elsewhere, tf.float32, stateful=False)
    return tf.add_n([first, second, last]), read


def test_a_sum_does_not_depend_on_what_takes_how_long():
    x = tf.random.stateless_normal((3, 100_000), (1, 2))

    def batch(elsewhere, last):
        return {"x": x, "elsewhere": tf.constant(elsewhere), "last": tf.constant(last)}

    step = compile_step(_sum, batch(0.0, 0.0))  # as a tf.function, it differs in 3 of 10 places
    one, _ = step(batch(0.0, 0.3))
    other, _ = step(batch(0.3, 0.0))
    np.testing.assert_array_equal(one, other)


def test_loops_and_branches_with_gradients():
    weight = tf.Variable(0.5)

    def step(x):
        with tf.GradientTape() as tape:
            _, y = tf.while_loop(lambda i, y: i < 5, lambda i, y: (i + 1, y * weight), (0, x))
            y = tf.cond(tf.reduce_sum(y) > 0, lambda: y * weight, lambda: y)
            loss = tf.reduce_sum(y)
        gradient = tape.gradient(loss, weight)
        weight.assign_sub(0.1 * gradient)
        return gradient

    x = tf.constant([1.0, 2.0])
    compiled = in_fixed_order(step, x)
    np.testing.assert_allclose(compiled(x), 3 * 6 * 0.5**5, rtol=1e-6)
    np.testing.assert_allclose(weight, 0.5 - 0.1 * 3 * 6 * 0.5**5, rtol=1e-6)
    np.testing.assert_allclose(compiled(-x), -3 * 5 * (0.5 - 0.05625) ** 4, rtol=1e-5)


def test_several_replicas_get_an_ordinary_function():
    compiled = compile_step(lambda x: x + 1, tf.constant(1.0), replicas=2)
    assert compiled(tf.constant(2.0)) == 3.0 and compiled.experimental_get_tracing_count() == 1
