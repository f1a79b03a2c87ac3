"""The library of espeak-ng in PyPI's espeakng-loader, called in this process."""

from __future__ import annotations

import _ctypes
import contextlib
import ctypes
import importlib.util
import threading
from collections.abc import Iterator

from tf_gantts.errors import TextError

# Constants of speak_lib.h.
AUDIO_OUTPUT_SYNCHRONOUS = 2
EE_OK = 0
_BUFFER_MILLISECONDS = 0  # the library's own choice

# The library keeps its state in globals: voices and phonemes share this lock.
_LOCK = threading.Lock()


def is_available() -> bool:
    """Whether the package with the library is installed."""
    return importlib.util.find_spec("espeakng_loader") is not None


@contextlib.contextmanager
def loaded() -> Iterator[ctypes.CDLL]:
    """The library, freshly loaded (5 ms) and for this thread alone; unloaded afterwards.

    Raises:
        TextError: If it is not installed or does not load.
    """
    with _LOCK:
        try:
            import espeakng_loader

            library = ctypes.CDLL(espeakng_loader.get_library_path())
        except ImportError:
            raise TextError("espeak is not installed: pip install espeakng-loader") from None
        except OSError as error:
            raise TextError(f"espeak-ng's library does not load: {error}") from None
        try:
            yield library
        finally:
            _ctypes.dlclose(library._handle)


def initialize(library: ctypes.CDLL) -> int:
    """Starts the library with its data.

    Args:
        library: From `loaded`; the caller ends it with `espeak_Terminate`.

    Returns:
        Sampling rate of its voices in Hz.

    Raises:
        TextError: If it does not find its data.
    """
    import espeakng_loader

    data = espeakng_loader.get_data_path().encode()
    rate = library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER_MILLISECONDS, data, 0)
    if rate <= 0:
        raise TextError(f"espeak-ng does not start with the data in {data.decode()}")
    return rate
