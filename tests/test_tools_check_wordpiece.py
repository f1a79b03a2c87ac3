"""The check of the tokeniser passes where all three agree, and fails where they do not."""

import importlib.util
from pathlib import Path

import pytest

from tf_gantts.text.wordpiece import WordPiece

TOOL = Path(__file__).resolve().parent.parent / "tools" / "check_wordpiece.py"
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", ",", "The"]


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("check_wordpiece", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_difference_is_found(tool, tmp_path, capsys, monkeypatch):
    tokenizers = pytest.importorskip("tokenizers", reason="pip install tokenizers to compare")
    vocabulary = {piece: place for place, piece in enumerate(PIECES)}
    tokenizers.BertWordPieceTokenizer(vocabulary).save(str(tmp_path / "tokenizer.json"))
    transcripts = tmp_path / "metadata.csv"
    transcripts.write_text("1|The cats|the cats\n2|the dog|the dog\n")
    arguments = ["--model", str(tmp_path), "--transcripts", str(transcripts)]
    assert tool.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("Hugging Face  4 of 4 texts equal")
    assert lines[2].startswith("graph         4 of 4 texts equal")
    cased = WordPiece(vocabulary, do_lower_case=False)
    monkeypatch.setattr(tool, "read_wordpiece", lambda directory: cased)
    assert tool.main(arguments) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("Hugging Face  3 of 4 texts equal")
    assert lines[2].startswith("graph         4 of 4 texts equal")
