"""Waveforms that an evaluation judges: OUT/audio/ROW/CLIP.wav, one function per kind of row.

Every waveform is written with 16 bits, as it would be heard; what cannot be written is noted in the
table and loses no other clip.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from tf_gantts.audio.files import read_audio, write_wav
from tf_gantts.audio.resample import resample
from tf_gantts.data.store import FeatureStore
from tf_gantts.errors import AudioError, FeatureStoreError, GanTTSError
from tf_gantts.evaluation import judges, mel_pairs, tasks
from tf_gantts.evaluation.missing import Missing
from tf_gantts.evaluation.results import NATURAL, Clip, Source
from tf_gantts.evaluation.table import Table
from tf_gantts.serving.clips import RECORDINGS, mel_file
from tf_gantts.serving.forced_mels import TeacherForced

if TYPE_CHECKING:
    from tf_gantts.serving.synthesis import Synthesis  # needs TensorFlow

_LOG = logging.getLogger(__name__)

GRIFFIN_LIM = "griffin_lim"
_ONLY_MELS = "there are mel-spectrograms only"

Mels = Callable[[int], np.ndarray | None]  # a clip's raw log-mel (T, n_mels), if there is one


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """The recordings that are compared with.

    Attributes:
        store: The features.
        indices: The utterances' indices in the store.
        clips: What results say about them.
    """

    store: FeatureStore
    indices: tuple[int, ...]
    clips: tuple[Clip, ...]

    def mel(self, clip: int) -> np.ndarray:
        """Raw log-mel `(T, n_mels)` of a clip."""
        return self.store.read(self.indices[clip], "mel")

    @property
    def seconds(self) -> float:
        """Length of all clips."""
        return sum(clip.seconds for clip in self.clips)


def held_out(store: FeatureStore, split: str, count: int | None) -> HeldOut:
    """The clips of a split.

    Args:
        store: The features.
        split: `train`, `valid` or `test`.
        count: How many of them, from the first; None for all.

    Raises:
        FeatureStoreError: If the split is empty.
    """
    indices = store.splits[split][:count]
    if not indices:
        counts = ", ".join(f"{name} {len(ids)}" for name, ids in store.splits.items())
        raise FeatureStoreError(f"{store.path}: split {split} is empty (clips: {counts})")
    utterances = [store.utterances[index] for index in indices]
    rate = store.spec.sampling_rate
    clips = tuple(Clip(u.id, u.text, u.speaker, u.samples / rate) for u in utterances)
    return HeldOut(store, tuple(indices), clips)


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of the table and how its waveforms come about.

    Attributes:
        source: What it is.
        write: Writes the waveforms.
        folder: Where they were made elsewhere; they need not have the timing of the recordings.
        mels: Its mels, frame by frame with those of the recordings; None if it has none.
    """

    source: Source
    write: Callable[[Table], None]
    folder: Path | None = None
    mels: Mels | None = None


def plan(
    held: HeldOut,
    networks: Sequence[tuple[Source, Synthesis | TeacherForced]],
    generated: Sequence[Path],
    griffin_lim_jobs: int,
) -> list[Row]:
    """The rows: the recordings, Griffin-Lim, the networks, what was made elsewhere.

    Args:
        held: The recordings.
        networks: Networks to be evaluated: vocoders, and what acoustic models make.
        generated: Folders of waveforms or mels.
        griffin_lim_jobs: Number of processes for Griffin-Lim; 0 leaves it out, and acoustic models
            have mels only.

    Returns:
        The rows, no two with the same name.
    """
    note = "The held-out recording itself: the best possible score."
    write: Callable[[Table], None] = functools.partial(write_recordings, held=held)
    rows = [Row(Source(NATURAL, "Recording", note), write)]
    if griffin_lim_jobs:
        note = "No network: the phase is estimated from the mel in 60 rounds."
        source = Source(GRIFFIN_LIM, "Griffin-Lim", note)
        write = functools.partial(
            write_griffin_lim, mels=held.mel, row=source.name, jobs=griffin_lim_jobs
        )
        rows.append(Row(source, write))
    for source, network in networks:
        source = _renamed(source, rows)
        if isinstance(network, TeacherForced):
            write = functools.partial(
                write_forced, held=held, row=source.name, mels=network, jobs=griffin_lim_jobs
            )
            rows.append(Row(source, write, mels=network))
        else:
            write = functools.partial(
                write_synthesis, held=held, row=source.name, synthesis=network
            )
            rows.append(Row(source, write))
    for folder in generated:
        name = folder.resolve().name
        source = _renamed(Source(name, name, "Made elsewhere.", main=not networks), rows)
        write = functools.partial(write_generated, row=source.name, folder=folder)
        rows.append(Row(source, write, folder, _mels_in(folder, held)))
    return rows


def _renamed(source: Source, rows: Sequence[Row]) -> Source:
    """The source with a name that no row has yet."""
    taken = {row.source.name for row in rows}
    name, number = source.name, 1
    while name in taken:
        number += 1
        name = f"{source.name}-{number}"
    return dataclasses.replace(source, name=name)


def write_recordings(table: Table, held: HeldOut) -> None:
    """The recordings, with the level and the silence at the ends that the features have."""
    for clip, index in enumerate(held.indices):
        path = _prepared(table.path(NATURAL, clip))
        write_wav(path, held.store.read(index, "audio"), table.spec.sampling_rate)


def write_griffin_lim(table: Table, mels: Mels, row: str, jobs: int) -> None:
    """What Griffin-Lim makes of mels; clips without one are mute.

    Args:
        table: Says where the waveforms go.
        mels: The mels, such as those of the recordings.
        row: Name of the row.
        jobs: Number of processes; with 0 all clips are mute.
    """
    work: dict[int, tasks.GriffinLimTask] = {}
    for clip in range(len(table.clips)):
        path, mel = _prepared(table.path(row, clip)), mels(clip)
        if mel is None:
            table.mute(row, clip, "the model cannot read its text")
        elif not jobs:
            table.mute(row, clip, _ONLY_MELS)
        else:
            work[clip] = tasks.GriffinLimTask(mel, path, table.spec)
    if not work:
        return
    clips, items = list(work), list(work.values())
    with table.stopwatch.stage("Griffin-Lim", sum(table.clips[clip].seconds for clip in clips)):
        for number, message in judges.each("Griffin-Lim", tasks.make_griffin_lim, items, jobs):
            if message is not None:
                table.lack(row, clips[number], message)


def write_forced(table: Table, held: HeldOut, row: str, mels: TeacherForced, jobs: int) -> None:
    """What Griffin-Lim makes of the mels of an acoustic model; see `write_griffin_lim`."""
    with table.stopwatch.stage(f"teacher forcing, {row}", held.seconds):
        mels(0)  # the first question has all of them made
    write_griffin_lim(table, mels, row, jobs)


def write_synthesis(table: Table, held: HeldOut, row: str, synthesis: Synthesis) -> None:
    """What a network makes of the mels of the recordings."""
    clips = range(len(held.clips))
    with table.stopwatch.stage(f"synthesis, {row}", held.seconds):
        for clip in tqdm(clips, desc=row, unit="clip", disable=None):
            path = _prepared(table.path(row, clip))
            try:
                ((audio, _),) = synthesis([held.mel(clip)])
                # A broken network may be far beyond full scale: clipped without a word.
                write_wav(path, np.clip(audio, -1.0, 1.0), table.spec.sampling_rate)
            except GanTTSError as error:
                table.lack(row, clip, str(error))


def write_generated(table: Table, row: str, folder: Path) -> None:
    """Copies of waveforms that any program made: FOLDER/CLIP.wav (or .flac, .ogg).

    Several channels are averaged and another rate is converted, with a notice. A folder of mels
    only (FOLDER/CLIP.npy) has no waveforms.

    Raises:
        AudioError: If there is neither of any clip.
    """
    found = [_waveform(folder, clip) for clip in table.clips]
    only_mels = not any(found) and any(_mel(folder, clip).is_file() for clip in table.clips)
    if not any(found) and not only_mels:
        raise AudioError(f"{folder}: no file is named as a clip, such as {table.clips[0].name}.wav")
    rate = table.spec.sampling_rate
    converted: set[int] = set()
    for clip, given in enumerate(found):
        target = _prepared(table.path(row, clip))
        try:
            if only_mels:
                table.mute(row, clip, _ONLY_MELS)
                continue
            if given is None:
                raise AudioError(f"{folder / table.clips[clip].name}.wav: no such file")
            audio, own_rate = read_audio(given)
            if own_rate != rate:
                converted.add(own_rate)
                audio = resample(audio, own_rate, rate)
            write_wav(target, np.clip(audio, -1.0, 1.0), rate)
        except GanTTSError as error:
            table.lack(row, clip, str(error))
    for own_rate in sorted(converted):
        _LOG.warning("%s: waveforms of %d Hz were converted to %d Hz", folder, own_rate, rate)


def measure_mels(table: Table, held: HeldOut, rows: Sequence[Row]) -> None:
    """Compares mels, frame by frame, with those of the recordings.

    Args:
        table: Gets the columns of `mel_pairs`, if any row has mels.
        held: The recordings.
        rows: The rows.
    """
    made = {row.source.name: row.mels for row in rows if row.mels}
    if not made:
        return
    columns = (*mel_pairs.COLUMNS, *mel_pairs.NORMALIZED_COLUMNS)
    table.add(columns)
    for source in table.sources:
        for clip in range(len(table.clips)):
            numbers: dict[str, float] = {}
            reason = "no mel-spectrogram is given"
            try:
                mel = made[source.name](clip) if source.name in made else None
                if mel is not None:
                    natural = held.mel(clip)
                    numbers = mel_pairs.score_mels(natural, mel)
                    statistics = held.store.statistics
                    numbers |= mel_pairs.score_normalized(natural, mel, statistics)
            except GanTTSError as error:
                reason = str(error)
                table.fail(source.name, clip, reason)
            missing = dict.fromkeys((column.name for column in columns), Missing(reason))
            table.put(source.name, clip, numbers or missing)


def _mels_in(folder: Path, held: HeldOut) -> Mels | None:
    """The mels that were made elsewhere, FOLDER/CLIP.npy; None if there is none."""
    paths = [_mel(folder, clip) for clip in held.clips]
    if not any(path.is_file() for path in paths):
        return None

    def read(clip: int) -> np.ndarray | None:
        path = paths[clip]
        return mel_file(path, held.store.spec).mel if path.is_file() else None

    return read


def _waveform(folder: Path, clip: Clip) -> Path | None:
    candidates = (folder / f"{clip.name}{suffix}" for suffix in RECORDINGS)
    return next((path for path in candidates if path.is_file()), None)


def _mel(folder: Path, clip: Clip) -> Path:
    return folder / f"{clip.name}.npy"


def _prepared(path: Path) -> Path:
    """The path, in a folder that exists; a file of an earlier evaluation is gone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    return path
