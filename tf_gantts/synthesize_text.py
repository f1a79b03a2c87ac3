"""Text to waveforms: the work of `python -m tf_gantts.synthesize --text`."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from tf_gantts.errors import GanTTSError, TextError
from tf_gantts.synthesize_clips import UNITS, make_folder

if TYPE_CHECKING:
    from tf_gantts.audio.mel_spec import MelSpec
    from tf_gantts.serving.synthesis import Synthesis
    from tf_gantts.serving.text_synthesis import Reading, Speech, TextSynthesis
    from tf_gantts.training.acoustic_system import AcousticSystem

_LOG = logging.getLogger(__name__)

EXIT_UNFINISHED = 1

_ID = re.compile(r"([\w.-]*\w)\|(.*)")
_TEXTS_TOGETHER = 64  # whose waveforms are in memory at a time


def synthesize_text(arguments: argparse.Namespace) -> int:
    """Speaks and writes all texts, and says how long it took.

    Returns:
        0, or `EXIT_UNFINISHED` if speech of some text was cut off.

    Raises:
        GanTTSError: Before the first text if nothing can be done, after the last one if some could
            not be read.
    """
    from tf_gantts.serving.text_synthesis import read
    from tf_gantts.systems import load_acoustic

    texts = {"speech": arguments.text} if arguments.text_file is None else {}
    texts = texts or read_texts(arguments.text_file)
    system, checkpoint = load_acoustic(arguments.acoustic, arguments.checkpoint)
    conditions = _conditions(system, arguments)
    synthesis, names = _synthesis(system, arguments)
    make_folder(arguments.out)
    failures: list[GanTTSError] = []
    readings: dict[str, Reading] = {}
    for name, text in texts.items():
        try:
            readings[name] = read(text, system)
        except TextError as error:
            failures.append(error if len(texts) == 1 else TextError(f"{name}: {error}"))
    writer = _Writer(arguments.out, texts, system.mel_spec)
    speak_all(synthesis, readings, conditions, writer)
    writer.print_summary(f"{arguments.acoustic} at step {checkpoint.meta.step} and {names}")
    if len(failures) == 1:
        raise failures[0]
    for failure in failures:
        _LOG.warning("skipped: %s", failure)
    if failures:
        raise TextError(f"{len(failures)} of {len(texts)} texts could not be read")
    return EXIT_UNFINISHED if writer.unfinished else 0


def read_texts(path: Path) -> dict[str, str]:
    """Texts of a file by name: lines `ID|TEXT`, or texts named by the line they stand in.

    Empty lines are left out.

    Raises:
        TextError: If it cannot be read, has no text, or an id stands twice.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise TextError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise TextError(f"{path}: not UTF-8 ({error}); save it as UTF-8") from None
    texts: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        found = _ID.fullmatch(line)
        name, text = found.groups() if found else (f"line-{number:04d}", line)
        if name in texts:
            raise TextError(f"{path}, line {number}: id {name} stands twice; give each its own")
        texts[name] = text
    if not texts:
        raise TextError(f"{path}: no text; one text per line is expected, or ID|TEXT")
    return texts


def speak_all(
    synthesis: TextSynthesis,
    readings: dict[str, Reading],
    conditions: dict[str, float],
    writer: _Writer,
) -> None:
    """Speaks group after group of texts and writes the results."""
    names = list(readings)
    with tqdm(total=len(names), unit="text", disable=None) as bar:
        for first in range(0, len(names), _TEXTS_TOGETHER):
            group = names[first : first + _TEXTS_TOGETHER]
            speeches = synthesis([readings[name] for name in group], conditions)
            for name, speech in zip(group, speeches, strict=True):
                writer.write(name, speech)
                bar.update()


def _conditions(system: AcousticSystem, arguments: argparse.Namespace) -> dict[str, float]:
    """Numbers of speaker and style, and the controls that are given."""
    names = {"speaker": arguments.speaker, "style": arguments.style}
    for key, name in names.items():
        known = system.label_names.get(key)
        if name is not None and not known:
            raise TextError(f"{arguments.acoustic}: has no {key}s; leave --{key} out")
        if name is None and known:
            raise TextError(f"{arguments.acoustic}: several {key}s; give one of {known} as --{key}")
    controls = {"pace": arguments.pace}
    controls |= {"pitch_shift": arguments.pitch_shift, "energy_shift": arguments.energy_shift}
    given = {key: value for key, value in controls.items() if value is not None}
    for key in given.keys() - system.controls.keys():
        option = f"--{key.replace('_', '-')}"
        raise TextError(f"{arguments.acoustic}: has no {key.replace('_', ' ')}; leave {option} out")
    labels = system.labels(names["speaker"], names["style"], str(arguments.acoustic))
    return {**labels, **given}


def _synthesis(system: AcousticSystem, arguments: argparse.Namespace) -> tuple[TextSynthesis, str]:
    """How to speak, warmed up, and what to call the vocoder and what is done before it."""
    from tf_gantts.audio.mel_conversion import MelConversion
    from tf_gantts.serving.synthesis import GriffinLimSynthesis, VocoderSynthesis
    from tf_gantts.serving.text_synthesis import AcousticSynthesis, TextSynthesis
    from tf_gantts.systems import load_vocoder

    vocode: Synthesis
    spec, name = system.mel_spec, "Griffin-Lim"
    seconds = 0.0
    if arguments.griffin_lim:
        vocode = GriffinLimSynthesis(spec)
    else:
        module, checkpoint = load_vocoder(arguments.vocoder, arguments.vocoder_checkpoint)
        spec, name = module.mel_spec, f"{arguments.vocoder} at step {checkpoint.meta.step}"
        vocode = VocoderSynthesis(module, arguments.batch_size)
    here, there = f"run {arguments.acoustic}", f"run {arguments.vocoder}"
    conversion = MelConversion(system.mel_spec, spec, here, there)
    if conversion.name:
        name += f", mels converted from {conversion.name}"
    if isinstance(vocode, VocoderSynthesis):
        seconds += vocode.warm_up()
    acoustic = AcousticSynthesis(system, arguments.batch_size, arguments.seed)
    seconds += acoustic.warm_up()
    name += f" (warm-up of {seconds:.2f} s not counted)"
    return TextSynthesis(acoustic, vocode, conversion), name


class _Writer:
    """Writes results and adds up their times."""

    def __init__(self, out: Path, texts: dict[str, str], spec: MelSpec) -> None:
        self._out = out
        self._texts = texts
        self._spec = spec
        self._duration = 0.0
        self._count = 0
        self._seconds: dict[str, float] = {}
        self.unfinished: list[str] = []

    def write(self, name: str, speech: Speech) -> None:
        """Writes the WAV file and the PNG files of a text and prints its line."""
        from tf_gantts.audio import plot
        from tf_gantts.audio.files import write_wav

        path, spec = self._out / f"{name}.wav", self._spec
        write_wav(path, speech.audio, spec.sampling_rate)
        title = " ".join(self._texts[name].split())
        title = title if len(title) <= 80 else f"{title[:77]}..."
        label = UNITS[spec.log]
        plot.save_spectrogram(path.with_suffix(".png"), speech.mel, spec, title=title, label=label)
        plot.save_alignment(self._out / f"{name}_attention.png", speech.attention, title)
        duration, seconds = len(speech.audio) / spec.sampling_rate, sum(speech.seconds.values())
        self._count += 1
        self._duration += duration
        for part, share in speech.seconds.items():
            self._seconds[part] = self._seconds.get(part, 0.0) + share
        count = f"{speech.sentences} sentence{'s' * (speech.sentences > 1)}"
        end = "finished"
        if speech.unfinished:
            self.unfinished.append(name)
            end = f"NOT FINISHED: {speech.unfinished} cut off"
        line = (
            f"{path}  {duration:.2f} s in {seconds:.3f} s: RTF {seconds / duration:.4f};"
            f" {count}, {end}; alignment score {speech.alignment_score:.3f}"
        )
        tqdm.write(line, file=sys.stdout)

    def print_summary(self, name: str) -> None:
        """Prints the totals, if there are any."""
        if not self._count:
            return
        total = sum(self._seconds.values())
        parts = ", ".join(f"{p} {s / self._duration:.4f}" for p, s in self._seconds.items())
        print(
            f"{name}: {self._count} texts, {self._duration:.1f} s of audio in {total:.2f} s:"
            f" RTF {total / self._duration:.4f} ({parts}), {self._duration / total:.1f} times real"
            f" time; WAV and PNG files in {self._out}"
        )
        if self.unfinished:
            shown = ", ".join(self.unfinished[:10])
            print(
                f"speech did not end in {len(self.unfinished)} of {self._count} texts ({shown}):"
                " train longer, or raise speaking_params.max_frames_per_symbol and"
                " model_params.max_decoder_steps",
                file=sys.stderr,
            )
