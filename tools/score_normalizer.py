"""Scores the reading of numbers against LJSpeech's normalised transcripts."""

from __future__ import annotations

import difflib
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tf_gantts.command import argument_parser, run
from tf_gantts.text.transcripts import Reading, read_aloud, read_transcripts, word_errors

# Chapters LJ001 to LJ030 are books and speeches of three centuries and the beginning of the report
# of the Warren Commission, whose rest fills the others.
_LAST_OF_FIRST_PART = "LJ030"


def main(argv: Sequence[str] | None = None) -> int:
    """Prints exact matches and word error rate of two parts and of all."""
    parser = argument_parser("tools/score_normalizer.py", __doc__ or "")
    parser.add_argument(
        "--transcripts", type=Path, required=True, help="LJSpeech's metadata.csv: id|raw|normalised"
    )
    parser.add_argument("--differences", action="store_true", help="list every difference")
    arguments = parser.parse_args(argv)

    readings = read_aloud(read_transcripts(arguments.transcripts))
    first = [each for each in readings if each.transcript.id[:5] <= _LAST_OF_FIRST_PART]
    second = [each for each in readings if each.transcript.id[:5] > _LAST_OF_FIRST_PART]
    print(f"{'part':<14}{'lines':>7}{'exact':>9}{'WER':>10}  {'with numbers':>12}{'exact':>9}")
    for name, part in (("LJ001-LJ030", first), ("LJ031-LJ050", second), ("all", readings)):
        if part:
            print(_score(name, part))
    unread = sum(word_errors(each.transcript.normalized, each.transcript.raw) for each in readings)
    print(f"WER of the raw text: {unread / _words(readings):.4%}")
    wrong = [each for each in readings if not each.is_exact]
    for kind, count in Counter(each.kind for each in wrong).most_common():
        print(f"{count:>4} {kind}")
    for each in wrong if arguments.differences else ():
        print(f"{each.transcript.id}  {each.kind}: {_changes(each)}")
    return 0


def _words(readings: Sequence[Reading]) -> int:
    return sum(len(each.transcript.normalized.split()) for each in readings)


def _score(name: str, part: Sequence[Reading]) -> str:
    exact = sum(each.is_exact for each in part)
    errors = sum(each.word_errors for each in part)
    to_read = [each for each in part if each.transcript.raw != each.transcript.normalized]
    exact_to_read = sum(each.is_exact for each in to_read)
    return (
        f"{name:<14}{len(part):>7}{exact / len(part):>9.2%}{errors / _words(part):>10.4%}  "
        f"{len(to_read):>12}{exact_to_read / max(len(to_read), 1):>9.2%}"
    )


def _changes(reading: Reading) -> str:
    expected, read = reading.transcript.normalized.split(), reading.text.split()
    matcher = difflib.SequenceMatcher(None, expected, read, autojunk=False)
    return "; ".join(
        f"{' '.join(expected[a:b])!r}, read as {' '.join(read[c:d])!r}"
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
    )


if __name__ == "__main__":
    sys.exit(run(main))
