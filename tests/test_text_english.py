"""Reading of numbers, money, dates, units, signs, numerals and abbreviations."""

import random

import pytest

from tf_gantts.text.cleaning import CLEANING, LATIN_TO_ASCII
from tf_gantts.text.english import ENGLISH, LJSPEECH
from tf_gantts.text.transcripts import Reading, Transcript, read_aloud, read_transcripts

READINGS = {
    # numbers
    "0, 7, 013, 40, 100": "zero, seven, thirteen, forty, one hundred",
    "7020 and 114,300": "seven thousand twenty and one hundred fourteen thousand, three hundred",
    "12,345,006": "twelve million, three hundred forty-five thousand six",
    "-5 and (-7)": "minus five and (minus seven)",
    "0.5, .5, 3.14": "zero point five, point five, three point one four",
    "1/2, 3/4, 5 1/2, 2/3, ½": (
        "one half, three quarters, five and one half, two thirds, one half"
    ),
    "24/7": "twenty-four seven",
    "1" + "0" * 40: "one" + " zero" * 40,
    "MP3, H2O, C2766": "MP three, H two O, C two seven six six",
    # ordinals
    "1st 2nd 3rd 12th 20th 21st 111th": (
        "first second third twelfth twentieth twenty-first one hundred eleventh"
    ),
    "1,234th": "one thousand, two hundred thirty-fourth",
    # years and dates
    "In 1066, 1605, 1900, 2000, 2005, 2019": (
        "In ten sixty-six, sixteen oh five, nineteen hundred, two thousand, two thousand five, "
        "twenty nineteen"
    ),
    "1308 prisoners": "one thousand, three hundred eight prisoners",
    "the 1880s, '90s": "the eighteen eighties, nineties",
    "250 B.C.": "two fifty B C.",
    "1939–45": "nineteen thirty-nine to forty-five",
    "2024-03-05": "March five, twenty twenty-four",
    "11/22/1963": "November twenty-two, nineteen sixty-three",
    "Jan. 5 or 5 Feb 1990": "January five or five February nineteen ninety",
    # times: LJSpeech's spelling
    "12:30 p.m.": "twelve:thirty p m.",
    "3:05, 3:00 pm, 7:00": "three:oh five, three p m, seven o'clock",
    # money
    "£1, £285,950": "one pound, two hundred eighty-five thousand, nine hundred fifty pounds",
    "$13.87, $1.01, $0.99, $5.00": (
        "thirteen dollars, eighty-seven cents, one dollar, one cent, ninety-nine cents, "
        "five dollars"
    ),
    "$3.5 million, £2bn, 5€, 3$": (
        "three point five million dollars, two billion pounds, five euros, three dollars"
    ),
    "$1500": "one thousand, five hundred dollars",
    # units and signs
    "5 km, 1 km, 6.5-mm, 30 mph, 100 km/h": (
        "five kilometers, one kilometer, six point five-millimeter, thirty miles per hour, "
        "one hundred kilometers per hour"
    ),
    "-5°C, 5%": "minus five degrees Celsius, five percent",
    "Smith & Co, #5, a@b.com, 2+2=4": (
        "Smith and Co, number five, a at b dot com, two plus two equals four"
    ),
    "555-1234": "five five five, one two three four",
    "pages 10-12": "pages ten to twelve",
    "a .22 rifle": "a twenty-two rifle",
    "No. 133-A": "Number one thirty-three A",
    "Box 2915": "Box two nine one five",
    "at 602 Elsbeth Street": "at six oh two Elsbeth Street",
    # numerals
    "Henry VIII, George III. was": "Henry the eighth, George the third was",
    "World War II, Chapter IV": "World War two, Chapter four",
    "James I. of": "James the first of",
    "Robert I. Nash and I": "Robert I. Nash and I",
    # abbreviations
    "Mr. and Mrs. O'Neil, St. Paul": "Mister and Missus O'Neil, Saint Paul",
    "cats, dogs, etc.": "cats, dogs, et cetera.",
    "the U.S. Army": "the U S Army",
    # nothing to read
    "": "",
    " \t\n ": "",
    "It's plain text, is it not?": "It's plain text, is it not?",
}


@pytest.mark.parametrize("text", READINGS)
def test_reading(text):
    assert ENGLISH(text) == READINGS[text]


def test_nothing_of_the_rules_own_marks_stays():
    for text in [*READINGS, "\x01\x021\x01 \x0fkm\x01 \x05\x06 \ue000"]:
        assert not [mark for mark in ENGLISH(text) if mark < " " or "\ue000" <= mark <= "\uf8ff"]


def test_numbers_agree_with_num2words():
    num2words = pytest.importorskip("num2words", reason="num2words is not installed")
    generator = random.Random(0)
    for digits in range(1, 19):
        for _ in range(15):
            number = generator.randrange(10**digits)
            expected = num2words.num2words(number).replace(" and ", " ").replace(",", "")
            assert LJSPEECH(f"{number:,}").replace(",", "") == expected, number
            ordinal = num2words.num2words(number, to="ordinal").replace(" and ", " ")
            assert LJSPEECH(f"{number:,}th").replace(",", "") == ordinal.replace(",", ""), number


def test_unicode_becomes_plain_punctuation_and_letters_stay():
    assert CLEANING("“Café” — ‘ﬁne’… ＡＢ １２\u00a0𝐱\u200b²") == "\"Café\", 'fine'... AB 12 x2"
    assert LATIN_TO_ASCII("Ünïcödé Straße Łódź Œuvre") == "Unicode Strasse Lodz Oeuvre"


def test_readings_of_ljspeech(shared):
    transcripts = read_transcripts(shared / "data" / "ljspeech-transcripts.csv")
    to_read = [each for each in transcripts if each.raw != each.normalized]
    assert len(to_read) == 1505
    readings = read_aloud(to_read)
    # 27 differences are LJSpeech's own; docs/text.md lists them.
    assert sum(reading.is_exact for reading in readings) >= 1478
    assert sum(reading.word_errors for reading in readings) <= 56
    plain = read_aloud([each for each in transcripts if each.raw == each.normalized][::20])
    assert all(reading.is_exact for reading in plain)


def test_word_errors_and_kinds():
    reading = Reading(Transcript("LJ001-0001", "£1400", "fourteen hundred pounds"), "")
    assert reading.word_errors == 3
    ours = LJSPEECH("£1400")
    reading = Reading(Transcript("LJ001-0001", "£1400", "fourteen hundred pounds"), ours)
    assert ours == "one thousand, four hundred pounds"
    assert (reading.word_errors, reading.kind) == (3, "hundreds or thousands")
