"""Front ends: text becomes the symbol ids that an acoustic model reads."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import string
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_gantts.errors import TextError
from tf_gantts.text.english import ENGLISH
from tf_gantts.text.rules import Rules
from tf_gantts.text.token_map import character_of_symbol

if TYPE_CHECKING:
    from tf_gantts.text.graph import FrontEndGraph

_LOG = logging.getLogger(__name__)

# Left out without a word: they have no sound, or the rules have read what they stand for.
_SILENT = frozenset(string.punctuation + string.whitespace)
_SHOWN = 10  # unreadable characters that a warning shows


class FrontEnd:
    """Text to symbol ids.

    Characters without a symbol are left out; what would have carried sound (emoji, foreign scripts)
    is counted in a warning. Ids are the same in Python and in the graph.

    Args:
        rules: From text to a string with one character per symbol.
        symbols: Names of the symbols; a symbol's id is its place.
        characters: Character in the rules' result to the symbol it stands for.
        pad: The symbol that fills the shorter texts of a batch.
        eos: The symbol that closes every text, or None.
        options: Constructor arguments of the front end, to build it again.

    Attributes:
        name: Key of `tf_gantts.text.FRONT_ENDS`.
        symbols: Names of the symbols by id.
        pad_id: Id of the padding.
        eos_id: Id that closes every text, or None.
        options: Constructor arguments.
    """

    name = ""

    def __init__(
        self,
        rules: Rules,
        symbols: Sequence[str],
        characters: Mapping[str, str],
        pad: str,
        eos: str | None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.symbols = tuple(symbols)
        self.options = dict(options or {})
        places = {symbol: place for place, symbol in enumerate(self.symbols)}
        self.pad_id = places[pad]
        self.eos_id = None if eos is None else places[eos]
        self._rules = rules
        self._ids = {character: places[symbol] for character, symbol in characters.items()}

    @property
    def vocabulary_size(self) -> int:
        """Rows of the embedding table."""
        return len(self.symbols)

    @functools.cached_property
    def spoken_ids(self) -> frozenset[int]:
        """Ids of the symbols that have sound: letters and phonemes."""
        return frozenset(
            place
            for place, symbol in enumerate(self.symbols)
            if place != self.eos_id and any(letter.isalpha() for letter in symbol)
        )

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits for what the ids mean: a model fits no other front end."""
        meaning = [self.name, self.symbols, sorted(self._ids.items()), self.pad_id, self.eos_id]
        return hashlib.sha256(json.dumps(meaning).encode()).hexdigest()[:16]

    @property
    def revision(self) -> str:
        """Sixteen hexadecimal digits that also change with how a text is read."""
        return hashlib.sha256((self.fingerprint + self._rules.fingerprint).encode()).hexdigest()[
            :16
        ]

    def description(self) -> dict[str, Any]:
        """What a run, checkpoint or export keeps to build the front end again and to check it."""
        return {
            "name": self.name,
            "options": self.options,
            "fingerprint": self.fingerprint,
            "revision": self.revision,
        }

    def require_same(self, description: Mapping[str, Any], here: str, there: str) -> None:
        """Refuses to go on when a model was made with another front end.

        Reading the same symbols from a text by other rules (another version of the rules or the
        dictionary) is allowed, with a warning.

        Args:
            description: Of the other front end.
            here: What has this front end, for the message.
            there: What has the other.

        Raises:
            TextError: If the ids do not mean the same.
        """
        if description["fingerprint"] != self.fingerprint:
            raise TextError(
                f"{here} has front end {self.name!r} ({self.vocabulary_size} symbols, fingerprint "
                f"{self.fingerprint}), {there} has {description['name']!r} (fingerprint "
                f"{description['fingerprint']}); use the front end that the model was trained with"
            )
        if description["revision"] != self.revision:
            _LOG.warning(
                "%s and %s have the same symbols, but some texts may be read differently "
                "(front end %s, revisions %s and %s)",
                here,
                there,
                self.name,
                self.revision,
                description["revision"],
            )

    def read(self, text: str) -> str:
        """The text after the rules: one character per symbol, phonemes as private characters.

        Args:
            text: Any text.
        """
        return self._rules(_valid(text))

    def words(self, text: str) -> str:
        """The text with numbers, abbreviations and signs as words: what a text encoder reads.

        Args:
            text: Any text.
        """
        return ENGLISH(_valid(text))

    def characters_of_symbols(self, text: str) -> np.ndarray:
        """The character of `words(text)` that each symbol of a text belongs to.

        Args:
            text: Any text.

        Returns:
            int32 `(N,)`, as long as the text's ids; the closing symbol belongs to the last one.
        """
        read, words = self.read(text), self.words(text)
        kept = np.flatnonzero([character in self._ids for character in read])
        places = character_of_symbol(read, words, kept)
        closing = [] if self.eos_id is None else [max(len(words) - 1, 0)]
        return np.concatenate([places, closing]).astype(np.int32)

    def encode(self, text: str) -> np.ndarray:
        """Ids of any text, exactly as the graph gives them: nothing is refused or reported.

        Args:
            text: Any text.

        Returns:
            int32 ids `(N,)`; of a text without anything to read only the closing symbol, if any.
        """
        return self._encode(self.read(text))

    def __call__(self, text: str) -> np.ndarray:
        """Reads one text.

        Args:
            text: Any text.

        Returns:
            int32 ids `(N,)`, with the closing symbol if the front end has one.

        Raises:
            TextError: If nothing in it can be read.
        """
        read = self.read(text)
        ids = self._encode(read)
        self._check(text, read, ids)
        return ids

    def batch(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Reads several texts.

        Args:
            texts: B texts.

        Returns:
            int32 ids `(B, N)`, padded at the end, and their int32 lengths `(B,)`.

        Raises:
            TextError: If one has nothing that can be read.
        """
        rows = [self(text) for text in texts]
        lengths = np.asarray([len(row) for row in rows], np.int32)
        ids = np.full((len(rows), max(lengths, default=0)), self.pad_id, np.int32)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
        return ids, lengths

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """The symbols of ids, as text; padding and the closing symbol are left out.

        Args:
            ids: Ids `(N,)`.
        """
        silent = {self.pad_id, self.eos_id}
        return "".join(self.symbols[place] for place in ids if place not in silent)

    def graph(self) -> FrontEndGraph:
        """The same front end as TensorFlow operations: strings `(B,)` to ids `(B, N)`.

        Raises:
            TextError: If the front end needs Python.
        """
        from tf_gantts.text.graph import FrontEndGraph

        return FrontEndGraph(self._rules, self._ids, self.pad_id, self.eos_id)

    def _encode(self, read: str) -> np.ndarray:
        ids = [self._ids[character] for character in read if character in self._ids]
        closing = [] if self.eos_id is None else [self.eos_id]
        return np.asarray(ids + closing, np.int32)

    def _check(self, text: str, read: str, ids: np.ndarray) -> None:
        left_out = [
            character
            for character in read
            if character not in self._ids and character not in _SILENT
        ]
        if not self.spoken_ids.intersection(ids.tolist()):
            shown = text if len(text) <= 60 else f"{text[:60]}..."
            what = "is empty" if not text.strip() else "has nothing that can be read"
            raise TextError(f"the text {shown!r} {what}; write words or numbers")
        if left_out:
            _LOG.warning(
                "%d characters that cannot be read are left out: %s",
                len(left_out),
                " ".join(sorted(set(left_out))[:_SHOWN]),
            )


def _valid(text: str) -> str:
    """Without lone surrogates, which UTF-8 cannot hold."""
    return text.encode("utf-8", "ignore").decode("utf-8")
