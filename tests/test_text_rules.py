"""Rewriting rules: what they do, and what they refuse."""

import pytest

from tf_gantts.text.rules import Lookup, Lower, MapCharacters, Marked, Rewrite, Rules


@pytest.mark.parametrize(
    "pattern",
    [
        r"a(?=b)",
        r"a(?!b)",
        r"(?<=a)b",
        r"(a)\1",
        r"a\s",
        r"a\Z",
        r"a++",
        r"(?P<name>a)",
        r"(?s)a",
    ],
)
def test_patterns_that_the_two_engines_read_differently_are_refused(pattern):
    with pytest.raises(ValueError, match="common subset"):
        Rewrite(pattern, "")


def test_a_group_before_a_digit_is_refused():
    # Python reads \10 as the tenth group, RE2 as the first and a zero.
    with pytest.raises(ValueError, match="no digit after"):
        Rewrite("(a)", r"\10")


def test_a_pattern_that_matches_nothing_is_refused():
    with pytest.raises(ValueError, match="empty string"):
        Rewrite("a*", "b")


def test_classes_and_boundaries_are_ascii():
    assert Rewrite(r"\b[a-z]+\b", "x")("naïve") == "xïx"
    assert Rewrite(r"\d", "x")("1٣") == "x٣"


def test_lookup_keeps_or_drops_what_it_does_not_know():
    text = "a\x01b\x01c"
    assert Lookup({"b": "B"})(text) == "aBc"
    assert Lookup({"b": "B"}, drop_unknown=True)(text) == "B"


def test_characters_are_mapped_outside_ascii_only():
    assert MapCharacters({"é": "e"})("été ☃") == "ete ☃"
    assert MapCharacters({"é": "e"}, drop_unknown=True)("été ☃") == "ete "
    with pytest.raises(ValueError, match="non-ASCII"):
        MapCharacters({"e": "E"})


def test_marked_pieces_follow_their_own_rules():
    rules = Rules(
        Rewrite("<([a-z]+)>", "\x01!\\1\x01"),
        Marked("!", Rules(Rewrite("a", "1")), Rules(Rewrite("a", "2"))),
    )
    assert rules("a<aa>a") == "2112"


def test_every_change_of_a_step_changes_the_fingerprint():
    rules = [
        Rules(Rewrite("a", "b")),
        Rules(Rewrite("a", "c")),
        Rules(Rewrite("b", "b")),
        Rules(Rewrite("a", "b"), Lower()),
        Rules(Lower(), Rewrite("a", "b")),
        Rules(Lookup({"a": "b"})),
        Rules(Lookup({"a": "b"}, drop_unknown=True)),
        Rules(MapCharacters({"é": "e"})),
        Rules(Marked("!", Rules(Lower()), Rules())),
        Rules(Marked("!", Rules(), Rules(Lower()))),
    ]
    assert len({rule.fingerprint for rule in rules}) == len(rules)
    assert Rules(Rewrite("a", "b")).fingerprint == rules[0].fingerprint
