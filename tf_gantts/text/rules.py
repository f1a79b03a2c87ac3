r"""Rewriting rules for text: data that Python and TensorFlow carry out alike.

A `Rules` object is a sequence of steps. Here they run on Python strings; `tf_gantts.text.graph`
compiles the same steps to TensorFlow's string operations. Both read one definition, so a text is
read the same way in training, which prepares it in Python, and in an exported model.

Regular expressions keep to what Python's re and RE2 have in common and understand alike: no
lookaround, no backreference in the pattern, no `\s` (RE2 leaves out the vertical tab), character
classes and word boundaries of ASCII only, and no pattern that matches the empty string. A pattern
outside of that is refused when the rule is made.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

SEPARATOR = "\x01"  # between the pieces that a Lookup or Marked step looks at

_NOT_COMMON = re.compile(r"(?:^|[^\\])\(\?(?![:i])|\\[1-9sSZzAGkQE]|\\[pP]|[*+?}]\+")
_GROUP_BEFORE_DIGIT = re.compile(r"\\[0-9][0-9]")


class Rewrite:
    r"""Replaces every match of a regular expression.

    Args:
        pattern: In the common subset of Python's re (ASCII) and RE2.
        replacement: May name groups as \1 to \9; no digit may follow.

    Raises:
        ValueError: If the two engines would read pattern or replacement differently.
    """

    def __init__(self, pattern: str, replacement: str) -> None:
        if _NOT_COMMON.search(pattern):
            raise ValueError(f"pattern {pattern!r} is not in the common subset of re and RE2")
        if _GROUP_BEFORE_DIGIT.search(replacement) or r"\g" in replacement or r"\0" in replacement:
            raise ValueError(f"replacement {replacement!r}: groups are \\1 to \\9, no digit after")
        self.pattern, self.replacement = pattern, replacement
        self._compiled = re.compile(pattern, re.ASCII)
        if self._compiled.match(""):
            raise ValueError(f"pattern {pattern!r} matches the empty string")

    def __call__(self, text: str) -> str:
        """The text after this step."""
        return self._compiled.sub(self.replacement, text)

    def definition(self) -> tuple[object, ...]:
        """What decides what the step does."""
        return ("rewrite", self.pattern, self.replacement)


class Lookup:
    """Cuts the text at `SEPARATOR`, replaces the pieces that a table knows, and joins them.

    Args:
        table: Piece to its replacement.
        drop_unknown: Whether other pieces vanish; otherwise they stay.
    """

    def __init__(self, table: Mapping[str, str], drop_unknown: bool = False) -> None:
        self.table, self.drop_unknown = dict(table), drop_unknown

    def __call__(self, text: str) -> str:
        """The text after this step."""
        if self.drop_unknown:
            return "".join(self.table.get(piece, "") for piece in text.split(SEPARATOR))
        return "".join(self.table.get(piece, piece) for piece in text.split(SEPARATOR))

    def definition(self) -> tuple[object, ...]:
        """What decides what the step does."""
        return ("lookup", sorted(self.table.items()), self.drop_unknown)


class MapCharacters:
    """Replaces single characters outside ASCII by strings.

    Args:
        table: Character to its replacement.
        drop_unknown: Whether characters outside ASCII that the table lacks vanish.

    Raises:
        ValueError: If the table has an ASCII character: those are a matter for `Rewrite`.
    """

    def __init__(self, table: Mapping[str, str], drop_unknown: bool = False) -> None:
        self.table, self.drop_unknown = dict(table), drop_unknown
        if not all(len(character) == 1 and character > "\x7f" for character in table):
            raise ValueError("the table of MapCharacters must hold single non-ASCII characters")

    def __call__(self, text: str) -> str:
        """The text after this step."""
        if text.isascii():
            return text
        return "".join(
            character if character < "\x80" else self.table.get(character, self._default(character))
            for character in text
        )

    def _default(self, character: str) -> str:
        return "" if self.drop_unknown else character

    def definition(self) -> tuple[object, ...]:
        """What decides what the step does."""
        return ("characters", sorted(self.table.items()), self.drop_unknown)


class Lower:
    """Lower case, of all scripts."""

    def __call__(self, text: str) -> str:
        """The text after this step."""
        return text.lower()

    def definition(self) -> tuple[object, ...]:
        """What decides what the step does."""
        return ("lower",)


class Marked:
    """Cuts the text at `SEPARATOR`; marked pieces and the others follow different rules.

    Args:
        mark: First character of a marked piece; it is removed.
        marked: Rules for the marked pieces.
        plain: Rules for the others.
    """

    def __init__(self, mark: str, marked: Rules, plain: Rules) -> None:
        self.mark, self.marked, self.plain = mark, marked, plain

    def __call__(self, text: str) -> str:
        """The text after this step."""
        return "".join(
            self.marked(piece[1:]) if piece.startswith(self.mark) else self.plain(piece)
            for piece in text.split(SEPARATOR)
        )

    def definition(self) -> tuple[object, ...]:
        """What decides what the step does."""
        return ("marked", self.mark, self.marked.definition(), self.plain.definition())


Step = Rewrite | Lookup | MapCharacters | Lower | Marked


class Rules:
    """Steps carried out one after the other.

    Args:
        *steps: Steps, sequences of steps, or other rules.
    """

    def __init__(self, *steps: Step | Sequence[Step] | Rules) -> None:
        flat: list[Step] = []
        for step in steps:
            flat.extend(step.steps if isinstance(step, Rules) else _as_sequence(step))
        self.steps: tuple[Step, ...] = tuple(flat)

    def __call__(self, text: str) -> str:
        """The text after all steps."""
        for step in self.steps:
            text = step(text)
        return text

    def definition(self) -> tuple[object, ...]:
        """All that decides what the rules do, as nested tuples."""
        return tuple(step.definition() for step in self.steps)

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change with any change of a step."""
        return hashlib.sha256(repr(self.definition()).encode()).hexdigest()[:16]


def _as_sequence(step: Step | Sequence[Step]) -> Sequence[Step]:
    return step if isinstance(step, Sequence) else (step,)
