"""English as it is spoken: the order in which the reading rules follow each other."""

from __future__ import annotations

from collections.abc import Sequence

from tf_gantts.text.abbreviations import ABBREVIATIONS, DOTTED_LETTERS, abbreviation_words
from tf_gantts.text.cleaning import CLEANING
from tf_gantts.text.dates import ADDRESSES, DATES, TIMES, YEARS, month_words
from tf_gantts.text.numbers import (
    FINISH_WORDS,
    MARK_CARDINALS,
    cut_groups,
    group_words,
    join_thousands,
    pair_words,
)
from tf_gantts.text.quantities import (
    DECIMALS,
    FRACTIONS,
    MONEY,
    ORDINALS,
    RANGES,
    SIGNS,
    TELEPHONE,
    UNITS,
    unit_words,
)
from tf_gantts.text.roman import ROMAN_NUMERALS, numeral_words
from tf_gantts.text.rules import Lookup, Rewrite, Rules, Step

_WORDS = Lookup(
    group_words()
    | pair_words()
    | month_words()
    | unit_words()
    | numeral_words()
    | abbreviation_words()
)

_TIDY: list[Step] = [
    Rewrite("  +", " "),
    Rewrite(r" ([,.;:?!])", r"\1"),
    Rewrite("^ ", ""),
    Rewrite(" $", ""),
]


def _read(before: Sequence[Step] = (), after: Sequence[Step] = ()) -> Rules:
    return Rules(
        CLEANING,
        before,
        join_thousands(),
        DATES,
        TIMES,
        TELEPHONE,
        ADDRESSES,
        ROMAN_NUMERALS,
        MONEY,
        FRACTIONS,
        RANGES,
        UNITS,
        SIGNS,
        DECIMALS,
        ORDINALS,
        YEARS,
        # A digit and a letter side by side are two words.
        Rewrite("([0-9])([A-Za-z])", r"\1 \2"),
        Rewrite("([A-Za-z])([0-9])", r"\1 \2"),
        MARK_CARDINALS,
        cut_groups(),
        _WORDS,
        FINISH_WORDS,
        after,
        _TIDY,
    )


# Numbers, money, signs and numerals in words, abbreviations as they are: what LJSpeech's normalised
# transcripts are.
LJSPEECH = _read()

# The same with abbreviations in full: what the front ends speak.
ENGLISH = _read(ABBREVIATIONS, DOTTED_LETTERS)
