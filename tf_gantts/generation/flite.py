"""Voices of flite, the small synthesiser of Carnegie Mellon University, run as a program."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np

from tf_gantts.errors import CorpusError
from tf_gantts.generation.voices import Speech

# What Debian's and Ubuntu's package has; the installed program is asked which are really there.
USUAL_VOICES = ("slt", "rms", "awb", "kal16", "kal")
# A talking clock that knows no other words.
_LIMITED_VOICES = {"awb_time"}
_TIMEOUT_SECONDS = 60


def is_available() -> bool:
    """Whether the program is on the search path."""
    return shutil.which("flite") is not None


@functools.cache
def voice_names() -> list[str]:
    """The voices compiled into the installed program, the usual ones first."""
    listing = _run(["flite", "-lv"], check=False).stdout
    found = set(listing.partition(":")[2].split()) - _LIMITED_VOICES
    if not found:
        raise CorpusError("flite -lv lists no voice: the installation is broken")
    usual = [name for name in USUAL_VOICES if name in found]
    return usual + sorted(found.difference(usual))


def describe_voices() -> str:
    """The voices in one line."""
    return ", ".join(voice_names())


class FliteVoice:
    """One voice of flite: 16 kHz (8 kHz for kal), one process for each sentence.

    Args:
        name: One of `voice_names()`. flite speaks with its default voice when it does not know the
            name, so callers check it first (`voices.open_voice` does).
    """

    engine = "flite"

    def __init__(self, name: str) -> None:
        self.name = name

    def version(self) -> str:
        """The line in which the program names its version."""
        # --version ends with status 1.
        lines = _run(["flite", "--version"], check=False).stdout.splitlines()
        found = [line.split("version:")[1].split("(")[0] for line in lines if "version:" in line]
        return found[0].strip() if found else "flite"

    def speak(self, text: str) -> Speech:
        """Speaks one sentence.

        Args:
            text: ASCII words and simple punctuation.

        Returns:
            Mono speech at the voice's own rate.

        Raises:
            CorpusError: flite fails or writes no audio.
        """
        return self._speak(text)[0]

    def speak_phones(self, text: str) -> tuple[Speech, list[str], np.ndarray]:
        """Speaks one sentence and says which phones it spoke when.

        Args:
            text: ASCII words and simple punctuation.

        Returns:
            Mono speech, the P phones (`pau` for a pause) and their ends in seconds (P,).

        Raises:
            CorpusError: flite fails, writes no audio or prints no phones.
        """
        speech, printed = self._speak(text, "-psdur")
        phones = [word.rpartition(":") for word in printed.split()]
        try:
            ends = np.asarray([float(end) for _, _, end in phones])
        except ValueError:
            ends = np.zeros(0)
        if not len(ends):
            raise CorpusError(f"flite -psdur printed no phones for '{text}': {printed[:60]!r}")
        return speech, [phone for phone, _, _ in phones], ends

    def _speak(self, text: str, *options: str) -> tuple[Speech, str]:
        """Speech, and what the program printed."""
        with tempfile.TemporaryDirectory(prefix="flite-") as folder:
            path = Path(folder, "speech.wav")
            # The text is one argument of the program: no shell sees it.
            done = _run(["flite", "-voice", self.name, *options, "-t", text, "-o", str(path)])
            # flite ends with status 0 even when it could not write.
            if not path.is_file():
                raise CorpusError(
                    f"flite voice {self.name} wrote nothing for '{text}': {done.stderr.strip()}"
                )
            with wave.open(str(path)) as file:
                rate = file.getframerate()
                audio = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        if not audio.any():
            raise CorpusError(f"flite voice {self.name} spoke only silence for '{text}'")
        return Speech(audio=audio.astype(np.int16), sampling_rate=rate), done.stdout


def _run(command: list[str], check: bool = True) -> subprocess.CompletedProcess[str]:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_SECONDS,
        )
    except FileNotFoundError:
        raise CorpusError("flite is not installed: apt-get install -y flite") from None
    except subprocess.TimeoutExpired:
        raise CorpusError(f"flite gave no answer in {_TIMEOUT_SECONDS} s: {command}") from None
    if check and done.returncode != 0:
        raise CorpusError(f"flite failed with status {done.returncode}: {done.stderr.strip()}")
    return done
