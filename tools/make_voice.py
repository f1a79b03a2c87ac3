r"""Two runs to a voice of the package, which speaks without anything else.

    python tools/make_voice.py --acoustic runs/gan_tts_small --vocoder runs/vocos_small \
        --name ljspeech --card card.md

Of both runs it keeps the weights that synthesis uses (moving averages where they were kept):
matrices and filters in float16, vectors and numbers as they are. What the halves cost is printed:
of a gan_tts_small and a small Vocos of 7.7 million parameters, the mel differed by at most 0.0008
(log), the audio by 0.007 of a peak of 0.73, and no duration changed.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tf_gantts import command, voices
from tf_gantts.errors import ExportError
from tf_gantts.voices import Voice

if TYPE_CHECKING:
    import tensorflow as tf

    from tf_gantts.serving.text_synthesis import Speech

MOST_BYTES = 20_000_000
HEADINGS = ("Data", "Licence", "Recipe", "Command", "Scores")
SENTENCE = "Hello world, this is a voice in a box."
_WITHOUT_EXTRAS = ("characters", "cmudict")  # front ends that need no other package

# Keys that name files of the training machine, and those that need them; speech needs none.
_TRAINING_ALONE = {
    "text_encoder": None,
    "use_utterance_discriminator": False,
    "realism_vocoder": None,
    "sample_vocoder": None,
}

Which = tuple[Path, str | int]  # run directory, and `latest`, `best` or a step


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    p = command.argument_parser("python tools/make_voice.py", __doc__ or "")
    p.formatter_class = argparse.RawDescriptionHelpFormatter
    for part in ("acoustic", "vocoder"):
        p.add_argument(f"--{part}", type=Path, required=True, help="its run directory")
        p.add_argument(
            f"--{part}-checkpoint",
            type=command.checkpoint_name,
            default="latest",
            help="latest (default), best or a step",
        )
    p.add_argument("--name", required=True, help="of the voice: its folder")
    p.add_argument("--card", type=Path, required=True, help=f"Markdown with {', '.join(HEADINGS)}")
    p.add_argument("--folder", type=Path, default=voices.FOLDER, help="folder of all voices")
    p.add_argument("--force", action="store_true", help="replace an older voice of that name")
    arguments = p.parse_args(argv)
    command.load_tensorflow()
    target = arguments.folder / arguments.name
    if target.exists() and not arguments.force:
        raise ExportError(f"{target}: exists already; replace it with --force")
    acoustic = (arguments.acoustic, arguments.acoustic_checkpoint)
    vocoder = (arguments.vocoder, arguments.vocoder_checkpoint)
    print(make_voice(acoustic, vocoder, arguments.card, target))
    return 0


def make_voice(acoustic: Which, vocoder: Which, card: Path, target: Path) -> str:
    """Writes a voice that has spoken; an older one in its place is replaced.

    Args:
        acoustic: The acoustic model.
        vocoder: The vocoder.
        card: Markdown file with a part under each of `HEADINGS`.
        target: The voice's folder.

    Returns:
        Its size, and how it differs from the runs, in words.

    Raises:
        CheckpointError: If a run is missing, damaged or of another kind.
        ExportError: If the voice would be too large, needs other packages or has no full card.
        MelSpecMismatchError: If the two do not fit together.
    """
    said = card.read_text(encoding="utf-8")
    missing = [heading for heading in HEADINGS if f"\n## {heading}\n" not in f"\n{said}\n"]
    if missing:
        raise ExportError(f"{card}: has no part '## {missing[0]}'; a card tells {HEADINGS}")
    spoken = speak(acoustic, vocoder)
    with _folder_in_place_of(target) as temporary:
        voice = Voice(temporary)
        _write(voice.acoustic, acoustic, target.name)
        _write(voice.vocoder, vocoder, target.name)
        voice.card.write_text(said, encoding="utf-8")
        size = voice.size
        if size > MOST_BYTES:
            raise ExportError(
                f"{target}: {size / 1e6:.1f} MB, more than the {MOST_BYTES / 1e6:.0f} MB of a"
                " voice; take smaller networks"
            )
        again = speak((voice.acoustic, "latest"), (voice.vocoder, "latest"))
    return f"{target}: {size / 1e6:.2f} MB; {difference(spoken, again)}"


def speak(acoustic: Which, vocoder: Which) -> Speech:
    """What two runs make of `SENTENCE`, by the first speaker where there are several."""
    from tf_gantts.audio.mel_conversion import MelConversion
    from tf_gantts.serving.synthesis import VocoderSynthesis
    from tf_gantts.serving.text_synthesis import AcousticSynthesis, TextSynthesis, read
    from tf_gantts.systems import load_acoustic, load_vocoder

    system, checkpoint = load_acoustic(*acoustic)
    front_end = checkpoint.hparams.front_end  # type: ignore[attr-defined]
    if front_end not in _WITHOUT_EXTRAS or system.text_encoder is not None:
        raise ExportError(
            f"{acoustic[0]}: needs more than the package (front end {front_end!r}, text encoder"
            f" {getattr(checkpoint.hparams, 'text_encoder', None)!r}); a voice has front end"
            f" {' or '.join(_WITHOUT_EXTRAS)} and no text encoder"
        )
    module, _ = load_vocoder(*vocoder)
    here, there = f"run {acoustic[0]}", f"run {vocoder[0]}"
    conversion = MelConversion(system.mel_spec, module.mel_spec, here, there)
    synthesis = TextSynthesis(AcousticSynthesis(system), VocoderSynthesis(module), conversion)
    first = dict.fromkeys(system.label_names, 0.0)
    return synthesis([read(SENTENCE, system)], first)[0]


def difference(ours: Speech, theirs: Speech) -> str:
    """How far apart two pieces of speech are, in words."""
    if ours.mel.shape != theirs.mel.shape:
        return f"{len(ours.mel)} frames became {len(theirs.mel)} by float16"
    mel, audio = np.abs(ours.mel - theirs.mel).max(), np.abs(ours.audio - theirs.audio).max()
    return (
        f"by float16 the mel differs by at most {mel:.2g} (log), the audio by {audio:.2g} of a peak"
        f" of {np.abs(ours.audio).max():.2g}"
    )


def _write(run: Path, source: Which, name: str) -> None:
    from tf_gantts.systems import load_system
    from tf_gantts.training.checkpoint import IMPORTED, save_checkpoint

    system, checkpoint = load_system(*source)
    state = {
        group: [_stored(variable) for variable in variables]
        for group, variables in system.synthesis_state().items()
    }
    # Neither paths of this machine nor what the step before this one was.
    meta = dataclasses.replace(checkpoint.meta, phase=IMPORTED, origin=f"voice {name}, see card.md")
    fields = type(checkpoint.hparams).model_fields.keys()
    training = {name: value for name, value in _TRAINING_ALONE.items() if name in fields}
    hparams = checkpoint.hparams.model_copy(update=training)
    written = save_checkpoint(run, state, meta, hparams)
    (written / "state.safetensors").chmod(0o644)


def _stored(variable: tf.Variable) -> tf.Variable:
    """Matrices and filters in float16; a vector's numbers cost little and may be large."""
    import tensorflow as tf

    values = variable.numpy()
    if values.ndim < 2 or values.dtype != np.float32:
        return tf.Variable(values)
    with np.errstate(over="ignore"):
        halves = values.astype(np.float16)
    if not np.isfinite(halves).all():
        raise ExportError(f"{variable.name}: {np.abs(values).max():.3g} is too large for float16")
    return tf.Variable(halves)


@contextmanager
def _folder_in_place_of(target: Path) -> Iterator[Path]:
    """A new folder that takes the target's place, but not if something goes wrong."""
    temporary = target.with_name(f".writing-{target.name}-{os.getpid()}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(command.run(main))
