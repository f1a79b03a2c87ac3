"""What every command shares: logging, a quiet TensorFlow, one clear line on bad input."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Sequence

from tf_gantts.errors import GanTTSError

_LOG = logging.getLogger(__name__)

EXIT_BAD_INPUT = 2
_STORAGE_ERRORS = {
    errno.ENOSPC: "the disk is full: free some space or choose another folder",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.EACCES: "permission denied: choose a folder that can be written",
    errno.EPERM: "operation not permitted: choose a folder that can be written",
    errno.EDQUOT: "the disk quota is used up: free some space or choose another folder",
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "it is a folder, a file is expected",
    errno.EEXIST: "it exists already",
}


# TensorFlow prints these at every start, whatever TF_CPP_MIN_LOG_LEVEL says.
_CHATTER = (
    "All log messages before absl::InitializeLog()",
    "oneDNN custom operations are on",
    "Could not find cuda drivers",
    "failed call to cuInit",
    "This TensorFlow binary is optimized",
    "To enable the following instructions",
)


def load_tensorflow() -> None:
    """Imports TensorFlow without its start-up chatter; everything else it says is passed on."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if "tensorflow" in sys.modules:
        return
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
        finally:
            os.dup2(original, 2)
            os.close(original)
            said.seek(0)
            for line in said.read().decode(errors="replace").splitlines():
                if not any(chatter in line for chatter in _CHATTER):
                    print(line, file=sys.stderr)


def argument_parser(program: str, description: str) -> argparse.ArgumentParser:
    """An argument parser whose help shows the defaults."""
    return argparse.ArgumentParser(
        prog=program,
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )


def add_set(parser: argparse.ArgumentParser) -> None:
    """Adds `--set`, the overrides of `load_hparams`."""
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="replace hyper-parameters; may be given several times",
    )


def checkpoint_name(text: str) -> str | int:
    """Type of the argument --checkpoint: `best`, `latest` or a step number."""
    if text in ("best", "latest"):
        return text
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r}: best, latest or a step number is expected")


def run(
    main: Callable[[Sequence[str] | None], int | None], argv: Sequence[str] | None = None
) -> int:
    """Runs a command's main function and turns user errors into one line.

    Args:
        main: Takes the arguments (None for `sys.argv`) and returns an exit status or None for 0.
        argv: Arguments without the program name.

    Returns:
        The exit status: 0 on success, 2 on bad input or storage trouble, 130 on Ctrl-C.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        return main(argv) or 0
    except GanTTSError as error:
        return _fail(str(error))
    except OSError as error:
        if error.errno not in _STORAGE_ERRORS:
            raise
        where = error.filename or "a file"
        return _fail(f"{where}: {_STORAGE_ERRORS[error.errno]}")
    except KeyboardInterrupt:
        return _fail("interrupted", status=130)


def _fail(message: str, status: int = EXIT_BAD_INPUT) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return status
