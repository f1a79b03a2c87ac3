"""Voices of espeak-ng, called in this process from the library in PyPI's espeakng-loader."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

import numpy as np

from tf_gantts.errors import CorpusError, TextError
from tf_gantts.generation.voices import Speech
from tf_gantts.text import espeak_library
from tf_gantts.text.espeak_library import EE_OK, is_available

__all__ = ["EspeakVoice", "describe_voices", "is_available", "voice_names"]

# Constants of speak_lib.h.
_POS_CHARACTER = 1
_CHARS_UTF8 = 1

_ACCENTS = ("en-us", "en", "en-029", "en-gb-scotland", "en-gb-x-rp", "en-us-nyc")
# The variants with an echo or breath (f2, f3, f5) read memory that was never set and so speak
# differently in each process; they are left out.
_SPEAKERS = ("f1", "f4", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8")

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def voice_names() -> list[str]:
    """Accents, and each with other speakers: `en-us`, `en-us+f4` ..."""
    speakers = [f"{accent}+{speaker}" for accent in _ACCENTS for speaker in _SPEAKERS]
    return [*_ACCENTS, *speakers]


def describe_voices() -> str:
    """The voices in one line."""
    speakers = ", ".join(f"+{speaker}" for speaker in _SPEAKERS)
    return f"{', '.join(_ACCENTS)}; each also with {speakers}"


class EspeakVoice:
    """One voice of espeak-ng, 22,050 Hz.

    Args:
        name: One of `voice_names()`.
    """

    engine = "espeak"

    def __init__(self, name: str) -> None:
        self.name = name

    def version(self) -> str:
        """The library's name and version."""
        with _library() as library:
            library.espeak_Info.restype = ctypes.c_char_p
            return f"espeak-ng {library.espeak_Info(None).decode()}"

    def speak(self, text: str) -> Speech:
        """Speaks one sentence.

        Phases and noise go on from one sentence to the next inside the library, so the same text
        would sound different each time. It is loaded afresh for each sentence (5 ms), and then
        speech depends on nothing but voice and text.

        Args:
            text: Any UTF-8 text.

        Returns:
            Mono speech.

        Raises:
            CorpusError: The library does not know the voice or does not speak.
        """
        chunks: list[np.ndarray] = []

        @_Callback
        def collect(samples, count, _events):
            if samples and count > 0:
                chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
            return 0

        with _library() as library:
            try:
                rate = self._start(library, collect)
                self._synthesize(library, text)
            finally:
                library.espeak_Terminate()
        audio = np.concatenate(chunks) if chunks else np.zeros(0, np.int16)
        if not audio.any():
            raise CorpusError(f"espeak-ng voice {self.name} spoke only silence for '{text}'")
        return Speech(audio=audio, sampling_rate=rate)

    def _start(self, library: ctypes.CDLL, collect) -> int:
        rate = espeak_library.initialize(library)
        library.espeak_SetSynthCallback(collect)
        if library.espeak_SetVoiceByName(self.name.encode()) != EE_OK:
            raise CorpusError(f"espeak-ng has no voice '{self.name}'")
        return rate

    def _synthesize(self, library: ctypes.CDLL, text: str) -> None:
        library.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        content = text.encode()
        # The size counts the closing zero byte.
        status = library.espeak_Synth(
            content, len(content) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        if status != EE_OK or library.espeak_Synchronize() != EE_OK:
            raise CorpusError(f"espeak-ng failed with status {status} for '{text}'")


@contextlib.contextmanager
def _library() -> Iterator[ctypes.CDLL]:
    try:
        with espeak_library.loaded() as library:
            yield library
    except TextError as error:
        raise CorpusError(str(error)) from None
