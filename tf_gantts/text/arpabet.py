"""ARPAbet phonemes, each as one private-use character inside the text that rules work on."""

from __future__ import annotations

from tf_gantts.text.rules import SEPARATOR, Lookup, Rewrite, Rules

_VOWELS = ["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"]
_CONSONANTS = [
    "B",
    "CH",
    "D",
    "DH",
    "F",
    "G",
    "HH",
    "JH",
    "K",
    "L",
    "M",
    "N",
    "NG",
    "P",
    "R",
    "S",
    "SH",
    "T",
    "TH",
    "V",
    "W",
    "Y",
    "Z",
    "ZH",
]

# 84, in alphabetical order; a vowel without a figure has no stress marked.
PHONEMES: tuple[str, ...] = tuple(
    sorted([*_CONSONANTS, *_VOWELS, *(vowel + stress for vowel in _VOWELS for stress in "012")])
)
CHARACTERS: dict[str, str] = {
    phoneme: chr(0xE000 + place) for place, phoneme in enumerate(PHONEMES)
}

SPACES = "[ \t\n\x0b\x0c\r]+"
MARK = "\x02"

# {HH AH0 L OW1} holds phonemes.
MARK_BRACES = Rewrite(r"\{(.+?)\}", f"{SEPARATOR}{MARK}\\1{SEPARATOR}")
READ_PHONEMES = Rules(Rewrite(SPACES, SEPARATOR), Lookup(CHARACTERS, drop_unknown=True))


def encode(phonemes: str) -> str:
    """Phonemes with spaces between them as characters: `HH AY1`."""
    return "".join(CHARACTERS[phoneme] for phoneme in phonemes.split())
