"""Roman numerals: of kings after a name, of parts after the word for the part."""

from __future__ import annotations

from tf_gantts.text.marks import ORDINAL, WORD
from tf_gantts.text.numbers import below_hundred
from tf_gantts.text.rules import SEPARATOR, Rewrite, Step

_TENS = ("", "X", "XX", "XXX")
_ONES = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
_NUMERAL = "(X{0,3}(?:IX|IV|VI{0,3}|I{1,3})|X{1,3})"
_LONG_NUMERAL = "(X{0,3}(?:IX|IV|VI{1,3}|I{2,3})|X{1,3}[IV]|XX|XXX)"
_PARTS = (
    "(War|Chapter|Part|Book|Volume|Act|Scene|Section|Article|Title|Table|Figure|Class|Type|Phase|"
    "Appendix|Exhibit|Bowl|Apollo|Mark|Level|Stage|Unit|Lesson|Canto|Psalm|Grade|Group|Schedule)"
)
_RULERS = (
    "(Charles|George|William|Henry|Edward|Richard|James|Elizabeth|Mary|Louis|Napoleon|Francis|"
    "Philip|Frederick|Leopold|Ferdinand|Alexander|Nicholas|Peter|Ivan|Pius|Darius|Sargon)"
)


def numeral_words() -> dict[str, str]:
    """Marked numerals 1 to 39 to cardinals, and after `the ` to ordinals."""
    numerals = {
        tens + ones: below_hundred(10 * ten + one)
        for ten, tens in enumerate(_TENS)
        for one, ones in enumerate(_ONES)
        if ten or one
    }
    words = {f"{WORD}{numeral}": word for numeral, word in numerals.items()}
    ordinals = {
        f"{WORD}the {numeral}": f"the {word}{ORDINAL}" for numeral, word in numerals.items()
    }
    return words | ordinals


_CARDINAL = f"{SEPARATOR}{WORD}\\2{SEPARATOR}"
_THE_ORDINAL = f"{SEPARATOR}{WORD}the \\2{SEPARATOR}"

ROMAN_NUMERALS: list[Step] = [
    Rewrite(rf"\b{_PARTS} {_NUMERAL}\b", rf"\1 {_CARDINAL}"),
    # The dot of a numeral, as in George III., is kept only where a sentence may end.
    Rewrite(rf"\b([A-Z][a-z]{{2,}}) {_LONG_NUMERAL}\b\.?([^.]|\.$)", rf"\1 {_THE_ORDINAL}\3"),
    Rewrite(rf"\b([A-Z][a-z]{{2,}}) {_LONG_NUMERAL}$", rf"\1 {_THE_ORDINAL}"),
    # One letter may be an initial or a pronoun: only after rulers, and not before what fits those.
    Rewrite(
        rf"\b{_RULERS} ([IVX])(?:\.([,;]| [a-z])|(\.?$|[,;)]| (?:of|was|and|who|in|to|died)\b))",
        rf"\1 {_THE_ORDINAL}\3\4",
    ),
]
