"""Front end `cmudict`: words as ARPAbet phonemes of the CMU Pronouncing Dictionary.

Words that the dictionary lacks are spelled with their letters, so text and phonemes may mix, and a
word's phonemes may be written in braces: `{HH AH0 L OW1}, Zaphod`. Of a word with several
pronunciations the first is taken.
"""

from __future__ import annotations

import functools
import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_gantts.text import arpabet, nvidia
from tf_gantts.text.characters import PLAIN_BRACKETS
from tf_gantts.text.cleaning import LATIN_TO_ASCII
from tf_gantts.text.english import ENGLISH
from tf_gantts.text.front_end import FrontEnd
from tf_gantts.text.rules import SEPARATOR, Lookup, Lower, Marked, Rewrite, Rules

LEXICON = Path(__file__).with_name("lexicon") / "cmudict.txt.gz"

_EOS = "~"
_WORD = "\x02"
_POSSESSIVE = "\x05"


def _characters(phonemes: str) -> str:
    return "".join(arpabet.CHARACTERS[phoneme] for phoneme in phonemes.split())


_HISSING = _characters("S Z SH ZH CH JH")
_VOICELESS = _characters("P T K F TH")
_PHONEME = f"[{chr(0xE000)}-{chr(0xE000 + len(arpabet.PHONEMES))}]"


@functools.cache
def pronunciations() -> dict[str, str]:
    """First pronunciation of every word of letters and inner apostrophes.

    Returns:
        Lower-case word to its phonemes, as characters of `arpabet.CHARACTERS`.
    """
    with gzip.open(LEXICON, "rt", encoding="ascii") as file:
        lines = (line.split() for line in file)
        return {
            word: "".join([arpabet.CHARACTERS[phoneme] for phoneme in phonemes])
            for word, *phonemes in lines
        }


def _read_words() -> Rules:
    table = {f"{_WORD}{word}": phonemes for word, phonemes in pronunciations().items()}
    return Rules(
        Lower(),
        Rewrite("([a-z]+(?:'[a-z]+)*)", f"{SEPARATOR}{_WORD}\\1{SEPARATOR}"),
        # 's sounds after its word's last phoneme, whether or not the dictionary has the two.
        Rewrite(f"'s{SEPARATOR}", f"{SEPARATOR}{_POSSESSIVE}"),
        Lookup(table),
        Rewrite(f"([{_HISSING}]){_POSSESSIVE}", f"\\1{_characters('IH0 Z')}"),
        Rewrite(f"([{_VOICELESS}]){_POSSESSIVE}", f"\\1{_characters('S')}"),
        Rewrite(f"({_PHONEME}){_POSSESSIVE}", f"\\1{_characters('Z')}"),
        Rewrite(_POSSESSIVE, "'s"),
        Rewrite(_WORD, ""),
    )


class Cmudict(FrontEnd):
    """149 symbols: those of front end `nvidia`, and the end of a text."""

    name = "cmudict"

    def __init__(self) -> None:
        plain = Rules(ENGLISH, LATIN_TO_ASCII, PLAIN_BRACKETS, _read_words())
        super().__init__(
            rules=Rules(
                Rewrite("[\x00-\x08\x0e-\x1f\x7f\ue000-\uf8ff]+", ""),
                arpabet.MARK_BRACES,
                Marked(arpabet.MARK, Rules(arpabet.READ_PHONEMES, _SPACED), plain),
                Rewrite("  +", " "),
                Rewrite(r" ([,.;:?!])", r"\1"),
                Rewrite("^ ", ""),
                Rewrite(" $", ""),
            ),
            symbols=[*nvidia.SYMBOLS, _EOS],
            characters=nvidia.CHARACTERS,
            pad=nvidia.PAD,
            eos=_EOS,
        )

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The symbols of ids as text, phonemes in braces.

        Args:
            ids: Ids `(N,)`.
        """
        silent = {self.pad_id, self.eos_id}
        return nvidia.decode(self.symbols[place] for place in ids if place not in silent)


_SPACED = Rewrite(f"({_PHONEME}+)", r" \1 ")
