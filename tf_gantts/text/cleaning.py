"""Cleaning: any Unicode text becomes printable text with plain quotes, dashes, digits and spaces.

Letters keep their accents here; `LATIN_TO_ASCII` takes them off where a front end knows only ASCII.
"""

from __future__ import annotations

import unicodedata

from tf_gantts.text.rules import MapCharacters, Rewrite, Rules

# Blocks whose compatibility forms are read: all long assigned, so that every Python's Unicode
# tables agree on them. Stability is promised for decompositions of assigned characters.
_COMPATIBILITY_BLOCKS = (
    (0x00A0, 0x024F),  # Latin-1, Latin Extended-A and -B
    (0x1E00, 0x1EFF),  # Latin Extended Additional
    (0x2070, 0x209C),  # superscripts and subscripts
    (0x2100, 0x2188),  # letterlike symbols, number forms
    (0x2460, 0x24E9),  # enclosed alphanumerics
    (0xFB00, 0xFB06),  # ligatures
    (0xFF01, 0xFF5E),  # full-width forms
    (0x1D400, 0x1D7FF),  # mathematical alphanumerics
)

_PUNCTUATION = {
    "‘’‚‛′ʼ＇´": "'",
    "“”„‟″«»": '"',
    "‐‑‒–−": "-",
    "—―⸺⸻": ", ",
    "…": "...",
    "‹›": "'",
    "¡¿": "",
    "•‣◦·": ", ",
    "⁄∕": "/",
    "×": " times ",
    "÷": " divided by ",
    "±": " plus or minus ",
    "≈": " about ",
    "≠": " is not equal to ",
    "≤": " at most ",
    "≥": " at least ",
    "√": " square root of ",
    "∞": " infinity ",
    "→": " to ",
    "№": "No. ",
    "℃": "°C",
    "℉": "°F",
    "µμ": "u",
    "。": ". ",
    "、": ", ",
    "「」『』": '"',
    "、，": ", ",
}
# Format characters that join or direct: soft hyphen, zero width, marks of direction, variation.
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\ufe0e\ufe0f"

_LETTERS = {
    "ß": "ss",
    "ẞ": "SS",
    "æ": "ae",
    "Æ": "Ae",
    "œ": "oe",
    "Œ": "Oe",
    "ø": "o",
    "Ø": "O",
    "đð": "d",
    "ĐÐ": "D",
    "þ": "th",
    "Þ": "Th",
    "ł": "l",
    "Ł": "L",
    "ħ": "h",
    "Ħ": "H",
    "ı": "i",
    "ŋ": "ng",
    "Ŋ": "Ng",
    "ŧ": "t",
    "Ŧ": "T",
    "ſ": "s",
    "ə": "e",
    "ƒ": "f",
}


def _spread(table: dict[str, str]) -> dict[str, str]:
    return {character: value for characters, value in table.items() for character in characters}


def _blocks() -> list[str]:
    return [chr(code) for first, last in _COMPATIBILITY_BLOCKS for code in range(first, last + 1)]


def _compatibility_forms() -> dict[str, str]:
    """Ligatures, full-width and raised forms in their plain characters; fractions as 1/2."""
    forms = {}
    for character in _blocks():
        kind = unicodedata.decomposition(character)
        plain = unicodedata.normalize("NFKC", character).replace("\u2044", "/")
        if kind.startswith("<") and plain != character:
            is_mark = unicodedata.combining(plain[-1]) or not plain.strip()
            forms[character] = " " if is_mark else plain
            if kind.startswith("<fraction>"):
                forms[character] = f" {plain}"
            elif kind.startswith("<circle>"):
                forms[character] = f" {plain} "
    return {key: value for key, value in forms.items() if value.isascii()}


def _accents() -> dict[str, str]:
    """Letters without the marks that Unicode composes them with."""
    plain = {}
    for character in _blocks():
        letters = "".join(
            letter
            for letter in unicodedata.normalize("NFKD", character)
            if not unicodedata.combining(letter)
        )
        if letters and letters.isascii() and letters != character:
            plain[character] = letters
    return plain


_SPACES = "[ \t\n\x0b\x0c\r\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"

CLEANING = Rules(
    # Control characters, private-use characters and marks of the reading rules.
    Rewrite(_SPACES, " "),
    Rewrite("[\x00-\x1f\x7f\u0080-\u009f\ue000-\uf8ff]+", ""),
    MapCharacters(_compatibility_forms() | _spread(_PUNCTUATION) | dict.fromkeys(_INVISIBLE, "")),
    Rewrite("''", '"'),
    Rewrite("[`]", "'"),
    Rewrite("  +", " "),
    Rewrite(" , ", ", "),
    Rewrite("^ ", ""),
    Rewrite(" $", ""),
)

LATIN_TO_ASCII = MapCharacters(_accents() | _spread(_LETTERS))
