"""A WAV file that can be played while it is being written."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path
from typing import Any

import numpy as np

from tf_gantts.audio.files import to_int16
from tf_gantts.errors import AudioError

_UNKNOWN = 0xFFFFFFFF  # as length: programs read on until the file ends


class WavStream:
    """Writes a mono 16-bit WAV file piece by piece; a context manager.

    Until its end the header says that the length is not known. The samples of every piece are in
    the file when `write` returns. A file whose writing fails is removed.

    Args:
        path: The file; an existing one is replaced at once.
        sampling_rate: Rate in Hz.

    Raises:
        OSError: If the file cannot be written.
    """

    def __init__(self, path: Path, sampling_rate: int) -> None:
        self._path, self._rate = path, sampling_rate
        self._bytes = 0
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115 - closed by __exit__
        self._file.write(self._header(_UNKNOWN, _UNKNOWN))

    def write(self, audio: np.ndarray) -> None:
        """Appends samples (n,), floating point within -1..1.

        Raises:
            AudioError: If a sample is not finite.
        """
        try:
            data = to_int16(audio, str(self._path)).astype("<i2").tobytes()
        except AudioError as error:
            raise AudioError(f"{self._path}: not written: {error}") from None
        self._file.write(data)
        self._bytes += len(data)

    def __enter__(self) -> WavStream:
        """The stream itself."""
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        """Fills in the length, or removes the file."""
        with self._file:
            if kind is None:
                self._file.seek(0)
                self._file.write(self._header(self._bytes + 36, self._bytes))
        if kind is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _header(self, riff_bytes: int, data_bytes: int) -> bytes:
        pcm, channels, width, rate = 1, 1, 2, self._rate
        layout = struct.pack("<HHIIHH", pcm, channels, rate, rate * width, width, 8 * width)
        begin = struct.pack("<4sI4s4sI", b"RIFF", riff_bytes, b"WAVE", b"fmt ", len(layout))
        return begin + layout + struct.pack("<4sI", b"data", data_bytes)
