"""Control characters with which the reading rules mark what they have understood.

Cleaning takes control characters out of the text, so none of these can come from outside. A mark
stands directly before its digits or letters; the word rules replace all of it by words at the end.
"""

from __future__ import annotations

from tf_gantts.text.rules import SEPARATOR

CARDINAL = "\x02"  # digits: one thousand two hundred
PAIR = "\x03"  # two digits, second half of a year: hundred, oh seven, eighty-four
SPELLED = "\x04"  # digits that are read one by one
ORDINAL = "\x05"  # after a number: its ordinal
PLURAL = "\x06"  # after a word: its plural
MONTH = "\x07"  # number or abbreviation of a month
GROUP = "\x08"  # three further digits of a cardinal
SCALE = "\x0e"  # name of a power of thousand
WORD = "\x0f"  # an abbreviation, unit or numeral that a table has in full
COUNTED = "\x10"  # after a unit of money: plural unless one

NUMBER_MARKS = f"{CARDINAL}-{GROUP}"  # in a character class: digits after these are understood


def token(mark: str, group: int) -> str:
    """A replacement that marks a group of the pattern for the table of words."""
    return f"{SEPARATOR}{mark}\\{group}{SEPARATOR}"


def pairs(first: int, last: int, between: str = " ") -> str:
    """A replacement that reads two groups of the pattern as pairs of digits: nineteen oh seven."""
    return f"{token(CARDINAL, first)}{between}{token(PAIR, last)}"
