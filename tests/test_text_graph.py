"""Front ends in the TensorFlow graph: the ids of the Python code, in a process without it."""

import json
import subprocess
import sys

import pytest

from tf_gantts.text import build
from tf_gantts.text.sentences import split_sentences
from tf_gantts.text.transcripts import read_transcripts

TRICKY = [
    "",
    " \t\r\n ",
    "😀",
    "Café “naïve” – ﬁne… ½ £5 10€ №5 Straße",
    "你好 Привет ß K İ ΣΑΣ",
    "\x01\x02 \x7f \ue000 \u200b\u2028",
    "{HH AH0 L OW1}, {x} {} {a {b} c}",
    "12,345,678,901,234th; -5.25 1/2 $1.2.3 $0.01 1939-45 C2766 5km 12:05:09",
    "1" * 50,
    "word " * 2_000,
    "Oswald's boss's cat's don't 'tis",
    "Henry VIII. and Mr. X vs. Dr. Y, U.S. etc.",
]

# Loads every SavedModel that it is given and writes the ids of the texts.
LOADER = """
import json, sys
import tensorflow as tf
texts = json.load(open(sys.argv[1], encoding="utf-8"))
ids = {}
for name in sys.argv[3:]:
    out = tf.saved_model.load(name).signatures["serving_default"](text=tf.constant(texts))
    rows = zip(out["ids"].numpy(), out["lengths"].numpy())
    ids[name] = [row[:length].tolist() for row, length in rows]
assert not any(module.startswith("tf_gantts") for module in sys.modules)
json.dump(ids, open(sys.argv[2], "w"))
"""


@pytest.fixture(scope="module")
def texts(shared):
    transcripts = read_transcripts(shared / "data" / "ljspeech-transcripts.csv")[::100]
    return TRICKY + [each.raw for each in transcripts] + [each.normalized for each in transcripts]


def save(front_end, directory):
    import tensorflow as tf

    module = front_end.graph()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def read(text):
        ids, lengths = module(text)
        return {"ids": ids, "lengths": lengths}

    module.read = read
    tf.saved_model.save(module, str(directory), signatures={"serving_default": read})


def test_saved_front_ends_give_the_ids_of_python(texts, tmp_path):
    pytest.importorskip("unidecode", reason="Unidecode is not installed")
    names = ["characters", "nvidia", "cmudict"]
    front_ends = {name: build(name) for name in names}
    for name, front_end in front_ends.items():
        save(front_end, tmp_path / name)
    (tmp_path / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-c", LOADER, "texts.json", "ids.json", *names], cwd=tmp_path, check=True
    )
    saved = json.loads((tmp_path / "ids.json").read_text())
    for name, front_end in front_ends.items():
        for text, ids in zip(texts, saved[name], strict=True):
            assert ids == front_end.encode(text).tolist(), (name, text)


def test_rows_are_padded_and_bytes_that_are_no_text_are_left_out():
    import tensorflow as tf

    front_end = build("characters")
    ids, lengths = front_end.graph()(tf.constant([b"Hi", b"\xff\xfeHello", b""]))
    assert ids.dtype == lengths.dtype == tf.int32
    expected, expected_lengths = front_end.batch(["Hi", "Hello"])
    assert ids[:2].numpy().tolist() == expected.tolist()
    assert ids[2].numpy().tolist() == [1, 0, 0, 0, 0, 0]
    assert lengths.numpy().tolist() == [*expected_lengths, 1]


def test_sentences_are_cut_as_in_python(texts):
    import tensorflow as tf

    from tf_gantts.text.graph import SentencesGraph

    texts = [*TRICKY, " ".join(texts[20:60]), 'One. "Two!" Three…\n\n Four\n\nFive', "a" * 2_000]
    pieces, pauses = SentencesGraph()(tf.constant(texts))
    for text, row, silences in zip(texts, pieces.to_list(), pauses.to_list(), strict=True):
        sentences = split_sentences(text)
        assert [piece.decode() for piece in row] == [sentence.text for sentence in sentences]
        assert silences == pytest.approx([sentence.pause for sentence in sentences])
