"""The feature store: a folder with an index and flat tracks of every utterance, behind one reader.

A store is a folder:

    index.json                  what is inside, and how it was made; written last
    features-<build>.h5         tracks `audio` and `mel` (or TFRecord shards)
    <other>-<build>.h5          tracks added later, see `add_tracks`

Only the index says which files belong to the store, and it is replaced in one piece. So a store is
either complete or not there, and making it anew never disturbs one who reads the old one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tf_gantts.audio.files import write_atomically
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.audio.statistics import Statistics
from tf_gantts.data import hdf5, tfrecord
from tf_gantts.data.tracks import ReadRows, Track, TrackFiles
from tf_gantts.errors import FeatureStoreError, GanTTSError

_LOG = logging.getLogger(__name__)

INDEX_NAME = "index.json"
PARTS_NAME = "parts"  # unfinished work of tools/preprocess.py
SPLITS = ("train", "valid", "test")
_FORMAT = "tf_gantts feature store"
_VERSION = 1
_DATA_NAME = re.compile(r".+-[0-9a-f]{8}(\.h5|-\d{5}-of-\d{5}\.tfrecord)")
_WRITERS = {"hdf5": hdf5.write_tracks, "tfrecord": tfrecord.write_tracks}
_READERS: dict[str, type[hdf5.Hdf5Tracks] | type[tfrecord.TfrecordTracks]] = {
    "hdf5": hdf5.Hdf5Tracks,
    "tfrecord": tfrecord.TfrecordTracks,
}

StoreFormat = Literal["hdf5", "tfrecord"]


@dataclasses.dataclass(frozen=True)
class StoredUtterance:
    """What the index says about one utterance.

    Attributes:
        id: Unique in the store.
        text: Transcript; empty if there is none.
        speaker: Speaker name.
        split: `train`, `valid` or `test`.
        frames: Length in mel frames.
        samples: Length in samples, frames * hop_size.
        source_hash: SHA-256 of the recording's file, in hexadecimal.
        style: Style or emotion; empty if none is told.
    """

    id: str
    text: str
    speaker: str
    split: str
    frames: int
    samples: int
    source_hash: str
    style: str = ""


class FeatureStore:
    """Reads the features of a corpus; see `open_store`.

    Attributes:
        path: The store's folder.
        spec: Mel definition of the track `mel`.
        statistics: Mean and scale per mel band, of the training split.
        preprocessing: How the recordings were treated (gain, trimming, seed ...).
        mel_source: What made the mels, when it was an acoustic model; empty: they are those of the
            audio.
        utterances: All utterances; an utterance's position here is its index.
        splits: Indices of the utterances of each split, in ascending order.
        tracks: The features there are, by name.
        descriptions: How added tracks were made, by name.
    """

    def __init__(self, path: str, index: Mapping[str, Any]):
        self.path = path
        self.spec = MelSpec.from_dict(index["mel_spec"])
        self.statistics = Statistics.from_dict(index["statistics"])
        self.preprocessing: dict[str, Any] = dict(index["preprocessing"])
        self.mel_source: str = index.get("mel_source", "")
        self.utterances = tuple(StoredUtterance(**entry) for entry in index["utterances"])
        _require_aligned(self.utterances, self.spec, path)
        self.splits: dict[str, list[int]] = {name: [] for name in SPLITS}
        for position, utterance in enumerate(self.utterances):
            self.splits[utterance.split].append(position)
        self.tracks: dict[str, Track] = {}
        self.descriptions: dict[str, dict[str, Any]] = {}
        self._files: dict[str, TrackFiles] = {}
        for entry in index["files"]:
            tracks = [
                Track.create(name, fields["dtype"], fields["row_shape"], fields["lengths"])
                for name, fields in entry["tracks"].items()
            ]
            files = _READERS[entry["format"]](path, entry, tracks)
            for track in tracks:
                self.tracks[track.name] = track
                self.descriptions[track.name] = entry.get("description", {})
                self._files[track.name] = files

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the files back; nothing can be read afterwards."""
        for files in self._files.values():
            files.close()

    def track(self, name: str) -> Track:
        """The description of a track.

        Raises:
            FeatureStoreError: If the store has no such track.
        """
        if name not in self.tracks:
            raise FeatureStoreError(
                f"{self.path}: no track {name!r}; this store has {sorted(self.tracks)}"
            )
        return self.tracks[name]

    def length(self, utterance: int, track: str) -> int:
        """Rows of one utterance."""
        return int(self.track(track).lengths[utterance])

    def read(
        self, utterance: int, track: str, start: int = 0, stop: int | None = None
    ) -> np.ndarray:
        """Rows `start` to `stop` (None: the end) of one utterance.

        Args:
            utterance: Index of the utterance.
            track: Name of the track.
            start: First row; `audio` counts samples, `mel` frames.
            stop: Row after the last one, at most the utterance's length.

        Returns:
            A new array (stop - start, *row_shape) in the track's type.

        Raises:
            FeatureStoreError: If there is no such track or row.
        """
        described = self.track(track)
        length = int(described.lengths[utterance])
        stop = length if stop is None else stop
        if not 0 <= start <= stop <= length:
            raise FeatureStoreError(
                f"{self.path}: rows {start} to {stop} of track {track!r} were asked for, but"
                f" {self.utterances[utterance].id} has {length}"
            )
        if start == stop:
            return np.zeros((0, *described.row_shape), described.dtype)
        return described.decode(self._files[track].read_bytes(described, utterance, start, stop))

    def memory_map(self, track: str) -> np.ndarray | None:
        """All rows of all utterances in the store's order, without reading them.

        Args:
            track: Name of the track.

        Returns:
            An array (rows, *row_shape) backed by the file, aligned to 64 bytes; changes to it stay
            private. None if the store's files do not hold the rows in one piece.

        Raises:
            FeatureStoreError: If there is no such track.
        """
        described = self.track(track)
        return self._files[track].memory_map(described)


def open_store(directory: str | Path, hparams: str | Path = "HPARAMS.yaml") -> FeatureStore:
    """Opens a feature store.

    Args:
        directory: The store's folder; `gs://...` too for TFRecord stores.
        hparams: The hyper-parameter file in use, for the command in error messages.

    Returns:
        The store, ready to read. It may be used from several threads.

    Raises:
        FeatureStoreError: If the folder is missing, unfinished, damaged or something else; the
            message names the file and the command that makes the store.
    """
    name = str(directory).rstrip("/")
    try:
        return FeatureStore(name, _read_index(name))
    except FeatureStoreError as error:
        raise FeatureStoreError(f"{error}; make it with: {make_command(name, hparams)}") from None
    except (GanTTSError, KeyError, TypeError, ValueError) as error:
        raise FeatureStoreError(
            f"{name}/{INDEX_NAME}: damaged ({type(error).__name__}: {error});"
            f" make it with: {make_command(name, hparams, '--force')}"
        ) from None


def make_command(directory: str | Path, hparams: str | Path, *extra: str) -> str:
    """The command that makes a feature store."""
    words = ["python tools/preprocess.py --hparams", hparams, "--corpus CORPUS_DIR --features"]
    return " ".join(str(word) for word in (*words, directory, *extra))


def _read_index(directory: str) -> dict[str, Any]:
    text = _read_remote_index(directory) if "://" in directory else _read_local_index(directory)
    path = f"{directory}/{INDEX_NAME}"
    try:
        index = json.loads(text)
    except ValueError:
        raise FeatureStoreError(f"{path}: damaged or half-written (not JSON)") from None
    if not isinstance(index, dict) or index.get("format") != _FORMAT:
        raise FeatureStoreError(f"{path}: not the index of a feature store")
    if index.get("version") != _VERSION:
        raise FeatureStoreError(
            f"{path}: version {index.get('version')!r} of the store, this program reads {_VERSION}"
        )
    if index.get("complete") is not True:
        raise FeatureStoreError(f"{path}: the store is not complete")
    return index


def _read_local_index(directory: str) -> str:
    folder = Path(directory)
    path = folder / INDEX_NAME
    if folder.is_file():
        raise FeatureStoreError(f"{folder}: a file, but a feature store is a folder")
    if not folder.is_dir():
        raise FeatureStoreError(f"{folder}: no such feature store")
    if not path.is_file():
        if (folder / PARTS_NAME).is_dir():
            raise FeatureStoreError(
                f"{folder}: preprocessing was interrupted, {path.name} is not written yet; the same"
                " command goes on where it stopped"
            )
        raise FeatureStoreError(f"{folder}: not a feature store ({path.name} is missing)")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise FeatureStoreError(f"{path}: damaged (not text)") from None


def _read_remote_index(directory: str) -> str:
    import tensorflow as tf

    path = f"{directory}/{INDEX_NAME}"
    try:
        with tf.io.gfile.GFile(path, "r") as file:
            return file.read()
    except tf.errors.OpError as error:
        raise FeatureStoreError(f"{path}: cannot be read ({error.message})") from None


def write_store(
    directory: str | Path,
    *,
    spec: MelSpec,
    statistics: Statistics,
    preprocessing: Mapping[str, Any],
    utterances: Sequence[StoredUtterance],
    read: ReadRows,
    store_format: StoreFormat = "hdf5",
    progress: Callable[[], None] = lambda: None,
    mel_source: str = "",
) -> None:
    """Writes a new store with the tracks `audio` (int16) and `mel` (float32).

    An older store in the same folder stays readable until the new one is complete, then its files
    are removed.

    Args:
        directory: The folder, made if needed.
        spec: Mel definition.
        statistics: Of the training split.
        preprocessing: JSON-ready settings.
        utterances: In the order of their indices.
        read: Gives `audio` (samples,) int16 and `mel` (frames, n_mels) float32 of an utterance.
        store_format: `hdf5` or `tfrecord`.
        progress: Called after each utterance.
        mel_source: What made the mels, when it was an acoustic model.

    Raises:
        OSError: If the folder cannot be written or the disk is full; an older store is untouched.
        FeatureStoreError: If the arrays do not have the announced shapes, or an utterance's mel is
            not as long as its audio.
    """
    _require_aligned(utterances, spec, directory)
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    tracks = [
        Track.create("audio", "int16", (), [utterance.samples for utterance in utterances]),
        Track.create("mel", "float32", (spec.num_mels,), [u.frames for u in utterances]),
    ]
    described = [dataclasses.asdict(utterance) for utterance in utterances]
    made_by = [mel_source] if mel_source else []
    stem = f"features-{_digest(spec.to_dict(), dict(preprocessing), described, *made_by)}"
    entry = _WRITERS[store_format](
        folder, stem, tracks, [utterance.id for utterance in utterances], read, progress
    )
    index = {
        "format": _FORMAT,
        "version": _VERSION,
        "complete": True,
        "mel_fingerprint": spec.fingerprint,
        "mel_spec": spec.to_dict(),
        "statistics": statistics.to_dict(),
        "preprocessing": dict(preprocessing),
        "mel_source": mel_source,
        "files": [entry],
        "utterances": described,
    }
    _replace_index(folder, index)


def _require_aligned(
    utterances: Sequence[StoredUtterance], spec: MelSpec, where: str | Path
) -> None:
    """Refuses mel and audio of different length, which a vocoder cannot be trained on."""
    for utterance in utterances:
        if utterance.frames * spec.hop_size != utterance.samples:
            raise FeatureStoreError(
                f"{where}: clip {utterance.id}: {utterance.frames} mel frames of {spec.hop_size}"
                f" samples do not fit {utterance.samples} samples of audio"
            )


def add_tracks(
    directory: str | Path,
    name: str,
    tracks: Sequence[Track],
    read: ReadRows,
    store_format: StoreFormat = "hdf5",
    progress: Callable[[], None] = lambda: None,
    description: Mapping[str, Any] | None = None,
) -> None:
    """Adds tracks to a store, or replaces those that were added under the same names.

    Args:
        directory: The store's folder.
        name: Begin of the new file's name, for instance `text_states`.
        tracks: The new tracks; their lengths must be known, 0 for utterances without rows.
        read: Gives the rows of an utterance, by track name.
        store_format: `hdf5` or `tfrecord`.
        progress: Called after each utterance.
        description: How they were made, JSON-ready; see `FeatureStore.descriptions`.

    Raises:
        OSError: If the folder cannot be written or the disk is full; the store is untouched.
        FeatureStoreError: If there is no store, a track does not cover it, or a replaced file has
            other tracks that would be lost.
    """
    folder = Path(directory)
    index = _read_index(str(folder))
    new = {track.name for track in tracks}
    for track in tracks:
        if len(track.lengths) != len(index["utterances"]):
            raise FeatureStoreError(
                f"track {track.name!r} has {len(track.lengths)} utterances,"
                f" {folder} has {len(index['utterances'])}"
            )
    kept = [entry for entry in index["files"] if not new & set(entry["tracks"])]
    for entry in index["files"]:
        lost = sorted(set(entry["tracks"]) - new)
        if entry not in kept and lost:
            raise FeatureStoreError(
                f"{folder}: replacing {sorted(new & set(entry['tracks']))} would lose {lost},"
                " which are in the same file"
            )
    ids = [utterance["id"] for utterance in index["utterances"]]
    count = index.get("revision", 0) + 1  # a new file name, so that readers of the old one go on
    stem = f"{name}-{_digest(ids, sorted(new), count)}"
    entry = _WRITERS[store_format](folder, stem, tracks, ids, read, progress)
    entry |= {"description": dict(description or {})}
    _replace_index(folder, index | {"files": [*kept, entry], "revision": count})


def _replace_index(folder: Path, index: Mapping[str, Any]) -> None:
    """Makes the new index valid, then removes data files of ours that it does not name."""
    write_atomically(folder / INDEX_NAME, json.dumps(index, ensure_ascii=False).encode())
    named = {name for entry in index["files"] for name in _file_names(entry)}
    for path in folder.iterdir():
        if _DATA_NAME.fullmatch(path.name) and path.name not in named:
            path.unlink()
            _LOG.info("removed %s of an earlier store", path)


def _file_names(entry: Mapping[str, Any]) -> list[str]:
    return [entry["name"]] if "name" in entry else [shard["name"] for shard in entry["shards"]]


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]
