"""Numbers in words: marked digits are cut in groups of three, and a table has the words.

The words are those of LJSpeech's normalised transcripts: no "and", a comma between groups except
before less than a hundred: `12,345,006` is twelve million, three hundred forty-five thousand six.
"""

from __future__ import annotations

from tf_gantts.text.marks import (
    CARDINAL,
    GROUP,
    NUMBER_MARKS,
    ORDINAL,
    PAIR,
    PLURAL,
    SCALE,
    SPELLED,
    token,
)
from tf_gantts.text.rules import SEPARATOR, Rewrite, Step

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = [
    "thousand",
    "million",
    "billion",
    "trillion",
    "quadrillion",
    "quintillion",
    "sextillion",
    "septillion",
    "octillion",
    "nonillion",
    "decillion",
]


def below_hundred(number: int) -> str:
    """Words of 0 to 99."""
    if number < 10:
        return DIGITS[number]
    if number < 20:
        return _TEENS[number - 10]
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{DIGITS[ones]}" if ones else "")


def below_thousand(number: int, conjunction: str = " ") -> str:
    """Words of 0 to 999.

    Args:
        number: The number.
        conjunction: What stands between the hundreds and the rest.
    """
    hundreds, rest = divmod(number, 100)
    if not hundreds:
        return below_hundred(rest)
    words = f"{DIGITS[hundreds]} hundred"
    return words + conjunction + below_hundred(rest) if rest else words


def group_words(mark: str = CARDINAL, conjunction: str = " ") -> dict[str, str]:
    """Marked groups of up to three digits, with and without leading zeros, to their words."""
    return {
        f"{mark}{number:0{digits}d}": below_thousand(number, conjunction)
        for digits in (1, 2, 3)
        for number in range(10**digits)
    }


def pair_words() -> dict[str, str]:
    """Marked second halves of years to their words."""
    words = {f"{PAIR}{number:02d}": below_hundred(number) for number in range(10, 100)}
    words |= {f"{PAIR}0{digit}": f"oh {DIGITS[digit]}" for digit in range(1, 10)}
    return words | {f"{PAIR}00": "hundred"}


def cut_groups(mark: str = CARDINAL, conjunction: str = " ") -> list[Step]:
    """Steps that cut marked numbers into marked groups with the names of their scales.

    Args:
        mark: Which numbers.
        conjunction: What stands before a last group of less than a hundred.
    """
    longest = 3 * len(_SCALES) + 3
    steps: list[Step] = [
        Rewrite(f"{mark}0+([0-9])", f"{mark}\\1"),
        Rewrite(f"{mark}([0-9]{{{longest + 1},}})", f"{SPELLED}\\1"),
    ]
    for power in range(len(_SCALES), 0, -1):
        steps.append(
            Rewrite(
                f"([{mark}{GROUP}][0-9]{{1,3}})([0-9]{{{3 * power}}}){SEPARATOR}",
                f"\\1{SEPARATOR}{SCALE}{_SCALES[power - 1]}{GROUP}\\2{SEPARATOR}",
            )
        )
    return [
        *steps,
        Rewrite(f"{GROUP}000{SEPARATOR}{SCALE}[a-z]+", ""),
        Rewrite(f"{GROUP}000{SEPARATOR}", ""),
        Rewrite(f"{GROUP}([0-9]{{3}}{SEPARATOR}{SCALE})", f", {SEPARATOR}{mark}\\1"),
        Rewrite(f"{GROUP}0([0-9]{{2}}{SEPARATOR})", f"{conjunction}{SEPARATOR}{mark}\\1"),
        Rewrite(f"{GROUP}([0-9]{{3}}{SEPARATOR})", f", {SEPARATOR}{mark}\\1"),
        Rewrite(SCALE, " "),
    ]


def join_thousands() -> list[Step]:
    """Steps that take the commas out of 1,234,567; not out of 1,2 or 12,34."""
    steps: list[Step] = []
    after = r"(\b|st\b|nd\b|rd\b|th\b)"
    for groups in range(8, 1, -1):
        pattern = ",".join(["([0-9]{1,3})"] + ["([0-9]{3})"] * (groups - 1))
        joined = "".join(f"\\{group}" for group in range(1, groups + 2))
        if groups == 2:
            # A leading zero: what is written with a comma is no year.
            steps.append(Rewrite(rf"\b([12]),([0-9]{{3}}){after}", r"0\1\2\3"))
        steps.append(Rewrite(rf"\b{pattern}{after}", joined))
    return [*steps, Rewrite("([0-9]),([0-9])", r"\1, \2")]


# Digits left over are numbers.
MARK_CARDINALS = Rewrite(f"(^|[^0-9{NUMBER_MARKS}])([0-9]+)", "\\1" + token(CARDINAL, 2))

# What can only be done with the words in place: single digits, ordinals, plurals.
FINISH_WORDS: list[Step] = [
    Rewrite("([0-9])", r" \1"),
    Rewrite(f"{SPELLED} ?", ""),
    *(Rewrite(str(digit), word) for digit, word in enumerate(DIGITS)),
    Rewrite(f"one{ORDINAL}", "first"),
    Rewrite(f"two{ORDINAL}", "second"),
    Rewrite(f"three{ORDINAL}", "third"),
    Rewrite(f"five{ORDINAL}", "fifth"),
    Rewrite(f"eight{ORDINAL}", "eighth"),
    Rewrite(f"nine{ORDINAL}", "ninth"),
    Rewrite(f"twelve{ORDINAL}", "twelfth"),
    Rewrite(f"y{ORDINAL}", "ieth"),
    Rewrite(ORDINAL, "th"),
    Rewrite(f"y{PLURAL}", "ies"),
    Rewrite(f"x{PLURAL}", "xes"),
    Rewrite(PLURAL, "s"),
]
