"""A plain folder of recordings, with transcripts if there are any.

A transcript is a text file of the same name (`.txt`, `.lab`, `.normalized.txt`) or a line in a
table at the top of the folder (`metadata`, `manifest` or `transcripts`, `.csv` or `.tsv`; separated
by `|`, tab or comma; with column names, or without as `file|...|text`).
"""

from __future__ import annotations

import csv
from pathlib import Path

from tf_gantts.data.corpora.utterance import (
    AUDIO_SUFFIXES,
    Utterance,
    find_audio,
    one_line,
    read_text,
    with_audio_suffix,
)
from tf_gantts.errors import CorpusError

LAYOUT = "wav or flac files, in subfolders too"
_TABLES = [
    f"{name}{suffix}"
    for name in ("metadata", "manifest", "transcripts")
    for suffix in (".csv", ".tsv")
]
_TEXT_SUFFIXES = (".txt", ".lab", ".normalized.txt")  # the last is LibriTTS's
_FILE_COLUMNS = ("path", "file_name", "filename", "file", "audio", "wav", "id")
_TEXT_COLUMNS = ("normalized_text", "text", "transcript", "transcription", "sentence")
_SPEAKER_COLUMNS = ("speaker", "speaker_id", "client_id")
_STYLE_COLUMNS = ("style", "emotion")
_NO_SPEAKER = {"wav", "wavs", "flac", "audio", "clips", "recordings"}  # names of mere containers


def detect(folder: Path) -> bool:
    """Whether there is any recording."""
    return bool(find_audio(folder))


def read(folder: Path) -> list[Utterance]:
    """Reads all recordings below a folder, sorted by path.

    Args:
        folder: The corpus.

    Returns:
        Its utterances, with ids made of the path below the folder. The speaker is what the table
        says, else the first subfolder's name, else the folder's. Lines of the table whose recording
        is missing are there too.

    Raises:
        CorpusError: If there is no recording or the table is malformed.
    """
    recordings = find_audio(folder)
    if not recordings:
        raise CorpusError(f"{folder}: no recordings ({', '.join(AUDIO_SUFFIXES)}) found below it")
    table = _read_table(folder)
    missing = [path for path in table if not path.is_file()]
    names: dict[str, int] = {}
    utterances = []
    for path in sorted({*recordings, *missing}):
        relative = path.relative_to(folder)
        text, speaker, style = table.get(path, ("", "", ""))
        name = "_".join(relative.with_suffix("").parts)
        names[name] = names.get(name, 0) + 1
        if names[name] > 1:  # a/b.wav and a_b.wav, or a.wav and a.flac
            name = f"{name}-{names[name]}"
        text, speaker = text or _sidecar(path), speaker or _speaker(folder, relative)
        utterances.append(Utterance(name, path, text, speaker, style))
    return utterances


def _speaker(folder: Path, relative: Path) -> str:
    first = relative.parts[0]
    if len(relative.parts) == 1 or first.lower() in _NO_SPEAKER:
        return folder.resolve().name
    return first


def _sidecar(path: Path) -> str:
    for suffix in _TEXT_SUFFIXES:
        text = path.with_suffix(suffix)
        if text.is_file():
            return one_line(read_text(text))
    return ""


def _read_table(folder: Path) -> dict[Path, tuple[str, str, str]]:
    """Path of a recording -> its text, speaker and style."""
    path = next((folder / name for name in _TABLES if (folder / name).is_file()), None)
    if path is None:
        return {}
    lines = read_text(path).splitlines()
    if not lines:
        return {}
    separator = max("|\t,", key=lines[0].count)
    if separator == ",":
        rows = [row for row in csv.reader(lines) if row]
    else:  # quotation marks are text there
        rows = [line.split(separator) for line in lines if line.strip()]
    columns = [name.strip().lower() for name in rows[0]]
    file_column = _column(columns, _FILE_COLUMNS)
    named = [_column(columns, n) for n in (_TEXT_COLUMNS, _SPEAKER_COLUMNS, _STYLE_COLUMNS)]
    if file_column is None:  # no column names
        file_column, named = 0, [len(columns) - 1, None, None]
    else:
        rows = rows[1:]
    table = {}
    for row in rows:
        if len(row) < len(columns):
            raise CorpusError(
                f"{path}: {len(columns)} columns expected, found {separator.join(row)[:60]!r}"
            )
        text, speaker, style = ("" if n in (None, file_column) else row[n].strip() for n in named)
        table[_recording(folder, row[file_column].strip())] = (one_line(text), speaker, style)
    return table


def _column(columns: list[str], names: tuple[str, ...]) -> int | None:
    return next((columns.index(name) for name in names if name in columns), None)


def _recording(folder: Path, name: str) -> Path:
    path = folder / name
    return path if path.suffix.lower() in AUDIO_SUFFIXES else with_audio_suffix(path)
