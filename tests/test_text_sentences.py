"""Long text: sentences and pauses."""

from tf_gantts.text.sentences import OTHER_PAUSE, PAUSES, Sentence, split_sentences


def texts(text):
    return [sentence.text for sentence in split_sentences(text)]


def test_sentences_end_where_they_end():
    text = (
        "Mr. J. D. Smith met Dr. Jones at 3 p.m. on 3.5 ha. "
        '"Hello!" she said. (What?) Well... no. Ü'
    )
    assert texts(text) == [
        "Mr. J. D. Smith met Dr. Jones at 3 p.m. on 3.5 ha.",
        '"Hello!" she said.',
        "(What?)",
        "Well... no.",
        "Ü",
    ]


def test_pauses_follow_the_last_punctuation():
    sentences = split_sentences('One. "Two!" Three…\n\n Four\n\nFive')
    assert sentences == [
        Sentence("One.", PAUSES["."]),
        Sentence('"Two!"', PAUSES["!"]),
        Sentence("Three…", 0.8),
        Sentence("Four", 0.8),
        Sentence("Five", OTHER_PAUSE),
    ]


def test_nothing_gives_nothing():
    assert split_sentences("") == split_sentences(" \n\n \t") == []


def test_long_sentences_are_cut_at_clauses_then_at_spaces():
    clauses = ", ".join(["some words that make a clause"] * 30)
    pieces = split_sentences(clauses)
    assert all(len(piece.text) <= 300 for piece in pieces)
    assert {piece.pause for piece in pieces[:-1]} == {PAUSES[","]}
    assert " ".join(piece.text for piece in pieces) == clauses
    words = "word " * 2_000
    assert max(map(len, texts(words))) <= 300
    assert " ".join(texts(words)) == words.strip()
    assert max(map(len, texts("a" * 10_000))) <= 300


def test_a_transcript_is_one_sentence():
    assert len(texts("a clause of forty characters, more or less, " * 4)) == 1
