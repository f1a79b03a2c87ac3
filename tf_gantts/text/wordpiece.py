"""BERT's tokeniser: words in the pieces of a vocabulary, and the token that each character is in.

Ids equal those of Hugging Face's fast BERT tokeniser (`tokenizers` 0.23, whose tables of characters
are older than Python's, has other ids for some 500 that Unicode added or reclassified since). Here
it runs on Python strings; `tf_gantts.text.wordpiece_graph` is its twin in TensorFlow.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import string
import unicodedata
from collections.abc import Iterator, Mapping

import numpy as np

from tf_gantts.errors import TextError

WORD, ALONE, SPACE, REMOVED = range(4)
CONTINUATION = "##"  # before every piece but a word's first
LONGEST_WORD = 100  # characters; a longer word is unknown

_PUNCTUATION = frozenset(string.punctuation)  # of ASCII: its symbols ($+<=>^`|~) count too
_REMOVED = ("Cc", "Cf", "Co", "Cs")  # control, format, private use, surrogates
# Blocks of ideographs: in Chinese and Japanese no space stands between words.
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


@dataclasses.dataclass(frozen=True)
class Encoding:
    """A text as BERT reads it.

    Attributes:
        ids: int32 `(T,)`, [CLS] first and [SEP] last.
        token_of_character: int32 `(characters,)`: the last token that begins at or before each
            character of the text, so a space belongs to the word before it. Leading spaces belong
            to [CLS], what is cut off to the last token that is kept.
    """

    ids: np.ndarray
    token_of_character: np.ndarray


class WordPiece:
    """Text to token ids.

    The names of special tokens have no special meaning inside a text.

    Args:
        vocabulary: Piece to id; pieces inside a word begin with `CONTINUATION`.
        do_lower_case: Whether case is ignored.
        strip_accents: Whether accents are taken off; None: if case is ignored.
        tokenize_chinese_chars: Whether every ideograph is a word.
        max_tokens: Longest sequence, special tokens included; the rest of a text is cut off.
        special_tokens: Names that replace those of BERT, by role: unk, cls, sep, pad.

    Attributes:
        vocabulary: Piece to id.
        unk_id: Id of words that have no pieces.
        cls_id: Id that opens every text.
        sep_id: Id that closes every text.
        pad_id: Id that fills the shorter texts of a batch.
        max_tokens: Longest sequence.

    Raises:
        TextError: If the vocabulary lacks a special token.
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        do_lower_case: bool = True,
        strip_accents: bool | None = None,
        tokenize_chinese_chars: bool = True,
        max_tokens: int = 512,
        special_tokens: Mapping[str, str] | None = None,
    ) -> None:
        self.vocabulary = dict(vocabulary)
        self.max_tokens = max_tokens
        self._lower = do_lower_case
        self._strip = do_lower_case if strip_accents is None else strip_accents
        self._ideographs = tokenize_chinese_chars
        names = {role: f"[{role.upper()}]" for role in ("unk", "cls", "sep", "pad")}
        names |= dict(special_tokens or {})
        missing = sorted(name for name in names.values() if name not in self.vocabulary)
        if missing:
            raise TextError(f"the WordPiece vocabulary has no {', '.join(missing)}")
        self.unk_id, self.cls_id, self.sep_id, self.pad_id = (
            self.vocabulary[names[role]] for role in ("unk", "cls", "sep", "pad")
        )
        self._longest_piece = max(map(len, self.vocabulary))
        self._letters: dict[str, list[tuple[str, int]]] = {}
        self._pieces: dict[str, list[tuple[int, int]]] = {}

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change with the ids of any text."""
        options = [self._lower, self._strip, self._ideographs, self.max_tokens]
        special = [self.unk_id, self.cls_id, self.sep_id]
        content = json.dumps([sorted(self.vocabulary.items()), options, special])
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def encode(self, text: str) -> Encoding:
        """Reads a text.

        Args:
            text: Anything.

        Returns:
            Its ids, and the token of each character.
        """
        ids: list[int] = []
        begins: list[int] = []
        for word, places in self._words(text):
            for start, piece in self._pieces_of(word):
                ids.append(piece)
                begins.append(places[start])
        kept = self.max_tokens - 2
        counts = np.bincount(np.asarray(begins[:kept], np.int64), minlength=len(text))
        return Encoding(
            np.asarray([self.cls_id, *ids[:kept], self.sep_id], np.int32),
            np.cumsum(counts, dtype=np.int32),
        )

    def kind(self, character: str) -> int:
        """What a character is to the tokeniser: `WORD`, `ALONE`, `SPACE` or `REMOVED`."""
        if character in "\t\n\r":
            return SPACE
        category = unicodedata.category(character)
        if category in _REMOVED or character == "\ufffd":
            return REMOVED
        if character.isspace():
            return SPACE
        if category[0] == "P" or character in _PUNCTUATION:
            return ALONE
        return ALONE if self._ideographs and _is_ideograph(character) else WORD

    def normal_form(self, character: str) -> str:
        """What is looked up for a character: nothing, one character or several."""
        kind = self.kind(character)
        if kind in (REMOVED, SPACE):
            return "" if kind == REMOVED else " "
        if self._strip:
            letters = unicodedata.normalize("NFD", character)
            character = "".join(c for c in letters if unicodedata.category(c) != "Mn")
        # One by one: the form of a sigma does not depend on its neighbours.
        return "".join(c.lower() for c in character) if self._lower else character

    def _words(self, text: str) -> Iterator[tuple[str, list[int]]]:
        """Words in their normal form, and the place in the text of each of their letters."""
        word, places = "", list[int]()
        for place, character in enumerate(text):
            letters = self._letters.get(character)
            if letters is None:
                form = self.normal_form(character)
                letters = self._letters[character] = [(c, self.kind(c)) for c in form]
            for letter, kind in letters:
                if kind != WORD and word:
                    yield word, places
                    word, places = "", []
                if kind == ALONE:
                    yield letter, [place]
                elif kind == WORD:
                    word += letter
                    places.append(place)
        if word:
            yield word, places

    def _pieces_of(self, word: str) -> list[tuple[int, int]]:
        """Start and id of a word's pieces: always the longest that the vocabulary has."""
        pieces = self._pieces.get(word)
        if pieces is None:
            pieces = self._pieces[word] = self._split(word)
        return pieces

    def _split(self, word: str) -> list[tuple[int, int]]:
        unknown = [(0, self.unk_id)]
        if len(word) > LONGEST_WORD:
            return unknown
        pieces, start = [], 0
        while start < len(word):
            prefix = CONTINUATION if start else ""
            for end in range(min(len(word), start + self._longest_piece), start, -1):
                piece = self.vocabulary.get(prefix + word[start:end])
                if piece is not None:
                    pieces.append((start, piece))
                    start = end
                    break
            else:
                return unknown
        return pieces


def _is_ideograph(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _IDEOGRAPHS)
