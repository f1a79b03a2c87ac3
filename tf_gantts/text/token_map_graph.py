"""Which character of the words each symbol of a front end belongs to, as TensorFlow operations.

The twin of `tf_gantts.text.token_map`, of `FrontEnd.words` and `FrontEnd.characters_of_symbols`.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tf_gantts.text.english import ENGLISH
from tf_gantts.text.graph import FrontEndGraph, RulesGraph, valid
from tf_gantts.text.token_map import SPACE


class TokenMapGraph(tf.Module):
    """A front end's texts in words, and the character that each symbol belongs to.

    Args:
        front_end: Gives the symbols.
    """

    def __init__(self, front_end: FrontEndGraph) -> None:
        super().__init__()
        self._front_end = front_end
        self._english = RulesGraph(ENGLISH)

    def words(self, text: tf.Tensor) -> tf.Tensor:
        """What a text encoder reads, as `FrontEnd.words` returns it.

        Args:
            text: UTF-8 strings `(B,)`; bytes that are not UTF-8 are left out.

        Returns:
            Strings `(B,)`.
        """
        return self._english(valid(text))

    def characters_of_symbols(self, text: tf.Tensor) -> tf.RaggedTensor:
        """The character of `words(text)` that each symbol belongs to.

        Args:
            text: UTF-8 strings `(B,)`.

        Returns:
            int32 `(B, None)`, as long as `FrontEndGraph.ragged`; equal to
            `FrontEnd.characters_of_symbols`.
        """
        read, words = self._front_end.apply_rules(text), self.words(text)
        symbols = self._front_end.symbols
        places = character_of_symbol(read, words, symbols.lookup(read) >= 0)
        if symbols.eos_id is None:
            return places
        last = tf.maximum(tf.strings.length(words, unit="UTF8_CHAR") - 1, 0)
        return tf.concat([places, tf.RaggedTensor.from_tensor(last[:, tf.newaxis])], axis=1)


def character_of_symbol(
    read: tf.Tensor, words: tf.Tensor, kept: tf.RaggedTensor
) -> tf.RaggedTensor:
    """The character in the words that each symbol belongs to.

    Args:
        read: What the front end's rules made of the texts `(B,)`, one character per symbol.
        words: The texts in words `(B,)`.
        kept: Whether a character of `read` is a symbol, bool `(B, None)`.

    Returns:
        Places in `words`, int32 `(B, None)`, as `token_map.character_of_symbol` gives them.
    """
    place = tf.where(kept.flat_values)[:, 0]
    row = tf.gather(kept.value_rowids(), place)
    ours, theirs = _words(read), _words(words)
    word = tf.gather(ours.of_character, place)
    number = word - tf.gather(ours.first, row)
    count, other_count = tf.gather(ours.count, row), tf.gather(theirs.count, row)
    partner = tf.gather(theirs.first, row) + (2 * number + 1) * other_count // (2 * count)
    inside = place - tf.gather(ours.start, word)
    length, other_length = tf.gather(ours.length, word), tf.gather(theirs.length, partner)
    found = tf.gather(theirs.start, partner) + (2 * inside + 1) * other_length // (2 * length)
    found = tf.where(other_count > 0, found - tf.gather(theirs.text_start, row), 0)
    return tf.RaggedTensor.from_value_rowids(tf.cast(found, tf.int32), row, kept.nrows())


class _Words(NamedTuple):
    """Words of B texts, numbered over all of them, as are the characters; all int64.

    Attributes:
        of_character: The word of every character (M,).
        start: Every word's first character (W + 1,); the number of all characters after the last.
        length: Every word's characters (W + 1,), with the space that ends it; 0 after the last.
        first: Every text's first word (B,); of a text without words the next text's.
        count: Every text's words (B,).
        text_start: Every text's first character (B,).
    """

    of_character: tf.Tensor
    start: tf.Tensor
    length: tf.Tensor
    first: tf.Tensor
    count: tf.Tensor
    text_start: tf.Tensor


def _words(text: tf.Tensor) -> _Words:
    """The words of texts `(B,)`. A space belongs to the word before it."""
    codes = tf.strings.unicode_decode(text, "UTF-8")
    row = codes.value_rowids()
    before = tf.concat([[SPACE], codes.flat_values], 0)[:-1]
    row_before = tf.concat([[-1], row], 0)[:-1]
    begins = (before == SPACE) | (row != row_before)
    start = tf.concat([tf.where(begins)[:, 0], [tf.size(row, tf.int64)]], 0)
    begins = tf.cast(begins, tf.int64)
    count = tf.math.unsorted_segment_sum(begins, row, codes.nrows())
    return _Words(
        of_character=tf.cumsum(begins) - 1,
        start=start,
        length=tf.concat([start[1:] - start[:-1], [0]], 0),
        first=tf.cumsum(count, exclusive=True),
        count=count,
        text_start=codes.row_starts(),
    )
