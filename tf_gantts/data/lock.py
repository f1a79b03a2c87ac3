"""One process at a time in a folder."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from tf_gantts.errors import GanTTSError

_LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def locked(folder: Path, work: str, error: type[GanTTSError]) -> Iterator[None]:
    """Keeps a second process out of a folder; the lock ends with the process, however it ends.

    Args:
        folder: An existing folder.
        work: What is done there, for the message.
        error: What is raised.

    Raises:
        GanTTSError: `error`, if another process holds the lock.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise error(
            f"{folder}: another {work} is at work here; wait for it or choose another folder"
        ) from None
    except OSError as reason:  # some network file systems know no locks
        _LOG.warning("%s cannot be locked (%s): start no second %s", folder, reason.strerror, work)
    try:
        yield
    finally:
        os.close(descriptor)
