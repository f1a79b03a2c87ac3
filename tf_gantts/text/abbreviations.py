"""Abbreviations in full: titles, companies, Latin."""

from __future__ import annotations

from tf_gantts.text.marks import WORD
from tf_gantts.text.rules import SEPARATOR, Rewrite, Step

_TITLES = {
    "Mr": "Mister",
    "Mrs": "Missus",
    "Messrs": "Messieurs",
    "Dr": "Doctor",
    "Drs": "Doctors",
    "Prof": "Professor",
    "Rev": "Reverend",
    "Hon": "Honorable",
    "Gen": "General",
    "Col": "Colonel",
    "Maj": "Major",
    "Capt": "Captain",
    "Lt": "Lieutenant",
    "Sgt": "Sergeant",
    "Cpl": "Corporal",
    "Gov": "Governor",
    "Sen": "Senator",
    "Rep": "Representative",
    "Pres": "President",
    "Supt": "Superintendent",
    "Insp": "Inspector",
    "Det": "Detective",
    "Ft": "Fort",
    "Mt": "Mount",
}
_WORDS = {
    "Esq": "Esquire",
    "Jr": "Junior",
    "Sr": "Senior",
    "Co": "Company",
    "Corp": "Corporation",
    "Inc": "Incorporated",
    "Ltd": "Limited",
    "Bros": "Brothers",
    "Dept": "Department",
    "Ave": "Avenue",
    "Blvd": "Boulevard",
    "Rd": "Road",
    "Vol": "Volume",
    "etc": "et cetera",
    "vs": "versus",
    "cf": "compare",
    "approx": "approximately",
}
_LATIN = {"i.e.": "that is", "e.g.": "for example", "viz.": "namely", "a.k.a.": "also known as"}


def abbreviation_words() -> dict[str, str]:
    """Marked abbreviations to the words they stand for."""
    return {f"{WORD}{short}": full for short, full in (_TITLES | _WORDS).items()}


_IN_FULL = f"{SEPARATOR}{WORD}\\1{SEPARATOR}"

ABBREVIATIONS: list[Step] = [
    Rewrite(rf"\b({'|'.join(_TITLES)})\. ", f"{_IN_FULL} "),
    # A dot that also ends the text stays.
    Rewrite(rf"\b({'|'.join(_WORDS)})\.$", f"{_IN_FULL}."),
    Rewrite(rf"\b({'|'.join(_WORDS)})\.", _IN_FULL),
    Rewrite(r"\bSt\. ([A-Z])", r"Saint \1"),
    Rewrite(r"\bSt\.$", "Street."),
    Rewrite(r"\bSt\.", "Street"),
    *(Rewrite(rf"\b{short.replace('.', chr(92) + '.')}", full) for short, full in _LATIN.items()),
]

# p.m., U.S., D.C.: the letters alone; the dots would be pauses.
DOTTED_LETTERS: list[Step] = [
    Rewrite(r"\b([A-Za-z])\.([A-Za-z])\.([A-Za-z])\.$", r"\1 \2 \3."),
    Rewrite(r"\b([A-Za-z])\.([A-Za-z])\.([A-Za-z])\.", r"\1 \2 \3"),
    Rewrite(r"\b([A-Za-z])\.([A-Za-z])\.$", r"\1 \2."),
    Rewrite(r"\b([A-Za-z])\.([A-Za-z])\.", r"\1 \2"),
]
