"""Which character, and so which token, each symbol of a front end belongs to."""

from __future__ import annotations

import numpy as np
import pytest

from tf_gantts import text
from tf_gantts.text.token_map import character_of_symbol


def test_symbols_that_are_the_words_letters_belong_to_themselves() -> None:
    words = "It is five o'clock, Sir."
    places = character_of_symbol(words.lower(), words, np.arange(len(words)))
    np.testing.assert_array_equal(places, np.arange(len(words)))


def test_phonemes_belong_to_the_same_place_of_their_own_word() -> None:
    read, words = "ABC DE", "thirteen no"
    places = character_of_symbol(read, words, np.arange(len(read)))
    # Middles of 4 pieces of "thirteen " and of 2 of "no".
    np.testing.assert_array_equal(places, [1, 3, 5, 7, 9, 10])


def test_symbols_that_were_left_out_have_no_place() -> None:
    words = "a, b; c"
    kept = np.asarray([0, 2, 3, 6])
    np.testing.assert_array_equal(character_of_symbol(words, words, kept), kept)


def test_other_numbers_of_words_are_met_in_proportion() -> None:
    places = character_of_symbol("A B C D", "one two", np.arange(7))
    assert max(places[:4]) < 4  # the first half of the words
    assert min(places[4:]) >= 4


@pytest.mark.parametrize("name", ["characters", "nvidia", "cmudict"])
def test_front_ends_say_the_character_of_every_symbol(name: str) -> None:
    if name == "nvidia":
        pytest.importorskip("unidecode", reason="Unidecode is an optional package")
    front_end = text.build(name)
    line = "Dr. Smith paid $3.50 on May 5th; it's “raining”!"
    words, places = front_end.words(line), front_end.characters_of_symbols(line)
    assert words.startswith("Doctor Smith paid three dollars")
    assert len(places) == len(front_end(line))
    assert (np.diff(places) >= 0).all() and places[0] == 0 and places[-1] >= len(words) - 2


@pytest.mark.parametrize("line", ["", " ", "...", "\U0001f600"])
def test_texts_without_words_do_no_harm(line: str) -> None:
    front_end = text.build("characters")
    assert len(front_end.characters_of_symbols(line)) == len(front_end.encode(line))


ODD = [
    "",
    " ",
    "...",
    "?! -- ;",
    "😀",
    "😀 a 😀",
    "\t a\tb \n c",
    "two  spaces,   three",
    " leading and trailing ",
    "In 1,234,567 it's 12:30; $1.2 and 5/8",
    "1" * 40,
    "Café 你好 Привет, “ﬁne”",
    "{HH AH0 L OW1}, {HH AH0} Dr. {x}",
    "\ufeffmark \u200b \x00 \ue000",
    "ABC DEF 1st",
    "very long, " * 500,
]


@pytest.mark.parametrize("name", ["characters", "nvidia", "cmudict"])
def test_the_graph_has_the_words_and_characters_of_python(name: str) -> None:
    if name == "nvidia":
        pytest.importorskip("unidecode", reason="Unidecode is an optional package")
    import tensorflow as tf

    from tf_gantts.text.token_map_graph import TokenMapGraph

    front_end = text.build(name)
    graph = front_end.graph()
    token_map = TokenMapGraph(graph)
    lines = tf.constant(ODD)
    words, places = token_map.words(lines), token_map.characters_of_symbols(lines)
    assert places.dtype == tf.int32
    np.testing.assert_array_equal(places.row_lengths(), graph.ragged(lines).row_lengths())
    for line, ours, row in zip(ODD, words.numpy(), places.to_list(), strict=True):
        assert ours.decode() == front_end.words(line)
        assert row == front_end.characters_of_symbols(line).tolist(), line
    assert token_map.characters_of_symbols(lines[:0]).shape[0] == 0


def test_the_graph_meets_any_texts_as_python_does() -> None:
    """Pairs that no front end makes: other numbers of words, no words, single spaces."""
    import tensorflow as tf

    from tf_gantts.text import token_map_graph

    random = np.random.default_rng(0)
    sizes = random.integers(0, 9, (200, 2))
    pairs = [["".join(random.choice(list("ab\ue001é "), n)) for n in row] for row in sizes]
    kept = [random.random(len(read)) < 0.7 for read, _ in pairs]
    found = token_map_graph.character_of_symbol(
        tf.constant([read for read, _ in pairs]),
        tf.constant([words for _, words in pairs]),
        tf.RaggedTensor.from_row_lengths(np.concatenate(kept), [len(row) for row in kept]),
    )
    for (read, words), row, ours in zip(pairs, kept, found.to_list(), strict=True):
        assert ours == character_of_symbol(read, words, np.flatnonzero(row)).tolist()
