"""The rules of `tf_gantts.text.rules` and the symbol tables as TensorFlow operations.

Only core operations and hash tables with their contents in the graph: a SavedModel with them loads
in a process that has TensorFlow alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from tf_gantts.text import sentences
from tf_gantts.text.rules import SEPARATOR, Lookup, Lower, MapCharacters, Marked, Rewrite, Rules

_ABSENT = "\x00"  # no text after cleaning and no replacement is this


class RulesGraph(tf.Module):
    """Rules on a batch of strings.

    Args:
        rules: What is done.
    """

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self._steps = [_compile(step) for step in rules.steps]

    def __call__(self, text: tf.Tensor) -> tf.Tensor:
        """Carries out the rules.

        Args:
            text: UTF-8 strings `(B,)`.

        Returns:
            Strings `(B,)`, byte for byte what the Python rules return.
        """
        for step in self._steps:
            text = step(text)
        return text


class SymbolsGraph(tf.Module):
    """Symbol ids of a batch of strings.

    Args:
        ids: Character to id; other characters are left out.
        eos_id: Id that closes every sequence, or None.

    Attributes:
        eos_id: Id that closes every sequence, or None.
    """

    def __init__(self, ids: Mapping[str, int], eos_id: int | None) -> None:
        super().__init__()
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(list(ids)), tf.constant(list(ids.values()), tf.int32)
            ),
            default_value=-1,
        )
        self.eos_id = eos_id

    def lookup(self, text: tf.Tensor) -> tf.RaggedTensor:
        """Looks every character up.

        Args:
            text: Strings `(B,)`.

        Returns:
            int32 ids, `(B, None)`, -1 for characters without a symbol.
        """
        characters = tf.strings.unicode_split(text, "UTF-8")
        return characters.with_flat_values(self._table.lookup(characters.flat_values))

    def __call__(self, text: tf.Tensor) -> tf.RaggedTensor:
        """Ids of the characters that are symbols, and the closing one.

        Args:
            text: Strings `(B,)`.

        Returns:
            int32 ids, `(B, None)`.
        """
        ids = self.lookup(text)
        ids = tf.ragged.boolean_mask(ids, ids >= 0)
        if self.eos_id is None:
            return ids
        eos = tf.fill([tf.shape(text)[0], 1], tf.constant(self.eos_id, tf.int32))
        return tf.concat([ids, tf.RaggedTensor.from_tensor(eos)], axis=1)


class FrontEndGraph(tf.Module):
    """A front end in the graph: strings in, ids out.

    Args:
        rules: From text to a string with one character per symbol.
        ids: Character to id.
        pad_id: Id that fills the shorter rows.
        eos_id: Id that closes every sequence, or None.

    Attributes:
        symbols: Ids of what `apply_rules` returns.
    """

    def __init__(
        self, rules: Rules, ids: Mapping[str, int], pad_id: int, eos_id: int | None
    ) -> None:
        super().__init__()
        self._rules = RulesGraph(rules)
        self.symbols = SymbolsGraph(ids, eos_id)
        self._pad_id = pad_id

    def apply_rules(self, text: tf.Tensor) -> tf.Tensor:
        """The texts after the rules, as `FrontEnd.read` returns them.

        Args:
            text: UTF-8 strings `(B,)`; bytes that are not UTF-8 are left out.
        """
        return self._rules(valid(text))

    def ragged(self, text: tf.Tensor) -> tf.RaggedTensor:
        """Ids without padding.

        Args:
            text: UTF-8 strings `(B,)`; bytes that are not UTF-8 are left out.

        Returns:
            int32 ids, `(B, None)`. A text without anything to read gives no id but the closing one.
        """
        return self.symbols(self.apply_rules(text))

    def __call__(self, text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Padded ids.

        Args:
            text: UTF-8 strings `(B,)`.

        Returns:
            int32 ids `(B, N)`, padded at the end, and their int32 lengths `(B,)`.
        """
        ids = self.ragged(text)
        return ids.to_tensor(self._pad_id), tf.cast(ids.row_lengths(), tf.int32)


class SentencesGraph(tf.Module):
    """`tf_gantts.text.sentences.split_sentences` in the graph."""

    def __init__(self) -> None:
        super().__init__()
        self._split = RulesGraph(sentences.SPLITTING)
        self._last = RulesGraph(sentences.LAST_PUNCTUATION)
        self._pauses = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(list(sentences.PAUSES)),
                tf.constant(list(sentences.PAUSES.values()), tf.float32),
            ),
            default_value=sentences.OTHER_PAUSE,
        )

    def __call__(self, text: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Cuts texts into sentences.

        Args:
            text: UTF-8 strings `(B,)`.

        Returns:
            The pieces `(B, None)` and the silence after each in seconds, float32 `(B, None)`.
        """
        pieces = tf.strings.split(self._split(valid(text)), sentences.END)
        pieces = tf.ragged.boolean_mask(pieces, tf.strings.length(pieces) > 0)
        pauses = self._pauses.lookup(self._last(pieces.flat_values))
        plain = tf.strings.regex_replace(pieces.flat_values, f"{sentences.PARAGRAPH}+$", "")
        return pieces.with_flat_values(plain), pieces.with_flat_values(pauses)


def valid(text: tf.Tensor) -> tf.Tensor:
    """Strings `(B,)` without the bytes that are not UTF-8."""
    return tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="ignore")


class _Rewrite(tf.Module):
    def __init__(self, step: Rewrite) -> None:
        super().__init__()
        self._pattern, self._replacement = step.pattern, step.replacement

    def __call__(self, text: tf.Tensor) -> tf.Tensor:
        return tf.strings.regex_replace(text, self._pattern, self._replacement)


class _Table(tf.Module):
    """A table from string to string that keeps or drops what it does not know."""

    def __init__(self, table: Mapping[str, str], drop_unknown: bool) -> None:
        super().__init__()
        self._drop_unknown = drop_unknown
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(list(table)), tf.constant(list(table.values()))
            ),
            default_value=_ABSENT,
        )

    def lookup(self, keys: tf.Tensor, otherwise: tf.Tensor) -> tf.Tensor:
        found = self._table.lookup(keys)
        return tf.where(found == _ABSENT, otherwise, found)


class _Lookup(_Table):
    def __init__(self, step: Lookup) -> None:
        super().__init__(step.table, step.drop_unknown)

    def __call__(self, text: tf.Tensor) -> tf.Tensor:
        pieces = tf.strings.split(text, SEPARATOR)
        flat = pieces.flat_values
        found = self.lookup(flat, tf.zeros_like(flat) if self._drop_unknown else flat)
        return _join(pieces.with_flat_values(found))


class _MapCharacters(_Table):
    def __init__(self, step: MapCharacters) -> None:
        super().__init__(step.table, step.drop_unknown)

    def __call__(self, text: tf.Tensor) -> tf.Tensor:
        return tf.cond(
            tf.reduce_any(tf.strings.regex_full_match(text, r"(?s).*[^\x00-\x7f].*")),
            lambda: self._replace(text),
            lambda: text,
        )

    def _replace(self, text: tf.Tensor) -> tf.Tensor:
        characters = tf.strings.unicode_split(text, "UTF-8")
        flat = characters.flat_values
        otherwise = flat
        if self._drop_unknown:
            is_ascii = tf.strings.length(flat) == 1
            otherwise = tf.where(is_ascii, flat, tf.zeros_like(flat))
        return _join(characters.with_flat_values(self.lookup(flat, otherwise)))


class _Lower(tf.Module):
    def __init__(self, step: Lower) -> None:
        super().__init__()
        del step

    def __call__(self, text: tf.Tensor) -> tf.Tensor:
        return tf.strings.lower(text, encoding="utf-8")


class _Marked(tf.Module):
    def __init__(self, step: Marked) -> None:
        super().__init__()
        self._mark = step.mark
        self._marked, self._plain = RulesGraph(step.marked), RulesGraph(step.plain)

    def __call__(self, text: tf.Tensor) -> tf.Tensor:
        pieces = tf.strings.split(text, SEPARATOR)
        flat = pieces.flat_values
        is_marked = tf.strings.regex_full_match(flat, f"(?s){self._mark}.*")
        places = tf.range(tf.size(flat))
        marked = self._marked(tf.strings.regex_replace(flat[is_marked], f"^{self._mark}", ""))
        plain = self._plain(flat[~is_marked])
        flat = tf.dynamic_stitch([places[is_marked], places[~is_marked]], [marked, plain])
        return _join(pieces.with_flat_values(flat))


def _compile(step: object) -> tf.Module:
    return _COMPILED[type(step)](step)


def _join(pieces: tf.RaggedTensor) -> tf.Tensor:
    return tf.strings.unsorted_segment_join(
        pieces.flat_values, pieces.value_rowids(), tf.cast(pieces.nrows(), tf.int32)
    )


_COMPILED: Mapping[type, type] = {
    Rewrite: _Rewrite,
    Lookup: _Lookup,
    MapCharacters: _MapCharacters,
    Lower: _Lower,
    Marked: _Marked,
}

__all__ = ["FrontEndGraph", "RulesGraph", "SentencesGraph", "SymbolsGraph", "valid"]
