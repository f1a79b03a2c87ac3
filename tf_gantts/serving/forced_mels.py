"""Mels that an acoustic model makes of recordings: teacher forcing, frame by frame with them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tf_gantts.data.store import SPLITS, FeatureStore

if TYPE_CHECKING:  # needs TensorFlow
    from tf_gantts.data.utterances import Transcripts
    from tf_gantts.training.acoustic_system import AcousticSystem


class ForcedMels:
    """The teacher-forced mel of every utterance that has a text the model can read.

    Utterances are computed in batches of similar length, so they are best asked for in `order`.

    Args:
        system: The acoustic model.
        store: The recordings' features.
        batch_size: Utterances computed together.
        splits: Of which parts of the store.

    Attributes:
        order: Indices of the utterances, batch by batch.

    Raises:
        FeatureStoreError: If a split has utterances, but none that can be used.
    """

    def __init__(
        self,
        system: AcousticSystem,
        store: FeatureStore,
        batch_size: int,
        splits: Sequence[str] = SPLITS,
    ) -> None:
        import tensorflow as tf

        self._system = system
        self._store = store
        self._batch_size = batch_size
        self._places: dict[int, tuple[Transcripts, int]] = {}
        for split in (name for name in splits if store.splits[name]):
            transcripts = system.transcripts(store, split)
            for place, utterance in enumerate(transcripts.utterances.tolist()):
                self._places[utterance] = (transcripts, place)
        self.order = list(self._places)
        self._forced = tf.function(system.forced, autograph=False, reduce_retracing=True)
        self._ready: dict[int, np.ndarray] = {}
        self._distances: list[float] = []

    @property
    def distance(self) -> float | None:
        """Mean absolute difference from the recordings' mels so far; None before the first."""
        return float(np.mean(self._distances)) if self._distances else None

    def __call__(self, utterance: int) -> np.ndarray:
        """Raw log-mel (frames, n_mels) of an utterance, by its index in the store."""
        if utterance not in self._ready:
            self._ready = self._batch_with(utterance)
        mel = self._ready[utterance]
        natural = self._store.read(utterance, "mel")
        self._distances.append(float(np.abs(mel - natural).mean()))
        return mel

    def _batch_with(self, utterance: int) -> dict[int, np.ndarray]:
        """The mels of an utterance and of those computed together with it."""
        import tensorflow as tf

        from tf_gantts.data.utterances import batch_of

        transcripts, place = self._places[utterance]
        first = place - place % self._batch_size
        last = min(first + self._batch_size, len(transcripts.utterances))
        places = range(first, last)
        symbols = int(transcripts.symbols[first:last].max())
        # A filled-up batch has the same noise as a full one, and needs no graph of its own.
        shape = (self._batch_size, symbols, int(transcripts.frames[last - 1]))
        batch = batch_of(self._store, transcripts, places, shape, self._system.front_end.pad_id)
        outputs, _ = self._forced({name: tf.constant(value) for name, value in batch.items()})
        mels = outputs["mel"].numpy()
        utterances = transcripts.utterances[first:last].tolist()
        lengths = transcripts.frames[first:last]
        return {u: mels[row, : lengths[row]] for row, u in enumerate(utterances)}


class TeacherForced:
    """The mels that an acoustic model makes of clips to be evaluated, at the first question.

    Args:
        system: The acoustic model.
        store: The recordings' features.
        split: The part of the store that the clips are from.
        indices: The clips' indices in the store.

    Raises:
        FeatureStoreError: If no utterance of the split can be used.
    """

    def __init__(
        self, system: AcousticSystem, store: FeatureStore, split: str, indices: Sequence[int]
    ) -> None:
        self._forced = ForcedMels(system, store, system.hparams.batch_size, [split])
        self._indices = indices

    def __call__(self, clip: int) -> np.ndarray | None:
        """Raw log-mel (frames, n_mels) of a clip; None if the model cannot read its text."""
        return self._mels.get(self._indices[clip])

    @functools.cached_property
    def _mels(self) -> dict[int, np.ndarray]:
        wanted = set(self._indices)
        return {index: self._forced(index) for index in self._forced.order if index in wanted}
