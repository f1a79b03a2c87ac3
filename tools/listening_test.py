"""Makes the page of a listening test, and says what its answers mean.

    python tools/listening_test.py --mode mushra --reference WAVS \
        --system melgan=M --system vocos=V --out test.html
    python tools/listening_test.py --analyse answers-*.json --out RESULT

The page is one file that needs no network: send it to the listeners, and let them send the answers
back that it saves. Clips are matched by their file names.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from tf_gantts.command import argument_parser, run
from tf_gantts.errors import EvaluationError
from tf_gantts.evaluation.listening.analysis import analyse
from tf_gantts.evaluation.listening.answers import read_answers
from tf_gantts.evaluation.listening.design import MODES, design_test
from tf_gantts.evaluation.listening.page import write_page
from tf_gantts.evaluation.listening.stimuli import (
    LOUDNESS,
    REFERENCE,
    Stimuli,
    choose_clips,
    prepare_stimuli,
    read_folders,
)
from tf_gantts.evaluation.listening.tables import to_markdown, write_tables
from tf_gantts.evaluation.results import NATURAL, read_results

_LOG = logging.getLogger("listening_test")

_ANCHORS = (3500.0, 7000.0)  # Hz; ITU-R BS.1534-3, section 5.1


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the page or analyses answers."""
    arguments = _arguments(argv)
    if arguments.analyse:
        _analyse(arguments)
    else:
        _make(arguments)


def _make(arguments: argparse.Namespace) -> None:
    if arguments.out is None:
        raise EvaluationError("where shall the page be written? --out PAGE.html")
    stimuli = _stimuli(arguments)
    test = design_test(
        arguments.mode,
        stimuli,
        title=arguments.title,
        question=arguments.question,
        repeats=arguments.repeats,
        checks=arguments.checks,
        seed=arguments.seed,
    )
    write_page(arguments.out, test)
    seconds = sum(trial.seconds for trial in test.key.trials)
    _LOG.info(
        "%s: %s, %d clips, %d systems, %d screens with %.1f min of sound, %.1f MB, page %s",
        arguments.out,
        arguments.mode,
        len(stimuli.clips),
        len(stimuli.audio),
        len(test.key.trials),
        seconds / 60,
        arguments.out.stat().st_size / 1e6,
        test.key.fingerprint,
    )


def _stimuli(arguments: argparse.Namespace) -> Stimuli:
    folders = _folders(arguments)
    audio, rate = read_folders(folders, arguments.sampling_rate)
    audio = choose_clips(audio, rate, arguments.longest, arguments.clips, arguments.seed)
    anchors = arguments.anchors
    if anchors is None:
        anchors = _ANCHORS if arguments.mode == "mushra" else ()
    return prepare_stimuli(
        audio,
        rate,
        reference=REFERENCE if REFERENCE in folders else None,
        anchors=anchors,
        loudness=None if arguments.keep_levels else arguments.loudness,
    )


def _folders(arguments: argparse.Namespace) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    if arguments.reference is not None:
        folders[REFERENCE] = arguments.reference
    if arguments.evaluation is not None:
        for row in read_results(arguments.evaluation).rows:
            if row.source.heard:
                name = REFERENCE if row.source.name == NATURAL else row.source.name
                folders[name] = Path(arguments.evaluation) / "audio" / row.source.name
    for name, folder in arguments.system:
        if name in folders:
            raise EvaluationError(f"--system {name}: there are two systems of that name")
        folders[name] = folder
    if not folders:
        raise EvaluationError("what shall be heard? --system NAME=DIR or --evaluation OUT")
    return folders


def _analyse(arguments: argparse.Namespace) -> None:
    key, listeners = read_answers(arguments.analyse)
    analysis = analyse(key, listeners)
    print(to_markdown(analysis), end="")
    if arguments.out is not None:
        for path in write_tables(arguments.out, analysis):
            _LOG.info("%s", path)


def _system(text: str) -> tuple[str, Path]:
    name, separator, folder = text.partition("=")
    if not (separator and name and folder):
        raise argparse.ArgumentTypeError(f"{text!r}: NAME=DIR is expected")
    return name, Path(folder)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: a number from 0 is expected")
    return int(text)


def _positive(text: str) -> int:
    if not _count(text):
        raise argparse.ArgumentTypeError(f"{text!r}: a number from 1 is expected")
    return int(text)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser(
        "listening_test.py", "Make the page of a listening test, or analyse its answers."
    )
    parser.add_argument(
        "--analyse", type=Path, nargs="+", metavar="ANSWERS", help="files that the page saved"
    )
    parser.add_argument(
        "--out", type=Path, help="the page (HTML); with --analyse a folder for the tables"
    )
    parser.add_argument(
        "--mode",
        choices=MODES,
        default="mos",
        help="mos: grades 1 to 5; mushra: 0 to 100 beside the reference; ab: every two systems",
    )
    parser.add_argument(
        "--system",
        type=_system,
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="a system and its folder of wav or flac files; several times",
    )
    parser.add_argument("--reference", type=Path, metavar="DIR", help="folder of the recordings")
    parser.add_argument(
        "--evaluation", type=Path, metavar="OUT", help="rows of tf_gantts.evaluate as systems"
    )
    parser.add_argument("--clips", type=_positive, help="how many clips to draw; None for all")
    parser.add_argument(
        "--longest", type=float, default=12.0, help="clips of more seconds are left out"
    )
    parser.add_argument(
        "--anchors",
        type=float,
        nargs="*",
        metavar="HZ",
        help="low-passed copies of the reference; None for 3500 and 7000 in mushra, else none",
    )
    parser.add_argument(
        "--sampling-rate", type=_positive, metavar="HZ", help="convert all clips to this rate"
    )
    parser.add_argument(
        "--loudness", type=float, default=LOUDNESS, help="of all clips in LUFS (ITU-R BS.1770)"
    )
    parser.add_argument("--keep-levels", action="store_true", help="do not match the loudness")
    parser.add_argument("--repeats", type=_count, default=2, help="trials that are asked twice")
    parser.add_argument("--checks", type=_count, default=1, help="attention checks")
    parser.add_argument("--title", default="Listening test", help="heading of the page")
    parser.add_argument("--question", default="", help="what listeners are asked")
    parser.add_argument("--seed", type=_count, default=0, help="seed of ids, clips and repeats")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(run(main))
