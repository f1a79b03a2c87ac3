"""Text, features or recordings to waveforms: `python -m tf_gantts.synthesize`.

`--text "Hello."` speaks with the package's own voice, with `--acoustic RUN --vocoder RUN` trained
models do; `--run RUN --wav in.wav` copies a recording.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tf_gantts import command, voices

_SENTENCES_TOGETHER = 16


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    p = command.argument_parser(
        "python -m tf_gantts.synthesize",
        "Synthesise waveforms from text (an acoustic model, then a vocoder), from recordings"
        " (copy-synthesis) or from log-mels. The exit status is 0 if all went well, 1 if speech was"
        " cut off because the acoustic model found no end, 2 if something could not be used.",
    )
    model = p.add_mutually_exclusive_group()
    model.add_argument("--run", type=Path, help="run directory of a vocoder")
    model.add_argument("--acoustic", type=Path, help="run directory of an acoustic model")
    model.add_argument(
        "--voice",
        help="a voice of the package, or the folder of another; who speaks if no run is given:"
        f" {voices.DEFAULT}",
    )
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--wav",
        nargs="+",
        action="extend",
        type=Path,
        metavar="PATH",
        help="recordings, or folders of recordings",
    )
    source.add_argument(
        "--features",
        nargs="+",
        action="extend",
        type=Path,
        metavar="PATH",
        help="feature stores, .npy files with raw log-mels (frames, bands), or folders of such",
    )
    source.add_argument("--text", help="what to say; long texts are spoken sentence by sentence")
    source.add_argument(
        "--text-file", type=Path, metavar="FILE", help="one text per line, or ID|TEXT"
    )
    p.add_argument("--out", type=Path, default=Path("out"), help="folder for the WAV and PNG files")
    p.add_argument(
        "--checkpoint",
        type=command.checkpoint_name,
        default="latest",
        help="latest, best or a step of --run or --acoustic",
    )
    p.add_argument("--griffin-lim", action="store_true", help="Griffin-Lim in place of the vocoder")
    p.add_argument(
        "--batch-size",
        type=int,
        help=f"clips (default 1) or sentences (default {_SENTENCES_TOGETHER}) made together",
    )
    _add_text_arguments(p.add_argument_group("with --text and --text-file"))
    _add_clip_arguments(p.add_argument_group("with --run"))
    return p


def _add_text_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--vocoder", type=Path, help="run directory of a vocoder, with --acoustic")
    group.add_argument(
        "--vocoder-checkpoint",
        type=command.checkpoint_name,
        default="latest",
        help="latest, best or a step of --vocoder",
    )
    group.add_argument("--speaker", help="who speaks, where the model knows several")
    group.add_argument("--style", help="style or emotion, likewise")
    group.add_argument("--pace", type=float, help="speaking rate; 2 is twice as fast")
    group.add_argument("--pitch-shift", type=float, metavar="SEMITONES", help="higher or lower")
    group.add_argument("--energy-shift", type=float, metavar="DECIBELS", help="louder or softer")
    group.add_argument("--seed", type=int, default=0, help="of the acoustic model's noise")


def _add_clip_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--split", choices=["train", "valid", "test"], help="part of a feature store; default all"
    )
    group.add_argument(
        "--stream",
        action="store_true",
        help="write each WAV file while its audio arrives, and tell the time to first audio",
    )
    group.add_argument(
        "--chunk-frames", type=int, default=32, help="frames of audio that come at a time"
    )
    group.add_argument(
        "--verify",
        action="store_true",
        help="compare the streamed audio with that of the whole clip",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    p = parser()
    arguments = p.parse_args(argv)
    problem = _problem(arguments)
    if problem:
        p.error(problem)
    command.load_tensorflow()
    if not arguments.run:
        from tf_gantts.synthesize_text import synthesize_text

        if not arguments.acoustic:
            voice = voices.find_voice(arguments.voice or voices.DEFAULT)
            arguments.acoustic, arguments.vocoder = voice.acoustic, voice.vocoder
        arguments.batch_size = arguments.batch_size or _SENTENCES_TOGETHER
        return synthesize_text(arguments)
    from tf_gantts.synthesize_clips import synthesize_clips

    arguments.batch_size = arguments.batch_size or 1
    synthesize_clips(arguments)
    return 0


def _problem(arguments: argparse.Namespace) -> str | None:
    """What does not go together."""
    spoken = arguments.text is not None or arguments.text_file is not None
    several = arguments.batch_size is not None and arguments.batch_size > 1
    of_text = arguments.speaker or arguments.style
    problems = {
        "--batch-size must be at least 1": (
            arguments.batch_size is not None and arguments.batch_size < 1
        ),
        "--text and --text-file go with --acoustic or --voice": spoken and arguments.run,
        "--wav and --features go with --run": not spoken and not arguments.run,
        "--vocoder goes with --acoustic": arguments.vocoder and not arguments.acoustic,
        "--speaker and --style go with --acoustic or --voice": of_text and arguments.run,
        "--acoustic needs a --vocoder, or --griffin-lim in its place": (
            arguments.acoustic and bool(arguments.vocoder) == arguments.griffin_lim
        ),
        "--stream goes with --run": arguments.stream and not arguments.run,
        "--split goes with --features": arguments.split and not arguments.features,
        "--pace must be above 0": arguments.pace is not None and arguments.pace <= 0,
        "--pace, --pitch-shift and --energy-shift go with --acoustic or --voice": (
            arguments.run and _any(arguments.pace, arguments.pitch_shift, arguments.energy_shift)
        ),
        "--chunk-frames must be at least 1": arguments.chunk_frames < 1,
        "--stream takes one clip at a time through a network": (
            arguments.stream and (arguments.griffin_lim or several)
        ),
        "--verify goes with --stream": arguments.verify and not arguments.stream,
    }
    return next((message for message, wrong in problems.items() if wrong), None)


def _any(*values: object) -> bool:
    return any(value is not None for value in values)


if __name__ == "__main__":
    sys.exit(command.run(main))
