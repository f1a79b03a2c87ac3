"""Whole utterances of symbols and mel, in batches of similar length: what an acoustic model reads.

Batches are made in buckets: utterances sorted by duration and cut into groups of equal size, so
that the shapes are few, known and static, and little of a batch is padding.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from tf_gantts.data.flat import FlatClips
from tf_gantts.data.order import ReplicaShare, epoch_key, shuffled
from tf_gantts.data.prefetch import prefetch
from tf_gantts.data.store import FeatureStore
from tf_gantts.data.symbol_tracks import UTTERANCE, SymbolTracks, read_symbol_tracks
from tf_gantts.errors import FeatureStoreError, TextError

_LOG = logging.getLogger(__name__)

_PREFETCH_STEPS = 2
_NAMED = 20  # utterances that a warning names

OTHER_UTTERANCE = "other_utterance_embedding"  # of the batch's next row

Encode = Callable[[str], np.ndarray]


class Transcripts:
    """What the utterances of a split say, as symbol ids.

    Args:
        store: Where the features are.
        split: `train`, `valid` or `test`.
        encode: From a text to its ids (N,).
        labels: Further numbers of each utterance by name, such as `speaker`.
        max_frames: Longer utterances are left out; None for none.
        tracks: Tracks of the symbols that go with them, see `SymbolTracks`; utterances that have
            none are left out.
        fits: Whether an utterance's frames can say its ids (N,); others are left out.

    Attributes:
        utterances: Indices of the utterances, from the shortest to the longest.
        ids: Ids of each, in that order.
        frames: Length of each in mel frames.
        labels: Numbers of each, by name.
        tracks: As given.

    Raises:
        FeatureStoreError: If no utterance is left.
    """

    def __init__(
        self,
        store: FeatureStore,
        split: str,
        encode: Encode,
        labels: Callable[[int], dict[str, int]] = lambda utterance: {},
        max_frames: int | None = None,
        tracks: Sequence[str] = (),
        fits: Callable[[np.ndarray, int], bool] = lambda ids, frames: True,
    ) -> None:
        members = store.splits[split]
        ids = {i: _read(store.utterances[i].text, encode) for i in members}
        written = [i for i in members if len(ids[i])]
        short = [i for i in written if store.utterances[i].frames <= (max_frames or np.inf)]
        fitting = [i for i in short if fits(ids[i], store.utterances[i].frames)]
        kept = [i for i in fitting if all(store.length(i, track) for track in tracks)]
        for rest, reason in (
            (set(members) - set(written), "have no text that can be read"),
            (set(written) - set(short), f"are longer than {max_frames} frames"),
            (set(short) - set(fitting), "are too short for their text"),
            (set(fitting) - set(kept), f"have no {' or '.join(tracks)}"),
        ):
            if rest:
                names = " ".join(store.utterances[i].id for i in sorted(rest)[:_NAMED])
                names += " ..." if len(rest) > _NAMED else ""
                message = "%d utterances of split %r %s and are left out: %s"
                _LOG.warning(message, len(rest), split, reason, names)
        if not kept:
            raise FeatureStoreError(
                f"{store.path}: split {split!r} has {len(members)} clips, none with a text and at"
                f" most {max_frames or 'any number of'} frames; give the corpus transcripts, or"
                " raise max_frames"
            )
        kept.sort(key=lambda i: store.utterances[i].frames)
        self.utterances = np.asarray(kept, np.int64)
        self.ids = [ids[i] for i in kept]
        self.frames = np.asarray([store.utterances[i].frames for i in kept], np.int64)
        self.tracks = tuple(tracks)
        rows = [labels(i) for i in kept]
        self.labels = {name: np.asarray([r[name] for r in rows], np.int32) for name in rows[0]}

    @property
    def symbols(self) -> np.ndarray:
        """Length of each utterance in symbols (utterances,)."""
        return np.asarray([len(ids) for ids in self.ids], np.int64)


def _read(text: str, encode: Encode) -> np.ndarray:
    """Ids of a text; none of one that cannot be read."""
    try:
        return encode(text)
    except TextError:
        return np.zeros(0, np.int32)


class UtteranceSource:
    """Endless batches of whole utterances, each from one bucket of similar durations.

    Every epoch visits each utterance once (the last batch of a bucket is filled up from the
    bucket's beginning); the order within each bucket and the order of all batches are those of the
    epoch. They follow from (seed, step) alone, so a run resumed at step n, or split over several
    workers, sees the batches that an unbroken run on one worker sees.

    Args:
        store: Where the features are.
        transcripts: Of the split.
        batch_size: Rows B of a global batch.
        buckets: Groups of similar duration at most: there are as many shapes.
        pad_id: Id that fills the shorter texts of a batch.
        frame_multiple: Batches are padded to a multiple of this many frames.
        seed: Of the orders.
        allow_cache: Keep the split in memory if it takes less than 60 % of what is available.
    """

    def __init__(
        self,
        store: FeatureStore,
        transcripts: Transcripts,
        *,
        batch_size: int,
        buckets: int,
        pad_id: int,
        frame_multiple: int = 1,
        seed: int = 0,
        allow_cache: bool = True,
    ) -> None:
        self._store = store
        self._transcripts = transcripts
        self._batch_size = batch_size
        self._seed = seed
        self._allow_cache = allow_cache
        count = len(transcripts.utterances)
        buckets = min(buckets, max(count // batch_size, 1))
        self._begins = np.linspace(0, count, buckets + 1).astype(np.int64)
        self._sizes = np.diff(self._begins)
        groups = [slice(a, b) for a, b in zip(self._begins, self._begins[1:], strict=False)]
        longest = np.asarray([transcripts.frames[group].max() for group in groups])
        self._frames = -(-longest // frame_multiple) * frame_multiple
        self._symbols = np.asarray([transcripts.symbols[group].max() for group in groups])
        batches = -(-self._sizes // batch_size)
        self._bucket_of_batch = np.repeat(np.arange(buckets), batches)
        self._first_batch = np.cumsum(batches) - batches
        self._ids = np.full((count, int(self._symbols.max())), pad_id, np.int32)
        for row, ids in zip(self._ids, transcripts.ids, strict=True):
            row[: len(ids)] = ids

    @functools.cached_property
    def _clips(self) -> FlatClips:
        utterances = self._transcripts.utterances.tolist()
        return FlatClips(self._store, utterances, self._allow_cache, with_audio=False)

    @functools.cached_property
    def _symbol_tracks(self) -> SymbolTracks:
        transcripts = self._transcripts
        return SymbolTracks(self._store, transcripts.utterances.tolist(), transcripts.tracks)

    @property
    def cached(self) -> bool:
        """Whether the mels are in memory; loads them if nothing has yet."""
        return self._clips.cached

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which every utterance has been seen."""
        return len(self._bucket_of_batch)

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Symbols and frames of the batches of each bucket."""
        return list(zip(self._symbols.tolist(), self._frames.tolist(), strict=True))

    @property
    def padding(self) -> float:
        """Share of the batches' frames that is padding."""
        rows = np.repeat(self._frames, self._sizes)
        return float(1 - self._transcripts.frames.sum() / rows.sum())

    def rows(self, step: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What the global batch of a step consists of.

        Args:
            step: Number of the training step, from 0.

        Returns:
            Utterance indices (B,) int64 and the number of their bucket.
        """
        positions, bucket = self._choose(tf.cast(step, tf.int64))
        return tf.gather(tf.constant(self._transcripts.utterances), positions), bucket

    def dataset(
        self, start_step: int = 0, input_context: tf.distribute.InputContext | None = None
    ) -> tf.data.Dataset:
        """Batches from `start_step` on, without end.

        Args:
            start_step: Step of the first batch.
            input_context: From `strategy.distribute_datasets_from_function`; then an element is the
                batch of one replica.

        Returns:
            A dataset of dicts: `ids` (b, N) int32, `id_lengths` (b,) int32, `mel` (b, T, n_mels)
            float32 as stored, padded with silence, `mel_lengths` (b,) int32, the labels (b,) and
            the transcripts' tracks; N and T are those of the batch's bucket.

        Raises:
            HparamsError: If the batch cannot be divided among the replicas.
        """
        share = ReplicaShare(self._batch_size, input_context)
        own, clips, tracks = share.rows, self._clips, self._symbol_tracks
        ids, lengths = tf.constant(self._ids), tf.constant(self._transcripts.symbols, tf.int32)
        frames = tf.constant(self._transcripts.frames, tf.int32)
        labels = {name: tf.constant(rows) for name, rows in self._transcripts.labels.items()}

        def read(element: tf.Tensor) -> dict[str, tf.Tensor]:
            step, begin = share.locate(element)
            everywhere, bucket = self._choose(step)
            positions = tf.ensure_shape(everywhere[begin : begin + own], (own,))
            symbols = tf.gather(tf.constant(self._symbols), bucket)
            mel = clips.mels(positions, tf.gather(tf.constant(self._frames), bucket))
            batch = {
                "ids": tf.gather(ids, positions)[:, :symbols],
                "id_lengths": tf.gather(lengths, positions),
                "mel": tf.ensure_shape(mel, (own, None, self._store.spec.num_mels)),
                "mel_lengths": tf.gather(frames, positions),
            }
            batch |= {name: tf.gather(rows, positions) for name, rows in labels.items()}
            if UTTERANCE in self._transcripts.tracks:
                others = tf.roll(everywhere, -1, axis=0)[begin : begin + own]
                batch[OTHER_UTTERANCE] = tracks.embeddings(tf.ensure_shape(others, (own,)))
            return batch | tracks.batch(positions, symbols)

        elements = tf.data.Dataset.range(start_step * share.local, np.iinfo(np.int64).max)
        return prefetch(elements.map(read), _PREFETCH_STEPS * share.local)

    def _choose(self, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Positions among the transcripts (B,) of a global batch, and its bucket."""
        with tf.device("CPU:0"):
            batches, buckets = self.steps_per_epoch, len(self._sizes)
            epoch = step // batches
            orders = epoch * (buckets + 1)  # of the batches, then of each bucket
            batch = shuffled(step % batches, batches, epoch_key(self._seed, orders))
            bucket = tf.gather(tf.constant(self._bucket_of_batch), batch)
            size = tf.gather(tf.constant(self._sizes), bucket)
            number = (batch - tf.gather(tf.constant(self._first_batch), bucket)) * self._batch_size
            number += tf.range(self._batch_size, dtype=tf.int64)
            key = epoch_key(self._seed, orders + 1 + bucket)
            position = shuffled(number % size, size, key)
            return tf.gather(tf.constant(self._begins), bucket) + position, bucket


def held_out_batches(
    store: FeatureStore, transcripts: Transcripts, batch_size: int, pad_id: int
) -> Iterator[dict[str, np.ndarray]]:
    """All utterances once, from the shortest to the longest, in batches of one static shape.

    Args:
        store: Where the features are.
        transcripts: Of the split.
        batch_size: Rows; the last batch is filled up with rows of one symbol and no frames.
        pad_id: Id that fills the shorter texts.

    Yields:
        What `UtteranceSource.dataset` gives.
    """
    count = len(transcripts.utterances)
    frames, symbols = int(transcripts.frames.max()), int(transcripts.symbols.max())
    for begin in range(0, count, batch_size):
        places = range(begin, min(begin + batch_size, count))
        yield batch_of(store, transcripts, places, (batch_size, symbols, frames), pad_id)


def batch_of(
    store: FeatureStore,
    transcripts: Transcripts,
    places: Sequence[int],
    shape: tuple[int, int, int],
    pad_id: int,
) -> dict[str, np.ndarray]:
    """Some utterances as a batch.

    Args:
        store: Where the features are.
        transcripts: Of the split.
        places: Which of the transcripts.
        shape: Rows, symbols and frames of the batch.
        pad_id: Id that fills the shorter texts.
    """
    rows, symbols, frames = shape
    batch = {
        "ids": np.full((rows, symbols), pad_id, np.int32),
        "id_lengths": np.ones(rows, np.int32),
        "mel": np.full((rows, frames, store.spec.num_mels), store.spec.silence, np.float32),
        "mel_lengths": np.zeros(rows, np.int32),
    }
    batch |= {name: np.zeros(rows, np.int32) for name in transcripts.labels}
    batch |= _empty_tracks(store, transcripts.tracks, rows, symbols)
    for row, place in enumerate(places):
        ids, length = transcripts.ids[place], int(transcripts.frames[place])
        batch["ids"][row, : len(ids)] = ids
        batch["id_lengths"][row] = len(ids)
        batch["mel"][row, :length] = store.read(int(transcripts.utterances[place]), "mel")
        batch["mel_lengths"][row] = length
        for name, values in transcripts.labels.items():
            batch[name][row] = values[place]
        utterance = int(transcripts.utterances[place])
        for name, read in read_symbol_tracks(store, utterance, transcripts.tracks).items():
            target = batch[name][row]
            target[() if name == UTTERANCE else slice(len(read))] = read
    return batch


def _empty_tracks(
    store: FeatureStore, names: Sequence[str], rows: int, symbols: int
) -> dict[str, np.ndarray]:
    empty = {}
    for name in names:
        track = store.track(name)
        dtype = np.float32 if np.dtype(track.dtype).kind == "f" else np.dtype(track.dtype)
        length = () if name == UTTERANCE else (symbols,)
        empty[name] = np.zeros((rows, *length, *track.row_shape), dtype)
    return empty
