"""Dates, years, decades, times of day, and the other numbers that are read in pairs of digits."""

from __future__ import annotations

from tf_gantts.text.marks import CARDINAL, MONTH, NUMBER_MARKS, PLURAL, SPELLED, pairs, token
from tf_gantts.text.rules import Rewrite, Step

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_MONTH = "(Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)"
_YEAR = "((?:1[1-9]|20)[0-9]{2})"
_HOUR = "([01]?[0-9]|2[0-3])"
# Before a counted noun four digits are a number, not a year.
_COUNTED = (
    "(acres|books|boys|cases|cells|children|copies|days|debtors|dollars|employees|feet|girls|"
    "guns|horses|hours|houses|inches|kilometers|letters|men|meters|members|miles|minutes|months|"
    "names|officers|pages|people|persons|pieces|points|pounds|prisoners|rounds|seconds|ships|"
    "soldiers|students|tickets|times|tons|volumes|votes|weeks|women|words|workers|yards|years)"
)
_STREET = (
    r"((?:North|South|East|West) [A-Z]|(?:[NSEW]\. )?[A-Z][a-z]+ "
    r"(?:(?:Street|Avenue|Road|Boulevard|Drive|Lane|Place|Court)\b|(?:St|Ave|Rd|Blvd)\.))"
)
_ERA = r"(B\.? ?C\b|A\.? ?D\b|BCE\b)"
_NAMED_BY_NUMBER = "([Ee]xhibit|Number|[Rr]oom|[Rr]oute|[Hh]ighway|[Ff]light|[Ff]rame)"


def month_words() -> dict[str, str]:
    """Marked numbers and abbreviations of months to their names."""
    words = {f"{MONTH}{name[:3]}": name for name in _MONTHS} | {f"{MONTH}Sept": "September"}
    words |= {f"{MONTH}{number}": name for number, name in enumerate(_MONTHS, 1)}
    return words | {f"{MONTH}{number:02d}": name for number, name in enumerate(_MONTHS, 1)}


DATES: list[Step] = [
    Rewrite(
        rf"\b{_YEAR}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\b",
        rf"{token(MONTH, 2)} {token(CARDINAL, 3)}, \1",
    ),
    Rewrite(
        rf"\b(0?[1-9]|1[0-2])/(0?[1-9]|[12][0-9]|3[01])/{_YEAR}\b",
        rf"{token(MONTH, 1)} {token(CARDINAL, 2)}, \3",
    ),
    Rewrite(
        r"\b(0?[1-9]|1[0-2])/(0?[1-9]|[12][0-9]|3[01])/([0-9]{2})\b",
        f"{token(MONTH, 1)} {token(CARDINAL, 2)}, {token(CARDINAL, 3)}",
    ),
    Rewrite(rf"\b{_MONTH}\. ([0-9])", rf"{token(MONTH, 1)} \2"),
    Rewrite(rf"\b([0-9]{{1,2}}) {_MONTH}\b\.?", rf"\1 {token(MONTH, 2)}"),
]

# LJSpeech writes 12:30 as twelve:thirty; a model taught on its transcripts knows that spelling.
TIMES: list[Step] = [
    Rewrite(rf"\b{_HOUR}:00 ?([aApP]\.? ?[mM]\b)", rf"{token(CARDINAL, 1)} \2"),
    Rewrite(r"\b([0-9]|1[0-2]):00\b", f"{token(CARDINAL, 1)} o'clock"),
    Rewrite(rf"\b{_HOUR}:00\b", f"{token(CARDINAL, 1)} hundred"),
    Rewrite(
        rf"\b{_HOUR}:([0-5][0-9]):([0-5][0-9])\b",
        f"{pairs(1, 2, ':')} and {token(CARDINAL, 3)} seconds",
    ),
    Rewrite(rf"\b{_HOUR}:([0-5][0-9])\b", pairs(1, 2, ":")),
    Rewrite(r"\b([0-9]+):([0-9]+)\b", r"\1 to \2"),
    Rewrite(r"([0-9\x01]) ?([aApP])([mM])\b\.?", r"\1 \2.\3."),
]

YEARS: list[Step] = [
    Rewrite(r"\b(2000)'?s\b", token(CARDINAL, 1) + PLURAL),
    Rewrite(r"\b(1[1-9]|20)([0-9]0)'?s\b", pairs(1, 2) + PLURAL),
    Rewrite(r"'?\b([2-9]0)'?s\b", token(CARDINAL, 1) + PLURAL),
    Rewrite(rf"\b([0-9]000) {_ERA}", rf"{token(CARDINAL, 1)} \2"),
    Rewrite(rf"\b([0-9]{{1,2}})([0-9]{{2}}) {_ERA}", rf"{pairs(1, 2)} \3"),
    Rewrite(r"\b([Ii]n|[Ii]n the year) ([0-9])([0-9]{2})(,| [A-Z])", rf"\1 {pairs(2, 3)}\4"),
    Rewrite(r"\b([Ii]n|[Ii]n the year) (1[0-9])([0-9]{2})\b", rf"\1 {pairs(2, 3)}"),
    Rewrite(rf"(^|[^0-9{NUMBER_MARKS}])([0-9]{{4}}) {_COUNTED}\b", rf"\1{token(CARDINAL, 2)} \3"),
    Rewrite(rf"(^|[^0-9{NUMBER_MARKS}])(1[1-9])([0-9]{{2}})\b", rf"\1{pairs(2, 3)}"),
    Rewrite(rf"(^|[^0-9{NUMBER_MARKS}])(20)([1-9][0-9])\b", rf"\1{pairs(2, 3)}"),
]

ADDRESSES: list[Step] = [
    Rewrite(r"\b([Bb]ox) ([0-9]{3,})\b", rf"\1 {SPELLED}\2"),
    Rewrite(rf"\b([0-9]000) {_STREET}", rf"{token(CARDINAL, 1)} \2"),
    Rewrite(rf"\b([0-9]{{1,2}})([0-9]{{2}}) {_STREET}", rf"{pairs(1, 2)} \3"),
    Rewrite(r"\bNos\. ?([0-9])", r"Numbers \1"),
    Rewrite(r"\bNo\. ?#?([0-9]|[A-Z]{1,3}[0-9])", r"Number \1"),
    Rewrite(r"\bNumber ([1-9][0-9]{4,})\b", rf"Number {SPELLED}\1"),
    Rewrite(rf"\b{_NAMED_BY_NUMBER} ([0-9])([0-9]{{2}})\b", rf"\1 {pairs(2, 3)}"),
    Rewrite(r"([0-9\x01])-([A-Z])\b", r"\1 \2"),
    Rewrite(r"\b([A-Z])([0-9]{3,})\b", rf"\1 {SPELLED}\2"),
    Rewrite(r"\b([A-Z])([A-Z])([0-9]{3,})\b", rf"\1 \2 {SPELLED}\3"),
    Rewrite(r"\b([A-Z])([A-Z])([A-Z])([0-9]{3,})\b", rf"\1 \2 \3 {SPELLED}\4"),
]
