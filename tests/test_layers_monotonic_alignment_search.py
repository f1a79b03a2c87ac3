"""Monotonic alignment search against the best of all paths."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.layers.monotonic_alignment_search import hard_alignment, monotonic_alignment_search

RNG = np.random.default_rng(0)
MEL_LENGTHS = np.array([7, 5, 3, 6, 2])
SYMBOL_LENGTHS = np.array([4, 1, 3, 2, 3])  # the last has no path


@pytest.fixture
def scores():
    return RNG.normal(size=(5, 7, 4)).astype(np.float32)


def all_durations(frames, symbols):
    """Every way to share frames among symbols with at least one each."""
    for cuts in itertools.combinations(range(1, frames), symbols - 1):
        yield np.diff([0, *cuts, frames])


def brute_force(scores, frames, symbols):
    def score(durations):
        path = np.repeat(np.arange(symbols), durations)
        return scores[np.arange(frames), path].sum()

    return max(all_durations(frames, symbols), key=score)


@pytest.mark.parametrize("compiled", [False, True])
def test_it_finds_the_best_path(scores, compiled):
    search = tf.function(monotonic_alignment_search, jit_compile=True)
    found = (search if compiled else monotonic_alignment_search)(
        tf.constant(scores), tf.constant(MEL_LENGTHS), tf.constant(SYMBOL_LENGTHS)
    )
    assert found.dtype == tf.int32
    for row, (frames, symbols) in enumerate(zip(MEL_LENGTHS, SYMBOL_LENGTHS, strict=True)):
        expected = np.zeros(4, int)
        if frames >= symbols:
            expected[:symbols] = brute_force(scores[row], frames, symbols)
        np.testing.assert_array_equal(found[row], expected)


def test_padding_and_infinities_have_no_influence(scores):
    found = monotonic_alignment_search(scores, MEL_LENGTHS, SYMBOL_LENGTHS)
    padded = np.pad(scores, ((0, 0), (0, 3), (0, 2)), constant_values=np.nan)
    for row, (frames, symbols) in enumerate(zip(MEL_LENGTHS, SYMBOL_LENGTHS, strict=True)):
        padded[row, frames:] = np.nan
        padded[row, :, symbols:] = np.inf
    others = monotonic_alignment_search(padded, MEL_LENGTHS, SYMBOL_LENGTHS)
    np.testing.assert_array_equal(others[:, :4], found)
    assert not np.any(others[:, 4:])
    blocked = scores[:1].copy()
    blocked[0, 3, :3] = -np.inf  # only the last symbol may have frame 3
    np.testing.assert_array_equal(monotonic_alignment_search(blocked, [7], [4]), [[1, 1, 1, 4]])


def test_shapes_stay_static_or_unknown(scores):
    static = tf.function(monotonic_alignment_search).get_concrete_function(
        tf.TensorSpec((5, 7, 4)), tf.TensorSpec((5,), tf.int32), tf.TensorSpec((5,), tf.int32)
    )
    assert static.output_shapes == (5, 4)
    unknown = tf.function(
        monotonic_alignment_search,
        input_signature=[
            tf.TensorSpec((None, None, None)),
            tf.TensorSpec((None,), tf.int32),
            tf.TensorSpec((None,), tf.int32),
        ],
    )
    np.testing.assert_array_equal(
        unknown(scores, MEL_LENGTHS, SYMBOL_LENGTHS),
        monotonic_alignment_search(scores, MEL_LENGTHS, SYMBOL_LENGTHS),
    )


def test_the_path_of_durations():
    path = hard_alignment(tf.constant([[2, 0, 1], [1, 1, 0]]), 4)
    np.testing.assert_array_equal(
        tf.cast(path, tf.int32),
        [
            [[1, 0, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]],
            [[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]],
        ],
    )
