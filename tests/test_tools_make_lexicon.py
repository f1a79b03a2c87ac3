"""tools/make_lexicon.py, and the lexicon that it made."""

import importlib.util
from pathlib import Path

from tf_gantts.text.cmudict import LEXICON

ROOT = Path(__file__).resolve().parent.parent


def tool():
    path = ROOT / "tools" / "make_lexicon.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_first_pronunciations_of_plain_words_are_kept_in_order():
    lines = [
        "'bout B AW1 T",
        "read R EH1 D",
        "read(2) R IY1 D",
        "aalen AE1 L AH0 N # place, german",
        "don't(2) D OW1 N",
        "don't D OW1 N T",
        "a.m. EY2 EH1 M",
        "3d TH R IY2 D IY2",
    ]
    assert tool().plain_words(lines) == ["read R EH1 D", "aalen AE1 L AH0 N", "don't D OW1 N"]


def test_the_licence_goes_with_the_dictionary():
    assert "Carnegie Mellon University" in (LEXICON.parent / "LICENSE").read_text()
    assert str(LEXICON.parent.relative_to(ROOT)) in (ROOT / "NOTICE").read_text()
    # The bytes hold neither a time nor a name, so that making it again changes nothing.
    assert LEXICON.read_bytes()[3:8] == bytes(5)
