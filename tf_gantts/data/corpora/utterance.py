"""One recording of a corpus, and what the readers share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from tf_gantts.errors import CorpusError

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg")


@dataclasses.dataclass(frozen=True)
class Utterance:
    """One recording.

    Attributes:
        id: Unique in its corpus, and usable as a file name.
        path: The audio file. It may be missing where only the transcript is there.
        text: Transcript, normalised where the corpus has that; empty if there is none.
        speaker: Speaker name.
        style: Style or emotion; empty if none is told.
    """

    id: str
    path: Path
    text: str
    speaker: str
    style: str = ""


def find_audio(folder: Path) -> list[Path]:
    """All recordings below a folder, sorted; hidden files (such as macOS's `._*`) are left out."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")
    )


def with_audio_suffix(stem: Path) -> Path:
    """The recording of that name without suffix: the one that exists, or else the `.wav`."""
    candidates = [stem.with_name(stem.name + suffix) for suffix in AUDIO_SUFFIXES]
    return next((path for path in candidates if path.is_file()), candidates[0])


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without byte order mark.

    Raises:
        CorpusError: If it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from None


def one_line(text: str) -> str:
    """The text with runs of white space as single spaces."""
    return " ".join(text.split())


def require_unique(utterances: Iterable[Utterance], where: str) -> None:
    """Refuses two recordings with one id.

    Raises:
        CorpusError: Naming the id and both files.
    """
    seen: dict[str, Path] = {}
    for utterance in utterances:
        if utterance.id in seen:
            raise CorpusError(
                f"{where}: two recordings are called {utterance.id!r}: {seen[utterance.id]} and"
                f" {utterance.path}; remove or rename one"
            )
        seen[utterance.id] = utterance.path


def require_audio(utterances: list[Utterance], transcripts: Path, expected: str) -> None:
    """Refuses a corpus that consists of text alone.

    Raises:
        CorpusError: Saying how many transcripts there are and where recordings were expected.
    """
    if not any(utterance.path.is_file() for utterance in utterances):
        raise CorpusError(
            f"{transcripts}: {len(utterances)} transcripts but no recordings; {expected} expected"
        )
