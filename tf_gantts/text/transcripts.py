"""LJSpeech's raw and normalised transcripts, and how far our reading is from the latter."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from tf_gantts.errors import TextError
from tf_gantts.text.english import LJSPEECH

_HUNDREDS = re.compile("(one|four) thousand, (three|four|five) hundred")
_TEENS = {"three": "thirteen", "four": "fourteen", "five": "fifteen"}
# A difference is of the first kind whose change makes the two readings equal.
_KINDS: list[tuple[str, Callable[[str], str]]] = [
    ("quotation mark or dot", lambda text: re.sub("[“”\"’'.]", "", text)),
    ("comma after thousand", lambda text: text.replace("thousand,", "thousand")),
    ("hundreds or thousands", lambda text: _HUNDREDS.sub(_in_hundreds, text)),
]
_OTHER = "other reading"


@dataclasses.dataclass(frozen=True)
class Transcript:
    """One line of LJSpeech's metadata.csv.

    Attributes:
        id: Of the recording, LJ001-0001.
        raw: As it is printed.
        normalized: With numbers, ordinals and money in words.
    """

    id: str
    raw: str
    normalized: str


@dataclasses.dataclass(frozen=True)
class Reading:
    """A transcript with our reading of its raw text.

    Attributes:
        transcript: The transcript.
        text: What our rules make of the raw text; abbreviations stay, as in LJSpeech.
    """

    transcript: Transcript
    text: str

    @property
    def is_exact(self) -> bool:
        """Whether it is the normalised text, character by character."""
        return self.text == self.transcript.normalized

    @property
    def word_errors(self) -> int:
        """Words, with their punctuation, that differ from the normalised text."""
        return 0 if self.is_exact else word_errors(self.transcript.normalized, self.text)

    @property
    def kind(self) -> str:
        """What the two differ in."""
        for name, change in _KINDS:
            if change(self.text) == change(self.transcript.normalized):
                return name
        return _OTHER


def read_transcripts(path: Path) -> list[Transcript]:
    """Reads a metadata.csv.

    Args:
        path: Lines of `id|raw|normalised`, UTF-8.

    Raises:
        TextError: If the file cannot be read or a line has not three fields.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TextError(f"transcripts {path}: {error}") from None
    transcripts = []
    for number, line in enumerate(lines, 1):
        fields = line.split("|")
        if len(fields) != 3:
            raise TextError(
                f"{path}, line {number}: {len(fields)} fields; id|raw|normalised is expected"
            )
        transcripts.append(Transcript(*fields))
    return transcripts


def read_aloud(transcripts: Iterable[Transcript]) -> list[Reading]:
    """Our reading of raw transcripts.

    Args:
        transcripts: The transcripts.
    """
    return [Reading(transcript, LJSPEECH(transcript.raw)) for transcript in transcripts]


def word_errors(expected: str, read: str) -> int:
    """Words that were replaced, left out or put in: the edit distance of the words.

    Args:
        expected: Words with spaces between them.
        read: The same.
    """
    reference, words = expected.split(), read.split()
    row = list(range(len(words) + 1))
    for place, wanted in enumerate(reference, 1):
        diagonal, row[0] = row[0], place
        for column, word in enumerate(words, 1):
            substituted = diagonal + (wanted != word)
            diagonal = row[column]
            row[column] = min(substituted, row[column] + 1, row[column - 1] + 1)
    return row[-1]


def _in_hundreds(match: re.Match[str]) -> str:
    tens = {"one": _TEENS[match[2]], "four": f"forty-{match[2]}"}[match[1]]
    return f"{tens} hundred"
