"""Waveforms that an evaluation judges: OUT/audio/ROW/CLIP.wav, one function per kind of row.

Every waveform is written with 16 bits, as it would be heard; what cannot be written is noted in the
table and loses no other clip.
"""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tf_gantts.audio.files import read_audio, write_wav
from tf_gantts.audio.resample import resample
from tf_gantts.data.store import FeatureStore
from tf_gantts.errors import AudioError, FeatureStoreError, GanTTSError
from tf_gantts.evaluation import judges, tasks
from tf_gantts.evaluation.results import NATURAL, Clip
from tf_gantts.evaluation.table import Table
from tf_gantts.serving.clips import RECORDINGS
from tf_gantts.serving.synthesis import Synthesis

_LOG = logging.getLogger(__name__)


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


def write_recordings(table: Table, held: HeldOut) -> None:
    """The recordings, with the level and the silence at the ends that the features have."""
    for clip, index in enumerate(held.indices):
        path = _prepared(table.path(NATURAL, clip))
        write_wav(path, held.store.read(index, "audio"), table.spec.sampling_rate)


def write_griffin_lim(table: Table, held: HeldOut, row: str, jobs: int) -> None:
    """What Griffin-Lim makes of the mels of the recordings."""
    work = [
        tasks.GriffinLimTask(held.mel(clip), _prepared(table.path(row, clip)), table.spec)
        for clip in range(len(held.clips))
    ]
    with table.stopwatch.stage("Griffin-Lim", held.seconds):
        for clip, message in judges.each("Griffin-Lim", tasks.make_griffin_lim, work, jobs):
            if message is not None:
                table.lack(row, clip, message)


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

    Several channels are averaged and another rate is converted, with a notice.

    Raises:
        AudioError: If there is none of any clip.
    """
    found = [generated_file(folder, clip) for clip in table.clips]
    if not any(found):
        raise AudioError(
            f"{folder}: no waveform is named as a clip, such as {table.clips[0].name}.wav"
        )
    rate = table.spec.sampling_rate
    converted: set[int] = set()
    for clip, path in enumerate(found):
        target = table.path(row, clip)
        try:
            if path is None:
                raise AudioError(f"{folder / table.clips[clip].name}.wav: no such file")
            audio, own_rate = read_audio(path)
            if own_rate != rate:
                converted.add(own_rate)
                audio = resample(audio, own_rate, rate)
            write_wav(_prepared(target), np.clip(audio, -1.0, 1.0), rate)
        except GanTTSError as error:
            table.lack(row, clip, str(error))
    for own_rate in sorted(converted):
        _LOG.warning("%s: waveforms of %d Hz were converted to %d Hz", folder, own_rate, rate)


def generated_file(folder: Path, clip: Clip) -> Path | None:
    """FOLDER/CLIP.wav or the like, if there is one."""
    candidates = (folder / f"{clip.name}{suffix}" for suffix in RECORDINGS)
    return next((path for path in candidates if path.is_file()), None)


def _prepared(path: Path) -> Path:
    """The path, in a folder that exists; a file of an earlier evaluation is gone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    return path
