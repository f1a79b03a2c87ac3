"""BERT's tokeniser as TensorFlow operations.

Only core operations and hash tables with their contents in the graph: a SavedModel with them loads
in a process that has TensorFlow alone.
"""

from __future__ import annotations

import sys

import numpy as np
import tensorflow as tf

from tf_gantts.text.wordpiece import (
    ALONE,
    CONTINUATION,
    LONGEST_WORD,
    REMOVED,
    SPACE,
    WORD,
    WordPiece,
)

_UNUSED = (0x40000, 0xE0000)  # planes without any character
_ITSELF = "\x00"  # no normal form is this


class WordPieceGraph(tf.Module):
    """A tokeniser on a batch of strings.

    Args:
        tokenizer: What is done.
    """

    def __init__(self, tokenizer: WordPiece) -> None:
        super().__init__()
        self._cls_id, self._sep_id = tokenizer.cls_id, tokenizer.sep_id
        self._unk_id = tokenizer.unk_id
        self._kept = tokenizer.max_tokens - 2
        self._longest = max(map(len, tokenizer.vocabulary))
        kinds, forms = _tables(tokenizer)
        changes = np.flatnonzero(np.diff(kinds, prepend=-1))
        self._kind_starts = tf.constant(changes, tf.int32)
        self._kinds = tf.constant(kinds[changes], tf.int32)
        self._forms = _table(list(forms), list(forms.values()), _ITSELF)
        pieces = tokenizer.vocabulary
        self._pieces = _table(list(pieces), np.array(list(pieces.values()), np.int32), -1)

    def __call__(self, text: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Reads the texts.

        Args:
            text: UTF-8 strings `(B,)`.

        Returns:
            int32 token ids `(B, None)` and, for every character of the texts, its token, int32
            `(B, None)`: both as `WordPiece.encode` gives them.
        """
        codes = tf.strings.unicode_decode(text, "UTF-8")
        letters, places = self._letters(codes.flat_values)
        kinds = self._kind_of(letters)
        rows = tf.gather(codes.value_rowids(), places)
        continues = (kinds[1:] == WORD) & (kinds[:-1] == WORD) & (rows[1:] == rows[:-1])
        begins = (kinds != SPACE) & ~tf.concat([[False], continues], 0)[: tf.size(kinds)]
        word_of = tf.cumsum(tf.cast(begins, tf.int64)) - 1
        in_word = kinds != SPACE
        letters, places, rows = (tf.boolean_mask(x, in_word) for x in (letters, places, rows))
        words = tf.RaggedTensor.from_value_rowids(
            letters, tf.boolean_mask(word_of, in_word), tf.reduce_sum(tf.cast(begins, tf.int64))
        )
        pieces, starts = self._split(words)
        first_letter = starts.with_flat_values(
            starts.flat_values + tf.gather(words.row_starts(), starts.value_rowids())
        ).flat_values
        ids = tf.RaggedTensor.from_value_rowids(
            pieces.flat_values, tf.gather(rows, first_letter), codes.nrows()
        )
        counts = tf.math.unsorted_segment_sum(
            tf.ones_like(first_letter, tf.int32),
            tf.gather(places, first_letter),
            tf.size(codes.flat_values),
        )
        return self._enclosed(ids), codes.with_flat_values(
            tf.minimum(_cumulated(codes.with_flat_values(counts)), self._kept)
        )

    def _kind_of(self, codes: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._kinds, tf.searchsorted(self._kind_starts, codes, "right") - 1)

    def _letters(self, codes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Code points of the normal forms `(M,)`, and the character that each comes from."""
        characters = tf.strings.unicode_encode(codes[:, tf.newaxis], "UTF-8")
        forms = self._forms.lookup(characters)
        forms = tf.where(forms == _ITSELF, characters, forms)
        kinds = self._kind_of(codes)
        forms = tf.where(kinds == REMOVED, "", tf.where(kinds == SPACE, " ", forms))
        letters = tf.strings.unicode_decode(forms, "UTF-8")
        return letters.flat_values, letters.value_rowids()

    def _split(self, words: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Ids of the pieces of every word `(W, None)`, and the letter at which each begins."""
        lengths = tf.cast(words.row_lengths(), tf.int32)
        texts = tf.strings.unicode_encode(tf.cast(words, tf.int32), "UTF-8")
        unknown = lengths > LONGEST_WORD
        start = tf.zeros_like(lengths)
        none = tf.zeros([tf.size(lengths), 0], tf.int32)

        def goes_on(start: tf.Tensor, unknown: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
            return tf.reduce_any(~unknown & (start < lengths))

        def step(start: tf.Tensor, unknown: tf.Tensor, ids: tf.Tensor, starts: tf.Tensor) -> tuple:
            active = ~unknown & (start < lengths)
            piece, size = self._longest_piece(texts, lengths, start)
            piece = tf.where(active, piece, -1)
            ids = tf.concat([ids, piece[:, tf.newaxis]], 1)
            starts = tf.concat([starts, start[:, tf.newaxis]], 1)
            unknown |= active & (piece < 0)
            return tf.where(piece < 0, start, start + size), unknown, ids, starts

        state = (start, unknown, none, none)
        open_ended = tf.TensorShape([None, None])
        shapes = (start.shape, unknown.shape, open_ended, open_ended)
        _, unknown, ids, starts = tf.while_loop(goes_on, step, state, shapes)
        whole = tf.where(unknown, self._unk_id, -1)[:, tf.newaxis]
        ids = tf.concat([whole, tf.where(unknown[:, tf.newaxis], -1, ids)], 1)
        starts = tf.concat([tf.zeros_like(whole), starts], 1)
        is_piece = ids >= 0
        starts = tf.cast(starts, tf.int64)
        return tf.ragged.boolean_mask(ids, is_piece), tf.ragged.boolean_mask(starts, is_piece)

    def _longest_piece(
        self, words: tf.Tensor, lengths: tf.Tensor, start: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Id, or -1, and length of the longest piece at a place in every word, all `(W,)`."""
        start = tf.minimum(start, lengths - 1)
        longest = tf.minimum(self._longest, tf.reduce_max(lengths - start))
        sizes = tf.minimum(tf.range(longest, 0, -1), (lengths - start)[:, tf.newaxis])
        places = tf.broadcast_to(start[:, tf.newaxis], tf.shape(sizes))
        words = tf.broadcast_to(words[:, tf.newaxis], tf.shape(sizes))
        candidates = tf.strings.substr(words, places, sizes, unit="UTF8_CHAR")
        candidates = tf.where(places > 0, CONTINUATION + candidates, candidates)
        ids = self._pieces.lookup(candidates)
        best = tf.argmax(tf.cast(ids >= 0, tf.int32), axis=1)  # the first: the longest
        return tf.gather(ids, best, batch_dims=1), tf.gather(sizes, best, batch_dims=1)

    def _enclosed(self, ids: tf.RaggedTensor) -> tf.RaggedTensor:
        """The ids that are kept, between [CLS] and [SEP]."""
        first = tf.fill([ids.nrows(), 1], self._cls_id)
        last = tf.fill([ids.nrows(), 1], self._sep_id)
        return tf.concat([first, ids[:, : self._kept], last], 1)


def _tables(tokenizer: WordPiece) -> tuple[np.ndarray, dict[str, str]]:
    """Kind of every code point, and the normal forms of those that are not their own."""
    kinds = np.full(sys.maxunicode + 1, WORD, np.int32)
    forms = {" ": " "}  # a cased vocabulary may need no other, and a table is never empty
    for code in (*range(_UNUSED[0]), *range(_UNUSED[1], sys.maxunicode + 1)):
        character = chr(code)
        kinds[code] = kind = tokenizer.kind(character)
        if kind in (WORD, ALONE):
            form = tokenizer.normal_form(character)
            if form != character:
                forms[character] = form
    return kinds, forms


def _table(
    keys: list[str], values: list[str] | np.ndarray, default: str | int
) -> tf.lookup.StaticHashTable:
    initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(keys), tf.constant(values))
    return tf.lookup.StaticHashTable(initializer, default)


def _cumulated(counts: tf.RaggedTensor) -> tf.Tensor:
    """Running sums along every row `(rows, None)`, as flat values."""
    sums = tf.concat([[0], tf.cumsum(counts.flat_values)], 0)
    before = tf.gather(sums, tf.gather(counts.row_starts(), counts.value_rowids()))
    return sums[1:] - before
