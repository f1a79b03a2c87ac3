"""BERT: padding, precisions, rebuilding, and shapes that are known only when it runs."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts import networks

PARAMS = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "max_position_embeddings": 12,
    "initializer_range": 0.3,
}


@pytest.fixture(scope="module")
def network():
    return networks.build("BertEncoder", PARAMS)


@pytest.fixture(scope="module")
def ids():
    return np.random.default_rng(0).integers(1, 50, (3, 9)).astype(np.int32)


def test_what_is_padded_has_no_influence_on_the_rest(network, ids):
    mask = (np.arange(9) < np.array([[9], [5], [7]])).astype(np.int32)
    states, pooled = network(ids, mask)
    others, other_pooled = network(np.where(mask, ids, 3), mask)
    np.testing.assert_allclose(states[mask == 1], others[mask == 1], atol=1e-6)
    np.testing.assert_allclose(pooled, other_pooled, atol=1e-6)
    alone, _ = network(ids[1:2, :5])
    np.testing.assert_allclose(states[1, :5], alone[0], atol=1e-5)
    unmasked, _ = network(ids)
    assert np.abs(unmasked[1, :5] - alone[0]).max() > 1e-2


def test_every_hidden_state_is_there(network, ids):
    states = network.hidden_states(ids, token_type_ids=np.ones_like(ids))
    assert len(states) == 3
    np.testing.assert_array_equal(states[-1], network(ids, token_type_ids=np.ones_like(ids))[0])
    assert np.abs(states[0] - network.hidden_states(ids)[0]).max() > 1e-2


def test_half_precision_is_near_and_returns_full(network, ids):
    half = networks.build("BertEncoder", PARAMS, dtype="mixed_bfloat16")
    half.set_weights(network.get_weights())
    for ours, full in zip(half(ids), network(ids), strict=True):
        assert ours.dtype == tf.float32
        error = np.abs(ours - full).max()
        assert 1e-4 < error < 0.15  # bfloat16 has 8 bits


def test_it_rebuilds_from_its_configuration_and_runs_with_any_shape(network, ids):
    rebuilt = networks.NETWORKS["BertEncoder"].from_config(network.get_config())
    rebuilt.set_weights(network.get_weights())
    signature = [tf.TensorSpec([None, None], tf.int32)] * 2
    compiled = tf.function(lambda ids, mask: rebuilt(ids, mask), input_signature=signature)
    for count, length in ((3, 9), (1, 4)):
        part = ids[:count, :length]
        states, pooled = compiled(part, np.ones_like(part))
        expected_states, expected_pooled = network(part)
        np.testing.assert_allclose(states, expected_states, atol=1e-5)
        np.testing.assert_allclose(pooled, expected_pooled, atol=1e-5)
