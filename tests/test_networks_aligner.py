"""Aligner: distances, padding, states, precisions, compiling, rebuilding."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.losses.forward_sum import ForwardSumLoss
from tf_gantts.networks.aligner import Aligner

RNG = np.random.default_rng(0)
IDS = RNG.integers(0, 9, (2, 4)).astype(np.int32)
MEL = RNG.normal(size=(2, 7, 16)).astype(np.float32)
SYMBOL_LENGTHS, MEL_LENGTHS = tf.constant([4, 3]), tf.constant([7, 5])


def make(**params):
    tf.keras.utils.set_random_seed(0)
    return Aligner(9, 16, **{"channels": 8, "coefficients": 5, "states_per_symbol": 1} | params)


@pytest.mark.parametrize("states", [1, 2])
def test_it_is_a_softmax_of_squared_distances(states):
    aligner = make(states_per_symbol=states, temperature=0.3)
    alignment = aligner(IDS, MEL, SYMBOL_LENGTHS, MEL_LENGTHS)
    assert alignment.shape == (2, 7, 4 * states)
    written = np.arange(4) < np.array([[4], [3]])
    keys = aligner._keys(IDS, tf.constant(written), training=False).numpy()
    queries = aligner._queries(MEL, MEL_LENGTHS).numpy()
    for row, count in enumerate((4 * states, 3 * states)):
        distances = ((queries[row, :, np.newaxis] - keys[row, :count]) ** 2).sum(axis=2)
        expected = np.exp(-0.3 * distances)
        expected /= expected.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(np.exp(alignment[row, :, :count]), expected, atol=1e-5)
        assert not np.exp(alignment[row, :, count:]).any()


def test_the_queries_are_cosine_coefficients_and_their_changes():
    aligner = make()
    queries = aligner._queries(MEL, MEL_LENGTHS).numpy()
    cepstra = MEL @ aligner.cosines
    np.testing.assert_allclose(queries[..., :5], cepstra, atol=1e-5)
    for row, frames in enumerate((7, 5)):
        inner = (cepstra[row, 2:frames] - cepstra[row, : frames - 2]) / 2
        np.testing.assert_allclose(queries[row, 1 : frames - 1, 5:] * 0.28, inner, atol=1e-5)


@pytest.mark.parametrize("kernel", [1, 3])
def test_padding_has_no_influence(kernel):
    aligner = make(symbol_kernel_size=kernel)
    whole = aligner(IDS, MEL, SYMBOL_LENGTHS, MEL_LENGTHS)
    alone = aligner(IDS[1:, :3], MEL[1:, :5], SYMBOL_LENGTHS[1:], MEL_LENGTHS[1:])
    np.testing.assert_allclose(whole[1, :5, :3], alone[0], atol=1e-5)
    ids, mel = IDS.copy(), MEL.copy()
    ids[1, 3], mel[1, 5:] = 0 if ids[1, 3] else 1, 99.0
    other = aligner(ids, mel, SYMBOL_LENGTHS, MEL_LENGTHS)
    np.testing.assert_allclose(other[1, :5, :3], whole[1, :5, :3], atol=1e-6)


def test_the_prior_is_added_before_the_softmax():
    aligner, prior = make(), RNG.normal(size=(2, 7, 4)).astype(np.float32)
    plain = aligner(IDS, MEL, SYMBOL_LENGTHS, MEL_LENGTHS)
    informed = aligner(IDS, MEL, SYMBOL_LENGTHS, MEL_LENGTHS, prior)
    np.testing.assert_allclose(informed[0], tf.nn.log_softmax(plain[0] + prior[0]), atol=1e-5)


def test_durations_of_states_become_those_of_symbols():
    durations = make(states_per_symbol=2).symbol_durations(
        tf.constant([[1, 2, 3, 4], [5, 1, 0, 0]])
    )
    np.testing.assert_array_equal(durations, [[3, 7], [6, 0]])


def test_half_precision_compiling_and_rebuilding():
    aligner = make()
    expected = aligner(IDS, MEL, SYMBOL_LENGTHS, MEL_LENGTHS)
    half = make(dtype="mixed_bfloat16")
    half.set_weights(aligner.get_weights())
    found = half(IDS, MEL, SYMBOL_LENGTHS, MEL_LENGTHS)
    assert found.dtype == tf.float32
    assert 0 < np.abs(np.exp(found) - np.exp(expected)).max() < 0.1
    rebuilt = Aligner.from_config(aligner.get_config())
    rebuilt.set_weights(aligner.get_weights())

    @tf.function(jit_compile=True)
    def gradients():
        with tf.GradientTape() as tape:
            alignment = rebuilt(IDS, MEL, SYMBOL_LENGTHS, MEL_LENGTHS, training=True)
            loss = ForwardSumLoss()(alignment, MEL_LENGTHS, SYMBOL_LENGTHS)
        return alignment, tape.gradient(loss, rebuilt.trainable_variables)

    compiled, slopes = gradients()
    np.testing.assert_allclose(np.exp(compiled), np.exp(expected), atol=1e-5)
    assert all(np.abs(slope).max() > 0 for slope in slopes)


def test_impossible_arguments_are_named():
    for params, message in (
        ({"symbol_kernel_size": 2}, "odd"),
        ({"coefficients": 17}, "17 coefficients cannot be taken of 16 mel bands"),
        ({"temperature": 0.0}, "temperature 0.0 must be positive"),
        ({"states_per_symbol": 0}, "states_per_symbol 0 must be positive"),
    ):
        with pytest.raises(HparamsError, match=message):
            make(**params)
