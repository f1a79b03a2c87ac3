"""Feature stores whose mels an acoustic model made, to fine-tune a vocoder on what it will hear."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tf_gantts.audio.statistics import StatisticsAccumulator
from tf_gantts.data.lock import locked
from tf_gantts.data.parts import PartFolder
from tf_gantts.data.store import (
    PARTS_NAME,
    FeatureStore,
    StoredUtterance,
    StoreFormat,
    write_store,
)
from tf_gantts.errors import FeatureStoreError

MelOfClip = Callable[[int], np.ndarray]


def write_model_made(
    source: FeatureStore,
    mel_of_clip: MelOfClip,
    mel_source: str,
    directory: str | Path,
    store_format: StoreFormat = "hdf5",
    progress: Callable[[], None] = lambda: None,
    order: Sequence[int] | None = None,
) -> None:
    """Copies a store with the mels of an acoustic model in place of the recordings' own.

    Utterances, splits and audio stay. Interrupted, the same call goes on where it stopped, so
    `mel_source` must change whenever the model does.

    Args:
        source: The recordings' store; the model must have been trained on its mel definition.
        mel_of_clip: Gives the model's raw log-mel (frames, n_mels) float32 of an utterance of
            `source`, by its index: teacher-forced, so that frame t belongs to the samples from
            t * hop_size on.
        mel_source: What the model is, for instance `tacotron2 runs/lj at step 40,000`.
        directory: The new store's folder.
        store_format: `hdf5` or `tfrecord`.
        progress: Called after each utterance.
        order: Indices of the utterances that the new store has, in the order in which their mels
            are asked for; None for all. In the store they stand as in `source`.

    Raises:
        FeatureStoreError: If a mel is not as long as the clip's audio, has other bands or is not
            finite, naming the clip; if the source's own mels are model-made; or if the folder is in
            use.
        OSError: If the folder cannot be written.
    """
    if not mel_source:
        raise FeatureStoreError(f"{directory}: mel_source must say which model made the mels")
    if source.mel_source:
        raise FeatureStoreError(
            f"{source.path}: its mels are model-made ({source.mel_source}); give the recordings'"
            " own features"
        )
    folder = Path(directory)
    if folder.resolve() == Path(source.path).resolve():
        raise FeatureStoreError(f"{folder}: holds the recordings' own mels; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "mel extraction", FeatureStoreError):
        parts = PartFolder(folder / PARTS_NAME)
        parts.clean()
        statistics = StatisticsAccumulator(source.spec.num_mels)
        kept = range(len(source.utterances)) if order is None else sorted(order)
        keys = {i: _part_name(source, source.utterances[i], mel_source) for i in kept}
        for index in kept if order is None else order:
            utterance, key = source.utterances[index], keys[index]
            if parts.read_facts(key) is None:
                mel = np.asarray(mel_of_clip(index))
                _require_usable(mel, utterance, source)
                parts.write(key, {"mel": mel.astype(np.float32)}, {})
            if utterance.split == "train":
                statistics.update(parts.read(key)["mel"])
            progress()

        def read(place: int) -> dict[str, Any]:
            index = kept[place]
            return {"audio": source.read(index, "audio"), **parts.read(keys[index])}

        write_store(
            folder,
            spec=source.spec,
            statistics=statistics.result(),
            preprocessing=source.preprocessing,
            utterances=[source.utterances[i] for i in kept],
            read=read,
            store_format=store_format,
            mel_source=mel_source,
        )
        parts.remove()


def _part_name(source: FeatureStore, utterance: StoredUtterance, mel_source: str) -> str:
    identity = [mel_source, source.spec.fingerprint, utterance.id, utterance.source_hash]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]


def _require_usable(mel: np.ndarray, utterance: StoredUtterance, source: FeatureStore) -> None:
    expected = (utterance.frames, source.spec.num_mels)
    if mel.shape != expected:
        hop = source.spec.hop_size
        raise FeatureStoreError(
            f"clip {utterance.id}: the model's mel is {mel.shape}, its {utterance.samples} samples"
            f" at hop {hop} need {expected}; make mels with the recording's own length"
            " (teacher forcing)"
        )
    if not np.isfinite(mel).all():
        raise FeatureStoreError(
            f"clip {utterance.id}: the model's mel has values that are no numbers"
        )
