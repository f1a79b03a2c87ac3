"""Durations, symbols and text embeddings as tracks of a feature store."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tf_gantts import text
from tf_gantts.data.store import open_store
from tf_gantts.errors import FeatureStoreError
from tf_gantts.networks.bert import BertEncoder
from tf_gantts.porting.text_encoder import TextEncoder
from tf_gantts.text.wordpiece import WordPiece
from tf_gantts.training.text_tracks import add_alignment, add_text_states, silent_symbols


@pytest.fixture
def folder(spoken_store, tmp_path):
    return shutil.copytree(spoken_store, tmp_path / "store")


@pytest.fixture(scope="module")
def front_end():
    return text.build("characters")


def test_durations_sum_to_the_frames(folder, front_end) -> None:
    add_alignment(folder, front_end, states_per_symbol=1)
    silent = silent_symbols(front_end)
    with open_store(folder) as store:
        for place, utterance in enumerate(store.utterances):
            symbols, durations = (store.read(place, n) for n in ("symbols", "durations"))
            np.testing.assert_array_equal(symbols, front_end(utterance.text))
            assert durations.sum() == utterance.frames
            assert (durations[~np.isin(symbols, silent)] >= 1).all()
        assert store.descriptions["durations"]["aligner"] == "hmm"


def test_what_is_there_is_not_made_again(folder, front_end) -> None:
    add_alignment(folder, front_end, states_per_symbol=1)
    index = (folder / "index.json").read_bytes()
    add_alignment(folder, front_end, states_per_symbol=1)
    assert (folder / "index.json").read_bytes() == index
    add_alignment(folder, text.build("characters"), states_per_symbol=2)
    assert (folder / "index.json").read_bytes() != index


def test_text_states_belong_to_the_symbols_words(folder, front_end) -> None:
    encoder = _small_bert(folder)
    add_text_states(folder, front_end, encoder)
    with open_store(folder) as store:
        for place, utterance in enumerate(store.utterances):
            states = store.read(place, "text_states")
            tokens = store.read(place, "token_of_symbol")
            assert states.dtype == np.float16 and states.shape[1] == encoder.hidden_size
            assert len(tokens) == len(front_end(utterance.text))
            assert (np.diff(tokens) >= 0).all() and tokens.max() == len(states) - 2  # then [SEP]
            np.testing.assert_allclose(
                store.read(place, "utterance_embedding")[0], states[0], atol=2e-3
            )
        assert store.descriptions["text_states"]["text_encoder"] == encoder.fingerprint


def test_bad_requests_are_refused(small_store, folder, front_end, tmp_path) -> None:
    with pytest.raises(FeatureStoreError, match="aligner 'mfa' is unknown"):
        add_alignment(folder, front_end, "mfa")
    silent = shutil.copytree(small_store, tmp_path / "silent")
    with pytest.raises(FeatureStoreError, match="no utterance has a text"):
        add_alignment(silent, front_end)


def _small_bert(folder) -> TextEncoder:
    """Random weights, and a vocabulary of the store's letters."""
    with open_store(folder) as store:
        letters = sorted({c for u in store.utterances for c in u.text.lower() if not c.isspace()})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{c}" for c in letters)]
    network = BertEncoder(
        vocab_size=len(pieces),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=512,
    )
    return TextEncoder(network, WordPiece({piece: n for n, piece in enumerate(pieces)}))
