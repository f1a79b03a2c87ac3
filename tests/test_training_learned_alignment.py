"""Learned alignment: what is left out, padding, graphs, the weight of the prior."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.layers.monotonic_alignment_search import monotonic_alignment_search
from tf_gantts.training.learned_alignment import LearnedAlignment, prior_weight

SPACE, PAD = 3, 4
# Heard: 1 2 0 1 and 2 0.
IDS = np.array([[1, SPACE, 2, 0, SPACE, 1, SPACE], [SPACE, 2, 0, PAD, PAD, PAD, PAD]], np.int32)
ID_LENGTHS, MEL_LENGTHS = np.array([7, 3]), np.array([25, 14])
MEL = np.random.default_rng(0).normal(size=(2, 25, 12)).astype(np.float32)
HEARD = np.array([[1, 0, 1, 1, 0, 1, 0], [0, 1, 1, 0, 0, 0, 0]], bool)


def make(left_out=(SPACE, PAD)):
    tf.keras.utils.set_random_seed(1)
    return LearnedAlignment(5, left_out, 12, channels=8, coefficients=6)


def align(alignment, ids=IDS, mel=MEL, ids_of=ID_LENGTHS, frames_of=MEL_LENGTHS, weight=0.5):
    soft = alignment(ids, mel, tf.constant(ids_of), tf.constant(frames_of), weight)
    return soft, alignment.durations(soft), alignment.loss(soft)


def test_what_is_left_out_has_no_frame_and_first_silence_belongs_to_the_first_that_is_heard():
    alignment = make()
    soft, durations, _ = align(alignment)
    np.testing.assert_array_equal(soft.heard, HEARD)
    assert not np.any(durations.numpy()[~HEARD]) and np.all(durations.numpy()[HEARD] >= 2)
    np.testing.assert_array_equal(tf.reduce_sum(durations, axis=1), MEL_LENGTHS)
    # Written out: silence (id 5), then what is heard, without padding.
    for row, texts in enumerate(([5, 1, 2, 0, 1], [5, 2, 0])):
        count, frames = tf.constant([len(texts)]), tf.constant(MEL_LENGTHS[row : row + 1])
        mel = MEL[row : row + 1, : MEL_LENGTHS[row]]
        log_shares = soft.log_shares[row : row + 1, : MEL_LENGTHS[row], : 2 * len(texts)]
        shares = alignment.aligner(np.array([texts]), mel, count, frames).numpy()
        plain = align(alignment, weight=None)[0].log_shares[row, : len(mel[0]), : 2 * len(texts)]
        np.testing.assert_allclose(shares[0], plain, atol=1e-5)
        of_states = monotonic_alignment_search(log_shares, frames, 2 * count)
        expected = alignment.aligner.symbol_durations(of_states).numpy()[0]
        expected = np.append(expected[0] + expected[1], expected[2:])
        np.testing.assert_array_equal(durations.numpy()[row, HEARD[row]], expected)


def test_without_symbols_to_leave_out_all_are_aligned_and_no_silence_leads():
    soft, durations, _ = align(make(left_out=()))
    assert soft.log_shares.shape == (2, 25, 14)
    assert np.all(durations.numpy()[0] >= 2) and np.all(durations.numpy()[1, :3] >= 2)
    assert not durations.numpy()[1, 3:].any()


def test_padding_has_no_influence():
    alignment = make()
    _, whole, loss = align(alignment)
    each = [
        align(alignment, IDS[r : r + 1, :n], MEL[r : r + 1, :t], [n], [t])
        for r, (n, t) in enumerate(zip(ID_LENGTHS, MEL_LENGTHS, strict=True))
    ]
    for row, (_, durations, _) in enumerate(each):
        np.testing.assert_array_equal(whole[row, : ID_LENGTHS[row]], durations[0])
    assert float(loss) == pytest.approx(np.mean([float(x[2]) for x in each]), rel=1e-5)


def test_graphs_have_static_shapes_and_the_same_numbers():
    alignment = make()
    _, expected, loss = align(alignment)

    @tf.function(autograph=False)
    def step(ids, mel):
        _, durations, value = align(alignment, ids, mel)
        assert durations.shape == (2, 7)
        return durations, value

    durations, value = step(tf.constant(IDS), tf.constant(MEL))
    np.testing.assert_array_equal(durations, expected)
    assert float(value) == pytest.approx(float(loss), rel=1e-5)


def test_too_short_recordings_and_silent_texts_cannot_be_aligned():
    alignment = make()
    assert alignment.can_align(IDS[1, :3], 6) and not alignment.can_align(IDS[1, :3], 5)
    assert not alignment.can_align(np.array([SPACE, SPACE]), 100)
    frames = tf.constant([25, 5])
    _, durations, loss = align(alignment, frames_of=frames)
    assert np.sum(durations[0]) == 25 and not np.any(durations[1])
    assert np.isfinite(loss)


def test_the_weight_of_the_prior_falls_to_zero():
    weights = [float(prior_weight(tf.constant(n, tf.int64), 4)) for n in range(6)]
    np.testing.assert_allclose(weights, [1.0, 0.75, 0.5, 0.25, 0.0, 0.0])
    assert float(prior_weight(0, 0)) == 1.0 and float(prior_weight(1, 0)) == 0.0
