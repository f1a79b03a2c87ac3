"""WordPiece: Hugging Face's ids, the graph's ids, and the token of every character."""

import json

import numpy as np
import pytest

from tf_gantts.errors import TextError
from tf_gantts.text.wordpiece import WordPiece
from tf_gantts.text.wordpiece_files import read_wordpiece

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
PIECES = ["un", "##aff", "##able", "the", "cat", ",", "'", "s", "$", "##a", "a", "漢", "字", "e"]
STRANGE = [
    "",
    "  \t\n ",
    " leading and  double spaces ",
    "Éclair naïve İstanbul ΣΑΣ ﬁn ǅ",
    "e\u0301\u0302x  \u0301alone",
    "한국어 漢字kanji かな",
    "zero\u200bwidth\x00nul\ufffdlost\u0085next\u2028line\u00a0fixed\x0btab",
    "\ue000private \U0001f600 emoji 👩‍👩‍👧 \u0378unassigned",
    "don't $5.00 @#~`^|<=> ¡¿ «» — … \u037e \u1fef \u2260",
    "[CLS] is a word here, [MASK] too",
    "b" * 100 + " " + "b" * 101 + " " + "é" * 101,
    "\U00020000\uf900\U0002f800",
]


@pytest.fixture(scope="module")
def transcripts(shared):
    lines = (shared / "data" / "ljspeech-transcripts.csv").read_text(encoding="utf-8").splitlines()
    return [line.split("|")[1] for line in lines[::80]]


@pytest.fixture(scope="module")
def vocabulary(transcripts):
    """Every letter, and pieces and words of the first half: the others fall to pieces."""
    letters = sorted({letter for text in transcripts for letter in text.lower()} - {"z", " "})
    words = sorted({word for text in transcripts[::2] for word in text.lower().split()})
    pieces = letters + ["##" + letter for letter in letters if letter.isalpha()]
    pieces += words[::3] + ["##" + word[-3:] for word in words[1::3]] + ["##一", "漢", "##\u1161"]
    return {piece: place for place, piece in enumerate(dict.fromkeys(SPECIAL + pieces))}


def theirs(vocabulary, **options):
    tokenizers = pytest.importorskip("tokenizers", reason="pip install tokenizers to compare")
    options = {"lowercase": True, "strip_accents": None} | options
    return tokenizers.BertWordPieceTokenizer(dict(vocabulary), **options)


def tokenizer_of(pieces, **options):
    return WordPiece({piece: i for i, piece in enumerate(SPECIAL + pieces)}, **options)


def test_longest_pieces_first_and_the_token_of_every_character():
    tokenizer = tokenizer_of(PIECES)
    encoding = tokenizer.encode("Unaffable, the  CAT's")
    pieces = ["[CLS]", "un", "##aff", "##able", ",", "the", "cat", "'", "s", "[SEP]"]
    assert encoding.ids.tolist() == [tokenizer.vocabulary[piece] for piece in pieces]
    expected = [1, 1, 2, 2, 2, 3, 3, 3, 3] + [4, 4] + [5, 5, 5, 5, 5] + [6, 6, 6, 7, 8]
    assert encoding.token_of_character.tolist() == expected
    assert (encoding.ids.dtype, encoding.token_of_character.dtype) == (np.int32, np.int32)


def test_a_word_without_pieces_is_one_unknown_token():
    tokenizer = tokenizer_of(PIECES)
    assert tokenizer.encode("unaffablex cat").ids.tolist()[1:-1] == [1, 4 + PIECES.index("cat")]
    long = tokenizer.encode("a" * 100 + " " + "a" * 101).ids
    assert len(long) == 103 and long[-2] == tokenizer.unk_id


def test_what_is_too_long_is_cut_off():
    tokenizer = tokenizer_of(PIECES, max_tokens=5)
    encoding = tokenizer.encode("the cat, the cat")
    assert len(encoding.ids) == 5 and encoding.ids[-1] == tokenizer.sep_id
    assert encoding.token_of_character.max() == 3


def test_spaces_and_removed_characters_belong_to_the_word_before():
    encoding = tokenizer_of(PIECES).encode("  e\u0301 \u200b漢字 ")
    assert encoding.token_of_character.tolist() == [0, 0, 1, 1, 1, 1, 2, 3, 3]


@pytest.mark.parametrize(
    "options",
    [{}, {"lowercase": False}, {"strip_accents": False}, {"handle_chinese_chars": False}],
    ids=str,
)
def test_ids_are_those_of_hugging_face(transcripts, vocabulary, options):
    reference = theirs(vocabulary, **options)
    names = {"lowercase": "do_lower_case", "handle_chinese_chars": "tokenize_chinese_chars"}
    ours = WordPiece(vocabulary, **{names.get(key, key): options[key] for key in options})
    for text in transcripts + [s for s in STRANGE if "[" not in s]:
        expected = reference.encode(text)
        encoding = ours.encode(text)
        assert encoding.ids.tolist() == expected.ids, text
        begins = np.searchsorted(encoding.token_of_character, np.arange(1, len(expected.ids) - 1))
        several = [begin for begin, _ in expected.offsets[1:-1]]
        assert begins.tolist() == several, text


def test_the_graph_gives_the_same(transcripts, vocabulary):
    import tensorflow as tf

    from tf_gantts.text.wordpiece_graph import WordPieceGraph

    tokenizer = WordPiece(vocabulary, max_tokens=60)
    signature = [tf.TensorSpec([None], tf.string)]
    graph = tf.function(WordPieceGraph(tokenizer).__call__, input_signature=signature)
    for texts in (transcripts + STRANGE, STRANGE[:2], STRANGE[:1], []):
        ids, token_of_character = graph(tf.constant(texts, tf.string))
        assert ids.nrows() == token_of_character.nrows() == len(texts)
        for text, row, places in zip(texts, ids, token_of_character, strict=True):
            expected = tokenizer.encode(text)
            assert row.numpy().tolist() == expected.ids.tolist(), text
            assert places.numpy().tolist() == expected.token_of_character.tolist(), text
    operations = {node.op for node in graph.get_concrete_function().graph.as_graph_def().node}
    assert "LookupTableFindV2" in operations and "PyFunc" not in operations


def _write(directory, **files):
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (directory / name.replace("_json", ".json").replace("_txt", ".txt")).write_text(text)
    return directory


def test_both_kinds_of_files_are_read(tmp_path):
    vocabulary = {piece: i for i, piece in enumerate(SPECIAL + PIECES + ["The"])}
    plain = _write(
        tmp_path,
        vocab_txt="\n".join(vocabulary) + "\n",
        tokenizer_config_json={"do_lower_case": False, "unk_token": {"content": "[UNK]"}},
    )
    cased = read_wordpiece(plain, max_tokens=7)
    assert cased.max_tokens == 7 and cased.encode("The").ids[1] == vocabulary["The"]
    normalizer = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True}
    normalizer |= {"strip_accents": None, "lowercase": True}
    model = {"type": "WordPiece", "continuing_subword_prefix": "##"}
    model |= {"max_input_chars_per_word": 100, "vocab": vocabulary}
    whole = _write(tmp_path, tokenizer_json={"normalizer": normalizer, "model": model})
    lower = read_wordpiece(whole)
    assert lower.encode("The").ids[1] == vocabulary["the"]
    assert lower.fingerprint != cased.fingerprint
    _write(tmp_path, tokenizer_json={"normalizer": normalizer, "model": {"type": "BPE"}})
    with pytest.raises(TextError, match="type of the model is 'BPE'"):
        read_wordpiece(whole)
    (tmp_path / "tokenizer.json").unlink()
    _write(tmp_path, vocab_txt="a\nb\n")
    with pytest.raises(TextError, match=r"has no \[CLS\], \[PAD\], \[SEP\], \[UNK\]"):
        read_wordpiece(tmp_path)
    (tmp_path / "vocab.txt").unlink()
    with pytest.raises(TextError, match=r"no tokenizer\.json and no vocab\.txt"):
        read_wordpiece(tmp_path)
