"""Segments of mel and audio: random ones for training, all of them in order for evaluation."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tf_gantts.data.flat import INT16_SCALE, FlatClips
from tf_gantts.data.order import ReplicaShare, epoch_key, shuffled
from tf_gantts.data.prefetch import prefetch
from tf_gantts.data.store import FeatureStore
from tf_gantts.errors import FeatureStoreError

_LOG = logging.getLogger(__name__)

_PREFETCH_STEPS = 4


class SegmentSource:
    """Endless batches of random segments of mel and audio.

    Every epoch visits each clip once, in an order of its own; within its clip a segment begins at a
    uniformly drawn frame. Both follow from (seed, step, row) alone, so a run resumed at step n, or
    split over several workers, sees the batches that an unbroken run on one worker sees.

    Args:
        store: Where the features are.
        split: `train`, `valid` or `test`.
        frames_per_segment: Segment length F in mel frames.
        batch_size: Rows B of a global batch.
        seed: Of clip order and crops.
        remove_short_samples: Leave out clips shorter than a segment; otherwise they are padded with
            silence at their end.
        allow_cache: Keep the split in memory if it takes less than 60 % of what is available.

    Raises:
        FeatureStoreError: If no clip is left.
    """

    def __init__(
        self,
        store: FeatureStore,
        split: str = "train",
        *,
        frames_per_segment: int,
        batch_size: int,
        seed: int = 0,
        remove_short_samples: bool = True,
        allow_cache: bool = True,
    ):
        self._store = store
        self._frames = frames_per_segment
        self._hop = store.spec.hop_size
        self._batch_size = batch_size
        self._seed = seed
        indices = store.splits[split]
        short = [i for i in indices if store.utterances[i].frames < frames_per_segment]
        if remove_short_samples:
            dropped = set(short)
            indices = [i for i in indices if i not in dropped]
            if dropped:
                _LOG.info(
                    "%d clips of split %r are shorter than %d frames and left out"
                    " (remove_short_samples)",
                    len(dropped),
                    split,
                    frames_per_segment,
                )
        if not indices:
            raise FeatureStoreError(
                f"{store.path}: split {split!r} has {len(short)} clips, none of"
                f" {frames_per_segment} frames or more; lower batch_max_steps"
                f" ({frames_per_segment * self._hop} samples) or set remove_short_samples: false"
            )
        self.utterances = np.asarray(indices, np.int64)
        self._lengths = np.asarray([store.utterances[i].frames for i in indices], np.int64)
        self._allow_cache = allow_cache

    @functools.cached_property
    def _clips(self) -> FlatClips:
        return FlatClips(self._store, self.utterances.tolist(), self._allow_cache)

    @property
    def cached(self) -> bool:
        """Whether the clips are in memory; loads them if nothing has yet."""
        return self._clips.cached

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which every clip has been seen."""
        return -(-len(self.utterances) // self._batch_size)

    def rows(self, step: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What the global batch of a step consists of.

        Args:
            step: Number of the training step, from 0.

        Returns:
            Utterance indices (B,) int64 and first frames (B,) int64.
        """
        clips, first = self._choose(tf.cast(step, tf.int64))
        return tf.gather(tf.constant(self.utterances), clips), first

    def dataset(
        self, start_step: int = 0, input_context: tf.distribute.InputContext | None = None
    ) -> tf.data.Dataset:
        """Batches from `start_step` on, without end.

        Args:
            start_step: Step of the first batch.
            input_context: From `strategy.distribute_datasets_from_function`; then an element is the
                batch of one replica: replica r takes rows r * b to (r + 1) * b of the global batch,
                b = B / replicas.

        Returns:
            A dataset of dicts: `mel` (b, F, n_mels) float32 as stored, `audio` (b, F * hop_size, 1)
            float32 in [-1, 1).

        Raises:
            HparamsError: If the batch cannot be divided among the replicas.
        """
        share = ReplicaShare(self._batch_size, input_context)
        own, all_clips = share.rows, self._clips

        def choose(element: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            step, begin = share.locate(element)
            clips, first = self._choose(step)
            return clips[begin : begin + own], first[begin : begin + own]

        def cut(clips: tf.Tensor, first: tf.Tensor) -> dict[str, tf.Tensor]:
            mel, audio = all_clips.segments(clips, first, self._frames)
            mel = tf.ensure_shape(mel, (own, self._frames, self._store.spec.num_mels))
            audio = tf.ensure_shape(audio, (own, self._frames * self._hop, 1))
            return {"mel": mel, "audio": audio}

        elements = tf.data.Dataset.range(start_step * share.local, np.iinfo(np.int64).max)
        return prefetch(elements.map(choose).map(cut), _PREFETCH_STEPS * share.local)

    def _choose(self, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Positions among the clips (B,) and first frames (B,) of a global batch."""
        clips = len(self.utterances)
        lengths = tf.constant(self._lengths)
        rows = self._batch_size
        with tf.device("CPU:0"):
            number = step * rows + tf.range(rows, dtype=tf.int64)  # of the segment, from the start
            epoch = number // clips
            # A batch may reach over the end of an epoch, a large one over several.
            epochs = epoch[0] + tf.range(rows // clips + 2, dtype=tf.int64)
            keys = tf.stack([epoch_key(self._seed, e) for e in tf.unstack(epochs)])
            position = shuffled(number % clips, clips, tf.gather(keys, epoch - epoch[0]))
            uniform = tf.random.stateless_uniform(
                (rows,), tf.stack([self._seed, step]), dtype=tf.float64, alg="philox"
            )
            starts = tf.maximum(tf.gather(lengths, position) - self._frames + 1, 1)
            first = tf.cast(uniform * tf.cast(starts, tf.float64), tf.int64)
        return position, tf.minimum(first, starts - 1)


class HeldOutSegments:
    """Whole clips cut into segments of one static length, for evaluation.

    The last segment of a clip is shifted back to end with the clip; clips shorter than a segment
    are padded with silence. `mask` is 1 for the frames to be counted: every frame of every clip
    exactly once.

    Args:
        store: Where the features are.
        split: `train`, `valid` or `test`.
        frames: Segment length F in mel frames.
    """

    def __init__(self, store: FeatureStore, split: str, frames: int):
        self._store = store
        self.frames = frames
        self._split = split
        self._segments = list(_cut(store, split, frames))

    @functools.cached_property
    def _clips(self) -> FlatClips:
        return FlatClips(self._store, self._store.splits[self._split], allow_cache=True)

    def __len__(self) -> int:
        return len(self._segments)

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        """Batches of one segment: what `segment` gives, with a leading axis of 1."""
        for number in range(len(self)):
            yield {name: array[np.newaxis] for name, array in self.segment(number).items()}

    def segment(self, number: int) -> dict[str, np.ndarray]:
        """One segment.

        Args:
            number: Position among the segments; clips are in the store's order.

        Returns:
            `mel` (F, n_mels) float32, `audio` (F * hop_size, 1) float32, `mask` (F,) float32,
            `utterance` () int64 index.
        """
        utterance, first, repeated = self._segments[number]
        spec = self._store.spec
        valid = min(self.frames, self._store.utterances[utterance].frames)
        mel = np.full((self.frames, spec.num_mels), spec.silence, np.float32)
        audio = np.zeros((self.frames * spec.hop_size, 1), np.float32)
        mask = np.zeros(self.frames, np.float32)
        begin, end = first * spec.hop_size, (first + valid) * spec.hop_size
        mel[:valid] = self._store.read(utterance, "mel", first, first + valid)
        samples = self._store.read(utterance, "audio", begin, end)
        audio[: end - begin, 0] = samples * INT16_SCALE
        mask[repeated:valid] = 1
        return {"mel": mel, "audio": audio, "mask": mask, "utterance": np.array(utterance)}

    def steps(self, batch_size: int) -> int:
        """Global batches that hold all segments."""
        return -(-len(self) // batch_size)

    def dataset(
        self, batch_size: int, input_context: tf.distribute.InputContext | None = None
    ) -> tf.data.Dataset:
        """All segments once, in batches of one shape.

        Args:
            batch_size: Rows B of a global batch; the last one is filled up with rows whose mask
                is 0.
            input_context: As for `SegmentSource.dataset`.

        Returns:
            A dataset of `steps(batch_size)` dicts per replica: what `segment` gives, with a
            leading axis.

        Raises:
            HparamsError: If the batch cannot be divided among the replicas.
        """
        share = ReplicaShare(batch_size, input_context)
        clips = self._clips
        split = np.asarray(self._store.splits[self._split], np.int64)
        utterances, first, repeated = np.asarray(self._segments, np.int64).reshape(-1, 3).T
        table = np.stack([np.searchsorted(split, utterances), first, repeated], axis=1)

        def cut(element: tf.Tensor) -> dict[str, tf.Tensor]:
            step, begin = share.locate(element)
            number = step * batch_size + begin + tf.range(share.rows, dtype=tf.int64)
            row = tf.gather(tf.constant(table), tf.minimum(number, len(self) - 1))
            clip, first, repeated = tf.unstack(row, axis=1)
            mel, audio = clips.segments(clip, first, self.frames)
            frame = tf.range(self.frames, dtype=tf.int64)
            valid = (
                tf.gather(tf.constant(clips.lengths), clip)[:, tf.newaxis] - first[:, tf.newaxis]
            )
            counted = (frame >= repeated[:, tf.newaxis]) & (frame < valid)
            counted &= (number < len(self))[:, tf.newaxis]
            return {
                "mel": mel,
                "audio": audio,
                "mask": tf.cast(counted, tf.float32),
                "utterance": tf.gather(tf.constant(split), clip),
            }

        elements = self.steps(batch_size) * share.local
        return prefetch(tf.data.Dataset.range(elements).map(cut), 2)


def _cut(store: FeatureStore, split: str, frames: int) -> Iterator[tuple[int, int, int]]:
    """Utterance, first frame and number of frames that the segment before has already covered."""
    for utterance in store.splits[split]:
        length = store.utterances[utterance].frames
        for begin in range(0, length, frames):
            first = max(min(begin, length - frames), 0)
            yield utterance, first, begin - first


def held_out_segments(store: FeatureStore, split: str, frames: int) -> HeldOutSegments:
    """See `HeldOutSegments`."""
    return HeldOutSegments(store, split, frames)


def read_clip(store: FeatureStore, utterance: int) -> tuple[np.ndarray, np.ndarray]:
    """A whole clip.

    Args:
        store: Where the features are.
        utterance: Index of the utterance.

    Returns:
        Mel (T, n_mels) float32 as stored, and audio (T * hop_size,) float32 in [-1, 1).
    """
    audio = store.read(utterance, "audio") * INT16_SCALE
    return store.read(utterance, "mel"), audio
