"""What synthesis is asked to do: recordings, stored features and mel files as one kind of clip."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from tf_gantts.audio.files import read_audio
from tf_gantts.audio.level import apply_gain
from tf_gantts.audio.mel import frame_align
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.audio.resample import resample
from tf_gantts.data.store import INDEX_NAME, FeatureStore, open_store
from tf_gantts.errors import AudioError, FeatureStoreError

_LOG = logging.getLogger(__name__)

RECORDINGS = (".wav", ".flac", ".ogg")


@dataclasses.dataclass(frozen=True)
class Clip:
    """One clip to be synthesised.

    Attributes:
        mel: Raw log-mel (T, n_mels), float32.
        samples: Length of the wanted waveform, at most T * hop_size.
        gain: What its level was multiplied by before the analysis; the waveform is divided by it.
        recorded: Whether the mel is that of a natural recording.
    """

    mel: np.ndarray
    samples: int
    gain: float = 1.0
    recorded: bool = True


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a clip comes from.

    Attributes:
        name: What the files made from it are called, without suffix.
        path: The file or store.
        read: Reads it; raises GanTTSError if it cannot be used.
    """

    name: str
    path: Path
    read: Callable[[], Clip]


def recordings(paths: Sequence[Path], spec: MelSpec, gain: float = 1.0) -> list[Source]:
    """Recordings as clips.

    Args:
        paths: Files, or folders whose recordings (wav, flac, ogg) are taken.
        spec: The mel definition; recordings at another rate are resampled, with a notice.
        gain: The recipe's `global_gain_scale`.

    Raises:
        AudioError: If a path does not exist or a folder holds no recording.
    """
    files = []
    for path in paths:
        if not path.is_dir():
            if not path.exists():
                raise AudioError(f"{path}: no such recording")
            files.append(path)
            continue
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in RECORDINGS)
        if not found:
            raise AudioError(f"{path}: no recording in this folder; {', '.join(RECORDINGS)} count")
        files += found
    return _distinct(
        [Source(path.stem, path, partial(_recording, path, spec, gain)) for path in files]
    )


def features(
    paths: Sequence[Path], split: str | None, spec: MelSpec, owner: str
) -> tuple[list[Source], list[FeatureStore]]:
    """Features as clips.

    Args:
        paths: Feature stores, `.npy` files with raw log-mels (T, n_mels), or folders of such files.
        split: `train`, `valid` or `test` of the stores; None for all.
        spec: The mel definition that the features must have.
        owner: Whose definition that is, for messages.

    Returns:
        The clips, and the stores behind them, to be closed by the caller.

    Raises:
        FeatureStoreError: If there is nothing to read.
        MelSpecMismatchError: If a store has another mel definition.
    """
    sources: list[Source] = []
    stores: list[FeatureStore] = []
    files: list[Path] = []
    for path in paths:
        arrays = sorted(path.glob("*.npy")) if path.is_dir() else []
        if path.suffix == ".npy" and path.is_file():
            files.append(path)
        elif arrays and not (path / INDEX_NAME).exists():
            files += arrays
        else:
            store = open_store(path)
            spec.require_same(store.spec, owner, f"features {path}")
            stores.append(store)
            sources += _stored(store, path, split)
    sources += [Source(path.stem, path, partial(mel_file, path, spec)) for path in files]
    return _distinct(sources), stores


def _distinct(sources: Sequence[Source]) -> list[Source]:
    """The same sources, with a number in the name where two have the same."""
    taken: set[str] = set()
    distinct = []
    for source in sources:
        name, number = source.name, 1
        while name in taken:
            number += 1
            name = f"{source.name}-{number}"
        taken.add(name)
        distinct.append(dataclasses.replace(source, name=name))
    return distinct


def _recording(path: Path, spec: MelSpec, gain: float) -> Clip:
    audio, rate = read_audio(path)
    if rate != spec.sampling_rate:
        _LOG.info("%s: resampled from %d to %d Hz", path, rate, spec.sampling_rate)
        audio = resample(audio, rate, spec.sampling_rate)
    try:
        _, mel = frame_align(apply_gain(audio, gain), spec)
    except AudioError as error:
        raise AudioError(f"{path}: {error}") from None
    return Clip(mel, len(audio), gain)


def _stored(store: FeatureStore, path: Path, split: str | None) -> list[Source]:
    indices = range(len(store.utterances)) if split is None else store.splits[split]
    if not indices:
        counts = ", ".join(f"{name} {len(ids)}" for name, ids in store.splits.items())
        raise FeatureStoreError(f"{path}: split {split} is empty (clips: {counts})")

    def read(index: int) -> Clip:
        samples = store.utterances[index].samples
        return Clip(store.read(index, "mel"), samples, recorded=not store.mel_source)

    return [Source(store.utterances[i].id, path, partial(read, i)) for i in indices]


def mel_file(path: Path, spec: MelSpec) -> Clip:
    """Reads a `.npy` file with a raw log-mel (T, n_mels).

    Raises:
        FeatureStoreError: If it holds something else.
    """
    try:
        mel = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise FeatureStoreError(f"{path}: not an array that can be read ({error})") from None
    bands = spec.num_mels
    if mel.ndim == 3 and mel.shape[0] == 1:
        mel = mel[0]
    if mel.ndim != 2 or mel.shape[1] != bands or not np.issubdtype(mel.dtype, np.floating):
        hint = "; transpose it" if mel.ndim == 2 and mel.shape[0] == bands else ""
        raise FeatureStoreError(
            f"{path}: {mel.dtype} of shape {mel.shape}; floating-point log-mels (frames, {bands})"
            f" are expected{hint}"
        )
    if not len(mel):
        raise FeatureStoreError(f"{path}: no frames")
    if not np.isfinite(mel).all():
        raise FeatureStoreError(f"{path}: some values are not finite numbers")
    mel = mel.astype(np.float32)
    return Clip(mel, len(mel) * spec.hop_size, recorded=False)
