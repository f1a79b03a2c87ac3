"""Which symbol each frame belongs to, whole durations, and the predictor beside them."""

import numpy as np
import tensorflow as tf

from tf_gantts.layers.length_regulator import frame_index, position_features, round_durations

DURATIONS = tf.constant([[2, 0, 3, 1], [1, 4, 0, 0]])


def test_every_frame_finds_its_symbol_and_its_place_in_it():
    index = frame_index(DURATIONS, 7)
    np.testing.assert_array_equal(index.valid, [[True] * 6 + [False], [True] * 5 + [False] * 2])
    np.testing.assert_array_equal(index.symbol[0, :6], [0, 0, 2, 2, 2, 3])
    np.testing.assert_array_equal(index.elapsed[0, :6], [0, 1, 0, 1, 2, 0])
    np.testing.assert_array_equal(index.duration[0, :6], [2, 2, 3, 3, 3, 1])
    np.testing.assert_array_equal(index.symbol[1, :5], [0, 1, 1, 1, 1])
    values = tf.constant([[[1.0], [2.0], [3.0], [4.0]]] * 2)
    np.testing.assert_array_equal(index.gather(values)[0, :6, 0], [1, 1, 3, 3, 3, 4])


def test_position_features_are_those_of_the_formulas():
    features = position_features(frame_index(tf.constant([[3, 14]]), 17)).numpy()[0]
    for frame, (k, d) in {1: (1, 3), 3: (0, 14), 15: (12, 14)}.items():
        f = (k + 0.5) / d
        near = min(k, 10) / 5, min(d - 1 - k, 10) / 5
        expected = [f, 1 - f, np.log(d), np.sin(np.pi * f), *near]
        np.testing.assert_allclose(features[frame], expected, atol=1e-6)


def test_rounding_keeps_the_running_sum_and_a_frame_for_every_symbol():
    durations = np.random.default_rng(0).uniform(1, 6, (20, 50)).astype(np.float32)
    lengths = np.arange(31, 51)
    whole = round_durations(durations, lengths).numpy()
    for row, length in enumerate(lengths):
        exact, ours = np.cumsum(durations[row, :length]), np.cumsum(whole[row, :length])
        assert np.abs(exact - ours).max() <= 0.5 + 1e-4
        assert whole[row, :length].min() >= 1 and not whole[row, length:].any()
    short = round_durations(tf.constant([[0.2, 0.0, 1.5, 1.0, 1.0]]), [5]).numpy()
    np.testing.assert_array_equal(short, [[1, 1, 2, 1, 1]])  # 1.5 + 2 is 3.5 is 4, then 5 and 6


def test_a_pause_may_have_no_frame_and_a_spoken_symbol_never():
    rng = np.random.default_rng(1)
    durations = rng.uniform(0, 2, (20, 50)).astype(np.float32)
    least, lengths = rng.integers(0, 2, (20, 50)), np.arange(31, 51)
    whole = round_durations(durations, lengths, least).numpy()
    inside = np.arange(50) < lengths[:, None]
    assert np.all(whole[inside] >= least[inside]) and not whole[~inside].any()
    assert np.any(whole[inside & (least == 0)] == 0)
    for row, length in enumerate(lengths):
        exact = np.cumsum(np.maximum(durations, least)[row, :length])
        assert np.abs(exact - np.cumsum(whole[row, :length])).max() <= 0.5 + 1e-4
    few = tf.constant([[0.2, 0.2, 0.0, 0.4, 1.0]])
    # Running sums 0.2, 0.4, 0.4, 0.8, 1.8; and with a frame for the third 0.2, 0.4, 1.4, 1.8, 2.8.
    np.testing.assert_array_equal(round_durations(few, [5], 0), [[0, 0, 0, 1, 1]])
    third = tf.constant([[0, 0, 1, 0, 0]])
    np.testing.assert_array_equal(round_durations(few, [5], third), [[0, 0, 1, 1, 1]])
