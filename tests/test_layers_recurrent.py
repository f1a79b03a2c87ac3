"""Recurrent layers and batch normalisation against NumPy in PyTorch's terms."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.layers.batch_norm import BatchNorm
from tf_gantts.layers.bidirectional_lstm import BidirectionalLSTM
from tf_gantts.layers.loop_weight import LoopWeight
from tf_gantts.layers.lstm_cell import LSTMCell

RNG = np.random.default_rng(0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, cell):
    """(T, channels) to (T, units), one step after the other."""
    weight, bias = cell.weight.numpy(), cell.bias_ih.numpy() + cell.bias_hh.numpy()
    hidden = state = np.zeros(cell.units)
    outputs = []
    for row in x:
        i, f, g, o = np.split(np.concatenate([row, hidden]) @ weight + bias, 4)
        state = sigmoid(f) * state + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(state)
        outputs.append(hidden)
    return np.array(outputs)


def test_both_directions_end_at_each_row_s_length():
    layer = BidirectionalLSTM(3)
    layer.build((None, None, 4))
    x, lengths = RNG.standard_normal((3, 6, 4)).astype(np.float32), [6, 2, 4]
    y = layer(tf.constant(x), tf.constant(lengths))
    for row, length, ours in zip(x, lengths, y.numpy(), strict=True):
        ahead = lstm(row[:length], layer.forward)
        back = lstm(row[:length][::-1], layer.backward)[::-1]
        np.testing.assert_allclose(ours[:length], np.hstack([ahead, back]), atol=1e-5)
        assert np.all(ours[length:] == 0)


def test_gradients_of_both_directions_are_those_of_differences():
    layer = BidirectionalLSTM(3, dtype="float64")
    layer.build((None, None, 4))
    x, lengths = tf.constant(RNG.standard_normal((2, 5, 4))), tf.constant([5, 3])
    upstream = tf.constant(RNG.standard_normal((2, 5, 6)))

    def loss():
        return tf.reduce_sum(layer(x, lengths) * upstream)

    with tf.GradientTape() as tape:
        value = loss()
    variables = layer.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(value, variables), strict=True):
        start, direction = variable.numpy(), RNG.standard_normal(variable.shape)
        sides = []
        for step in (1e-5, -1e-5):
            variable.assign(start + step * direction)
            sides.append(float(loss()))
        variable.assign(start)
        slope = (sides[0] - sides[1]) / 2e-5
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6)


def test_zoneout_keeps_the_former_state():
    cell = LSTMCell(400, zoneout=0.25, dropout=0.0)
    cell.build((None, 2))
    x = tf.constant(RNG.standard_normal((1, 2)), tf.float32)
    hidden, state = (tf.constant(RNG.standard_normal((1, 400)), tf.float32) for _ in range(2))
    gates = tf.matmul(tf.concat([x, hidden], axis=1), cell.matrix) + cell.bias
    plain = LSTMCell(400)
    plain.build((None, 2))
    new_hidden, new_state = plain.update(gates, hidden, state)
    mean_hidden, mean_state = cell.update(gates, hidden, state)
    np.testing.assert_allclose(mean_hidden, 0.75 * new_hidden + 0.25 * hidden, atol=1e-6)
    np.testing.assert_allclose(mean_state, 0.75 * new_state + 0.25 * state, atol=1e-6)
    zoned_hidden, zoned_state = cell.update(gates, hidden, state, tf.constant([1, 2]))
    for zoned, new, old in ((zoned_hidden, new_hidden, hidden), (zoned_state, new_state, state)):
        kept = zoned.numpy() == old.numpy()
        assert 0.15 < kept.mean() < 0.35
        np.testing.assert_array_equal(zoned.numpy()[~kept], new.numpy()[~kept])


def test_dropout_of_the_hidden_state_leaves_the_cell_state_alone():
    cell = LSTMCell(400, dropout=0.5)
    cell.build((None, 2))
    gates = tf.constant(RNG.standard_normal((1, 1600)), tf.float32)
    hidden, state = cell.zero_state(1)
    expected, expected_state = cell.update(gates, hidden, state)
    dropped, dropped_state = cell.update(gates, hidden, state, tf.constant([1, 2]))
    np.testing.assert_array_equal(dropped_state, expected_state)
    kept = dropped.numpy() != 0
    assert 0.4 < kept.mean() < 0.6
    np.testing.assert_allclose(dropped.numpy()[kept], 2 * expected.numpy()[kept], rtol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
def test_batch_norm_counts_what_the_mask_shows(masked):
    layer = BatchNorm()
    layer.build((None, None, 3))
    layer.weight.assign([1.0, 2.0, 0.5])
    layer.bias.assign([0.0, 1.0, -1.0])
    x = RNG.standard_normal((2, 4, 3)).astype(np.float32) * 3 + 1
    mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], bool) if masked else np.ones((2, 4), bool)
    y = layer(tf.constant(x), training=True, valid=tf.constant(mask) if masked else None)
    rows = x[mask]
    expected = (x - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5) * [1, 2, 0.5] + [0, 1, -1]
    np.testing.assert_allclose(y, expected, atol=1e-5)
    np.testing.assert_allclose(layer.running_mean, 0.1 * rows.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.running_var, 0.9 + 0.1 * rows.var(0, ddof=1), rtol=1e-5)
    y = layer(tf.constant(x))
    scale = np.array([1, 2, 0.5]) / np.sqrt(layer.running_var.numpy() + 1e-5)
    expected = (x - layer.running_mean.numpy()) * scale + [0, 1, -1]
    np.testing.assert_allclose(y, expected, atol=1e-5)


def test_a_loop_weight_without_its_inputs_has_no_gradient():
    matrix = tf.constant(RNG.standard_normal((3, 2)))
    with tf.GradientTape() as tape:
        tape.watch(matrix)
        probe = tf.reduce_sum(LoopWeight(matrix).probe((4, 5)))
    with pytest.raises(ValueError, match="before the inputs"):
        tape.gradient(probe, matrix)
