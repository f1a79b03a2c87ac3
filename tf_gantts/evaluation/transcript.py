"""What a recogniser heard beside what was said, word by word."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Literal

import numpy as np

from tf_gantts.errors import EvaluationError
from tf_gantts.evaluation.intelligibility import normalise_text

Edit = Literal["right", "wrong", "extra", "left out"]


def align_words(said: Sequence[str], heard: Sequence[str]) -> list[tuple[Edit, str, str]]:
    """The fewest edits that turn one text into the other.

    Args:
        said: Words of the reference.
        heard: Words of the recogniser.

    Returns:
        In order, kind of edit, said word and heard word; `extra` has no said word, `left out` no
        heard one. The number of those that are not `right` is the word error count.
    """
    costs = np.zeros((len(said) + 1, len(heard) + 1), int)
    costs[:, 0], costs[0] = np.arange(len(said) + 1), np.arange(len(heard) + 1)
    for i, word in enumerate(said, 1):
        for j, other in enumerate(heard, 1):
            substituted = costs[i - 1, j - 1] + (word != other)
            costs[i, j] = min(substituted, costs[i - 1, j] + 1, costs[i, j - 1] + 1)
    edits: list[tuple[Edit, str, str]] = []
    i, j = len(said), len(heard)
    while i or j:
        if i and j and costs[i, j] == costs[i - 1, j - 1] + (said[i - 1] != heard[j - 1]):
            i, j = i - 1, j - 1
            edits.append(("right" if said[i] == heard[j] else "wrong", said[i], heard[j]))
        elif i and costs[i, j] == costs[i - 1, j] + 1:
            i -= 1
            edits.append(("left out", said[i], ""))
        else:
            j -= 1
            edits.append(("extra", "", heard[j]))
    return edits[::-1]


def marked_transcript(said: str, heard: str) -> str:
    """HTML of what was heard: wrong and extra words are `mark`ed, words left out struck through."""
    parts = []
    for kind, word, other in align_words(_words(said), _words(heard)):
        if kind == "right":
            parts.append(escape(other))
        elif kind == "left out":
            parts.append(f"<del>{escape(word)}</del>")
        else:
            title = f"said: {word}" if word else "nothing was said"
            parts.append(f'<mark title="{escape(title)}">{escape(other)}</mark>')
    return " ".join(parts)


def _words(text: str) -> list[str]:
    try:
        return normalise_text(text).split()
    except EvaluationError:  # digits and no num2words: they are compared as they stand
        return text.lower().split()
