"""Which token of a text encoder each symbol of a front end belongs to.

The encoder reads the text in words (`FrontEnd.words`), the front end gives symbols of the same
words, perhaps phonemes. Symbols and words meet at their spaces: the n-th word of the one is the
n-th of the other, and inside a word a symbol belongs to the character at the same relative place.
`tf_gantts.text.token_map_graph` is the twin in TensorFlow.
"""

from __future__ import annotations

import numpy as np

SPACE = ord(" ")  # ends a word


def character_of_symbol(read: str, words: str, kept: np.ndarray) -> np.ndarray:
    """The character in the words that each symbol belongs to.

    Args:
        read: What the front end's rules made of the text, one character per symbol.
        words: The text in words.
        kept: Places in `read` of the characters that are symbols (N,).

    Returns:
        Places in `words`, int32 (N,); zeros if there are no words.
    """
    symbols, letters = (np.frombuffer(t.encode("utf-32-le"), np.uint32) for t in (read, words))
    if not len(symbols) or not len(letters):
        return np.zeros(len(kept), np.int32)
    word, place, length = _words(symbols == SPACE)
    other_word, _, other_length = _words(letters == SPACE)
    count, other_count = int(word[-1]) + 1, int(other_word[-1]) + 1
    # The same number wherever both have as many words.
    partner = (2 * word[kept] + 1) * other_count // (2 * count)
    starts = np.searchsorted(other_word, np.arange(other_count))
    lengths = other_length[starts]
    inside = (2 * place[kept] + 1) * lengths[partner] // (2 * length[kept])
    return (starts[partner] + inside).astype(np.int32)


def _words(is_space: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number of each character's word, its place in it, and the word's length.

    A space belongs to the word before it.
    """
    begins = np.concatenate([[True], is_space[:-1]])
    word = np.cumsum(begins) - 1
    starts = np.flatnonzero(begins)
    length = np.diff(np.append(starts, len(is_space)))
    return word, np.arange(len(is_space)) - starts[word], length[word]
