"""Front end `nvidia`: symbols and cleaners of NVIDIA/tacotron2, for its public checkpoints.

Equal to its `text` package at commit 185cd24 (by Keith Ito) with inflect 7.6.0 and Unidecode 1.4.0,
quirks included: `St.` is always saint, a pound sign becomes PS, decimals are read as numbers.
"""

from __future__ import annotations

import functools
import string
from collections.abc import Iterable, Sequence

import numpy as np

from tf_gantts.errors import TextError
from tf_gantts.text import arpabet
from tf_gantts.text.front_end import FrontEnd
from tf_gantts.text.marks import CARDINAL, ORDINAL, pairs, token
from tf_gantts.text.numbers import FINISH_WORDS, cut_groups, group_words, pair_words
from tf_gantts.text.rules import (
    SEPARATOR,
    Lookup,
    Lower,
    MapCharacters,
    Marked,
    Rewrite,
    Rules,
    Step,
)

PAD = "_"
SYMBOLS: tuple[str, ...] = (
    PAD,
    *"-!'(),.:;? ",
    *string.ascii_uppercase,
    *string.ascii_lowercase,
    *(f"@{phoneme}" for phoneme in arpabet.PHONEMES),
)
# A `_` in the text is the symbol of padding, as in the reference.
CHARACTERS: dict[str, str] = {symbol: symbol for symbol in SYMBOLS if len(symbol) == 1}
CHARACTERS |= {character: f"@{phoneme}" for phoneme, character in arpabet.CHARACTERS.items()}

_ABBREVIATIONS = {
    "mrs": "misess",
    "mr": "mister",
    "dr": "doctor",
    "st": "saint",
    "co": "company",
    "jr": "junior",
    "maj": "major",
    "gen": "general",
    "drs": "doctors",
    "rev": "reverend",
    "lt": "lieutenant",
    "hon": "honorable",
    "sgt": "sergeant",
    "capt": "captain",
    "esq": "esquire",
    "ltd": "limited",
    "col": "colonel",
    "ft": "fort",
}
_ORDINAL_NUMBER = "\x13"  # a number of which the ordinal is meant: read with "and"
_DOLLARS, _CENTS, _END = "\x10", "\x11", "\x12"  # around the two parts of an amount

_SPACES = "[ \t\n\x0b\x0c\r\x1c-\x1f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"
_REMOVE_CONTROLS = Rewrite("[\x00-\x08\x0e-\x1b\x7f\ue000-\uf8ff]+", "")
_ONE_SPACE = Rewrite(_SPACES, " ")

_AMOUNTS: list[Step] = [
    Rewrite(r"\$([0-9,]*\.[0-9,]*\.[0-9.,]*[0-9])", r"\1 dollars"),
    Rewrite(r"\$([0-9]*)\.([0-9]+)", rf"{_DOLLARS}\1{_CENTS}\2{_END}"),
    Rewrite(r"\$([0-9]+)", rf"{_DOLLARS}\1{_CENTS}{_END}"),
    Rewrite(f"{_DOLLARS}0+([1-9]|{_CENTS})", f"{_DOLLARS}\\1"),
    Rewrite(f"{_CENTS}0+([1-9]|{_END})", f"{_CENTS}\\1"),
    Rewrite(f"{_DOLLARS}{_CENTS}{_END}", "zero dollars"),
    Rewrite(f"{_DOLLARS}{_CENTS}", _CENTS),
    Rewrite(f"{_DOLLARS}1{_CENTS}", f"1 dollar, {_CENTS}"),
    Rewrite(f"{_DOLLARS}([0-9]+){_CENTS}", f"\\1 dollars, {_CENTS}"),
    Rewrite(f", {_CENTS}{_END}", ""),
    Rewrite(f"{_CENTS}1{_END}", "1 cent"),
    Rewrite(f"{_CENTS}([0-9]+){_END}", r"\1 cents"),
]
_NUMBERS: list[Step] = [
    Rewrite("([0-9]),+([0-9])", r"\1\2"),
    Rewrite("([0-9]),+([0-9])", r"\1\2"),
    *_AMOUNTS,
    Rewrite(r"(^|[^0-9])([0-9]+)\.([0-9]+)", r"\1\2 point \3"),
    Rewrite("([0-9]+)(?:st|nd|rd|th)", token(_ORDINAL_NUMBER, 1) + ORDINAL),
    Rewrite(f"(^|[^0-9{_ORDINAL_NUMBER}])([0-9]+)", "\\1" + token(CARDINAL, 2)),
    Rewrite(f"{CARDINAL}0+([0-9])", f"{CARDINAL}\\1"),
    # 1001 to 2999 in pairs, but for 2000 to 2009.
    Rewrite(f"{CARDINAL}1000{SEPARATOR}", f"one thousand{SEPARATOR}"),
    Rewrite(f"{CARDINAL}(1[0-9]|2[1-9])([0-9]{{2}}){SEPARATOR}", pairs(1, 2)),
    Rewrite(f"{CARDINAL}(20)([1-9][0-9]){SEPARATOR}", pairs(1, 2)),
    *cut_groups(),
    *cut_groups(_ORDINAL_NUMBER, " and "),
    Lookup(group_words() | pair_words() | group_words(_ORDINAL_NUMBER, " and ")),
    *FINISH_WORDS,
]
_EXPAND_ABBREVIATIONS: list[Step] = [
    Rewrite(rf"\b{short}\.", full) for short, full in _ABBREVIATIONS.items()
]


@functools.cache
def _transliteration() -> MapCharacters:
    """Unidecode's ASCII for every character that it knows."""
    try:
        from unidecode import unidecode
    except ImportError:
        raise TextError(
            "front end nvidia: Unidecode is not installed; pip install 'tf_gantts[text]'"
        ) from None
    codes = (code for code in range(0x80, 0x20000) if not 0xD800 <= code < 0xF900)
    table = {chr(code): unidecode(chr(code), errors="ignore") for code in codes}
    return MapCharacters({key: ascii for key, ascii in table.items() if ascii}, drop_unknown=True)


def cleaner(name: str) -> Rules:
    """One of the reference's cleaners, from any text to cleaned text.

    Args:
        name: `english_cleaners`, `transliteration_cleaners` (no numbers or abbreviations) or
            `basic_cleaners` (lower case and single spaces only).

    Raises:
        TextError: If there is no such cleaner, or Unidecode is not installed.
    """
    if name == "basic_cleaners":
        return Rules(_REMOVE_CONTROLS, Lower(), _ONE_SPACE)
    if name == "transliteration_cleaners":
        return Rules(_REMOVE_CONTROLS, _transliteration(), Lower(), _ONE_SPACE)
    if name == "english_cleaners":
        return Rules(
            _REMOVE_CONTROLS,
            _transliteration(),
            Lower(),
            _ONE_SPACE,
            _NUMBERS,
            _EXPAND_ABBREVIATIONS,
            _ONE_SPACE,
        )
    raise TextError(
        f"front end nvidia has no cleaner {name!r}; english_cleaners, transliteration_cleaners and "
        f"basic_cleaners are there"
    )


class Nvidia(FrontEnd):
    """148 symbols: padding, punctuation, letters of both cases, ARPAbet in braces.

    Args:
        cleaners: Which cleaner runs outside braces; see `cleaner`.
    """

    name = "nvidia"

    def __init__(self, cleaners: str = "english_cleaners") -> None:
        self._cleaner = cleaner(cleaners)
        super().__init__(
            rules=Rules(
                _REMOVE_CONTROLS,
                arpabet.MARK_BRACES,
                Marked(arpabet.MARK, arpabet.READ_PHONEMES, self._cleaner),
            ),
            symbols=SYMBOLS,
            characters=CHARACTERS,
            pad=PAD,
            eos=None,
            options={"cleaners": cleaners},
        )

    def clean(self, text: str) -> str:
        """The cleaner alone, braces and all."""
        return self._cleaner(text)

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The symbols of ids as text, phonemes in braces, padding as `_`.

        Args:
            ids: Ids `(N,)`.
        """
        return decode(self.symbols[place] for place in ids)


def decode(symbols: Iterable[str]) -> str:
    """Symbols as text, runs of phonemes in braces: `{HH AH0 L OW1}, world`."""
    text = "".join(f"{{{symbol[1:]}}}" if symbol[0] == "@" else symbol for symbol in symbols)
    return text.replace("}{", " ")
