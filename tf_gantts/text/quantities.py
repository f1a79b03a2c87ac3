"""Money, percentages, units, fractions, ranges, decimals, signs and telephone numbers."""

from __future__ import annotations

from tf_gantts.text.marks import CARDINAL, COUNTED, ORDINAL, PLURAL, SPELLED, WORD, token
from tf_gantts.text.rules import SEPARATOR, Rewrite, Step

_AMOUNT = r"([0-9]+(?:\.[0-9]+)?)"
_LARGE = "(hundred|thousand|million|billion|trillion)"
_CURRENCIES = (
    # sign, unit, hundredth of it; units with COUNTED take their plural from the amount
    (r"\$", f"dollar{COUNTED}", f"cent{COUNTED}"),
    ("£", f"pound{COUNTED}", "pence"),
    ("€", f"euro{COUNTED}", f"cent{COUNTED}"),
    ("¥", "yen", f"sen{COUNTED}"),
    ("₹", f"rupee{COUNTED}", "paise"),
    ("₽", f"ruble{COUNTED}", f"kopeck{COUNTED}"),
)
_UNITS = {
    "km": "kilometer",
    "cm": "centimeter",
    "mm": "millimeter",
    "nm": "nanometer",
    "m": "meter",
    "kg": "kilogram",
    "mg": "milligram",
    "g": "gram",
    "ml": "milliliter",
    "mL": "milliliter",
    "L": "liter",
    "lb": "pound",
    "lbs": "pound",
    "oz": "ounce",
    "yd": "yard",
    "mi": "mile",
    "hr": "hour",
    "hrs": "hour",
    "min": "minute",
    "mins": "minute",
    "sec": "second",
    "secs": "second",
    "ms": "millisecond",
    "kW": "kilowatt",
    "MW": "megawatt",
    "GW": "gigawatt",
    "kWh": "kilowatt hour",
    "KB": "kilobyte",
    "kB": "kilobyte",
    "MB": "megabyte",
    "GB": "gigabyte",
    "TB": "terabyte",
    "mA": "milliamp",
    "dB": "decibel",
}
_FIXED_UNITS = {  # the same for one and many
    "Hz": "hertz",
    "kHz": "kilohertz",
    "MHz": "megahertz",
    "GHz": "gigahertz",
    "rpm": "r p m",
}
_RATES = {  # plural first word
    "mph": "mile{} per hour",
    "km/h": "kilometer{} per hour",
    "kph": "kilometer{} per hour",
    "m/s": "meter{} per second",
    "ft": "f{}t",
    "sq ft": "square f{}t",
}


def unit_words() -> dict[str, str]:
    """Marked units to their plurals, and after `one ` to their singulars."""
    words: dict[str, str] = {}
    for unit, name in _UNITS.items():
        words |= {f"{WORD}{unit}": f"{name}s", f"{WORD}one {unit}": name}
    for unit, name in _FIXED_UNITS.items():
        words |= {f"{WORD}{unit}": name, f"{WORD}one {unit}": name}
    for unit, name in _RATES.items():
        many, one = ("ee", "oo") if unit.endswith("ft") else ("s", "")
        words |= {f"{WORD}{unit}": name.format(many), f"{WORD}one {unit}": name.format(one)}
    return words


def _money() -> list[Step]:
    steps: list[Step] = [
        Rewrite(r"\b(?:US|U\.S\.) ?\$", "$"),
        Rewrite(rf"\b{_AMOUNT} ?([€¥₹₽])", r"\2\1"),
        Rewrite(rf"\b{_AMOUNT} ?\$([^0-9]|$)", r"$\1\2"),
        Rewrite(rf"\b{_AMOUNT} ?¢", rf"\1 cent{COUNTED}"),
        Rewrite(rf"([$£€¥₹₽]) ?{_AMOUNT} ?(?:M|mn|m)\b", r"\1\2 million"),
        Rewrite(rf"([$£€¥₹₽]) ?{_AMOUNT} ?(?:B|bn|b)\b", r"\1\2 billion"),
        Rewrite(rf"([$£€¥₹₽]) ?{_AMOUNT}[kK]\b", r"\1\2 thousand"),
        Rewrite(r"([0-9])-([$£€¥₹₽])", r"\1 to \2"),
    ]
    for sign, unit, hundredth in _CURRENCIES:
        plural = unit.replace(COUNTED, "s")
        steps += [
            Rewrite(rf"{sign} ?{_AMOUNT} {_LARGE}\b", rf"\1 \2 {plural}"),
            Rewrite(rf"{sign} ?0*\.([0-9]{{2}})\b", rf"\1 {hundredth}"),
            Rewrite(rf"{sign} ?([0-9]+)\.00\b", rf"{token(CARDINAL, 1)} {unit}"),
            Rewrite(
                rf"{sign} ?([0-9]+)\.([0-9]{{2}})\b",
                f"{token(CARDINAL, 1)} {unit}, {token(CARDINAL, 2)} {hundredth}",
            ),
            Rewrite(rf"{sign} ?([0-9]+\.[0-9]+)", rf"\1 {plural}"),
            Rewrite(rf"{sign} ?([0-9]+)", f"{token(CARDINAL, 1)} {unit}"),
        ]
    one = f"{SEPARATOR}{CARDINAL}0*1{SEPARATOR}"
    return [
        *steps,
        Rewrite(rf"({one} [a-z]+){COUNTED}", r"\1"),
        Rewrite(rf"({one}) pence", r"\1 penny"),
        Rewrite(rf"(^|[^0-9.])(0*1 [a-z]+){COUNTED}", r"\1\2"),
        Rewrite(COUNTED, "s"),
    ]


def _units() -> list[Step]:
    units = sorted([*_UNITS, *_FIXED_UNITS, *_RATES], key=len, reverse=True)
    pattern = "|".join(units)
    return [
        Rewrite(r"([0-9]) ?%", r"\1 percent"),
        Rewrite(r"([0-9]) ?° ?C\b", r"\1 degrees Celsius"),
        Rewrite(r"([0-9]) ?° ?F\b", r"\1 degrees Fahrenheit"),
        Rewrite(r"([0-9]) ?°", r"\1 degrees"),
        Rewrite(r"\b([0-9]+)'([0-9]+)\"", r"\1 feet \2 inches"),
        Rewrite(r"([0-9])x ?([0-9])", r"\1 times \2"),
        Rewrite(rf"(^|[^0-9.,])1[ -]?({pattern})\b", rf"\1one {SEPARATOR}{WORD}one \2{SEPARATOR}"),
        Rewrite(rf"([0-9]) ?({pattern})\b", rf"\1 {token(WORD, 2)}"),
        Rewrite(rf"([0-9])-({pattern})\b", rf"\1-{SEPARATOR}{WORD}one \2{SEPARATOR}"),
    ]


MONEY = _money()
UNITS = _units()

FRACTIONS: list[Step] = [
    Rewrite(r"\b24/7\b", "24 7"),
    Rewrite(r"\b([0-9]+)[ -]([0-9]+/(?:[2-9]|10|16|32|64|100))\b", r"\1 and \2"),
    Rewrite(r"\b1/2\b", "one half"),
    Rewrite(r"\b([0-9]+)/2\b", r"\1 halves"),
    Rewrite(r"\b1/4\b", "one quarter"),
    Rewrite(r"\b([0-9]+)/4\b", r"\1 quarters"),
    Rewrite(r"\b1/([3-9]|10|16|32|64|100)\b", f"one {token(CARDINAL, 1)}{ORDINAL}"),
    Rewrite(r"\b([0-9]+)/([3-9]|10|16|32|64|100)\b", rf"\1 {token(CARDINAL, 2)}{ORDINAL}{PLURAL}"),
    Rewrite(r"([0-9])/([0-9])", r"\1 \2"),
]

TELEPHONE: list[Step] = [
    Rewrite(
        r"\(?\b([0-9]{3})\)?[-. ]{1,2}([0-9]{3})[-.]([0-9]{4})\b",
        rf"{SPELLED}\1, {SPELLED}\2, {SPELLED}\3",
    ),
    Rewrite(r"\b([0-9]{3})-([0-9]{4})\b", rf"{SPELLED}\1, {SPELLED}\2"),
]

RANGES: list[Step] = [
    Rewrite(r"\b((?:1[1-9]|20)[0-9]{2})-([0-9]{2,4})\b", r"\1 to \2"),
    Rewrite(r"([0-9]) ?%-([0-9])", r"\1 to \2"),
    Rewrite(r"\b([0-9]+(?:\.[0-9]+)?)-([0-9])", r"\1 to \2"),
    Rewrite(r"(^|[ (])-([0-9.])", r"\1minus \2"),
]

_CALIBER = "(caliber|calibre|Special|rifles?|pistols?|revolvers?|[Mm]agnum|bullets?)"

DECIMALS: list[Step] = [
    Rewrite(rf"(^|[^0-9])\.([0-9]{{2}})([ -]){_CALIBER}\b", rf"\1{token(CARDINAL, 2)}\3\4"),
    Rewrite(r"\b([A-Za-z]+)([0-9]+\.[0-9])", r"\1 \2"),
    Rewrite(r"\b([0-9]+)\.([0-9]+)", rf"{token(CARDINAL, 1)} point {SPELLED}\2"),
    Rewrite(r"([0-9])\.([0-9]+)", rf"\1 point {SPELLED}\2"),
    Rewrite(r"(^|[^0-9])\.([0-9]+)", rf"\1point {SPELLED}\2"),
]

SIGNS: list[Step] = [
    Rewrite(r"\b(?:https?://)?www\.", "w w w dot "),
    Rewrite(r"\bhttps?://", ""),
    Rewrite(r"([A-Za-z0-9])\.(com|org|net|edu|gov|io|uk)\b", r"\1 dot \2"),
    Rewrite(r" ?& ?", " and "),
    Rewrite(r"#([0-9])", r"number \1"),
    Rewrite(r"~([0-9$£€])", r"about \1"),
    Rewrite(r" ?\+ ?([0-9])", r" plus \1"),
    Rewrite(r" ?= ?", " equals "),
    Rewrite(r" ?@ ?", " at "),
    Rewrite(r"§ ?", "section "),
    Rewrite(r"\b([A-Za-z])\+\+", r"\1 plus plus"),
    Rewrite(r"([A-Za-z]) ?\+ ?", r"\1 plus "),
    Rewrite(r"([0-9]) ?< ?([0-9])", r"\1 is less than \2"),
    Rewrite(r"([0-9]) ?> ?([0-9])", r"\1 is greater than \2"),
    Rewrite(r"([0-9]) ?\* ?([0-9])", r"\1 times \2"),
    Rewrite(r"\band/or\b", "and or"),
    Rewrite(rf"(^|[^A-Za-z{WORD}])([A-Za-z]+)/([A-Za-z])", r"\1\2 or \3"),
    Rewrite(r"_", " "),
]

ORDINALS: list[Step] = [
    Rewrite(r"\b([0-9]+)(?:st|nd|rd|th|ST|ND|RD|TH)\b", token(CARDINAL, 1) + ORDINAL),
]
