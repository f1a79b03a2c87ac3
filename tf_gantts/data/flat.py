"""Clips laid end to end in arrays, from which TensorFlow cuts segments without Python.

No Python code runs inside the datasets built on this: a `tf.numpy_function` there can hang the
program for good when an iterator with a prefetch is dropped, because TensorFlow 2.21 then waits,
holding Python's interpreter lock, for calls that need it.
"""

from __future__ import annotations

import logging
import math
import tempfile
import uuid
import weakref
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tf_gantts.data.hdf5 import ALIGNMENT_BYTES
from tf_gantts.data.memory import available_memory
from tf_gantts.data.store import FeatureStore

_LOG = logging.getLogger(__name__)

_CACHE_SHARE = 0.6  # of the available memory
INT16_SCALE = np.float32(1 / 32768)  # int16 -> [-1, 1)


class FlatClips:
    """The mel and audio of some clips, in memory or mapped from disk.

    Args:
        store: Where the features are.
        utterances: Indices of the clips.
        allow_cache: Copy the clips into memory if they take less than 60 % of what is available.
        with_audio: Whether the audio is there too.

    Attributes:
        cached: Whether the clips are in memory.
        lengths: Length of each clip (clips,) int64 in frames.
    """

    def __init__(
        self,
        store: FeatureStore,
        utterances: Sequence[int],
        allow_cache: bool,
        with_audio: bool = True,
    ):
        self._spec = store.spec
        self._tracks = ("mel", "audio") if with_audio else ("mel",)
        self.lengths = np.asarray([store.utterances[i].frames for i in utterances], np.int64)
        self.cached = allow_cache and self._fits(store)
        mapped = None if self.cached else self._map(store)
        if mapped is None:
            self._begins = np.cumsum(self.lengths) - self.lengths
            mapped = self._copy(store, utterances)
        else:
            begins = np.cumsum([0, *(utterance.frames for utterance in store.utterances)])
            self._begins = begins[list(utterances)]
        self._arrays = {name: _SharedArray(array) for name, array in mapped.items()}

    def mels(self, clips: tf.Tensor, frames: int | tf.Tensor) -> tf.Tensor:
        """The beginnings of clips (B,): (B, frames, n_mels) float32 as stored, then silence."""
        rows, inside = self._rows(clips, tf.zeros_like(clips), frames)
        return self._mels(rows, inside)

    def segments(
        self, clips: tf.Tensor, first: tf.Tensor, frames: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Cuts segments; what lies behind the end of a clip is silence.

        Args:
            clips: Positions among the clips (B,) int64.
            first: First frames (B,) int64.
            frames: Segment length F in frames.

        Returns:
            Mel (B, F, n_mels) float32 as stored, and audio (B, F * hop_size, 1) float32 in [-1, 1).
        """
        rows, inside = self._rows(clips, first, frames)
        audio = self._arrays["audio"].gather(rows)
        audio = tf.where(inside[..., tf.newaxis], audio, tf.constant(0, tf.int16))
        audio = tf.cast(audio, tf.float32) * INT16_SCALE
        samples = frames * self._spec.hop_size
        return self._mels(rows, inside), tf.reshape(audio, (-1, samples, 1))

    def _rows(
        self, clips: tf.Tensor, first: tf.Tensor, frames: int | tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Numbers (B, frames) of rows of the arrays, and whether each is inside its clip."""
        frame = first[:, tf.newaxis] + tf.range(tf.cast(frames, tf.int64))
        last = tf.gather(tf.constant(self.lengths), clips)[:, tf.newaxis] - 1
        begin = tf.gather(tf.constant(self._begins), clips)[:, tf.newaxis]
        return begin + tf.minimum(frame, last), frame <= last

    def _mels(self, rows: tf.Tensor, inside: tf.Tensor) -> tf.Tensor:
        silence = tf.constant(self._spec.silence, tf.float32)
        return tf.where(inside[..., tf.newaxis], self._arrays["mel"].gather(rows), silence)

    def _fits(self, store: FeatureStore) -> bool:
        needed = int(self.lengths.sum()) * self._frame_bytes(store)
        available = available_memory()
        if needed < _CACHE_SHARE * available:
            return True
        _LOG.info(
            "features (%.1f GB) stay on disk: %.1f GB of memory are available",
            needed / 1e9,
            available / 1e9,
        )
        return False

    def _frame_bytes(self, store: FeatureStore) -> int:
        rows = {"mel": 1, "audio": store.spec.hop_size}
        return sum(store.track(name).row_bytes * rows[name] for name in self._tracks)

    def _map(self, store: FeatureStore) -> dict[str, np.ndarray] | None:
        """The tracks as they lie in the store's files, a row to a frame; None if they cannot."""
        mapped = {}
        for name in self._tracks:
            array = store.memory_map(name)
            if array is None:
                return None
            mapped[name] = array.reshape(-1, self._row_sizes[name])
        return mapped

    @property
    def _row_sizes(self) -> dict[str, int]:
        """Numbers of each track that belong to a frame."""
        return {"mel": self._spec.num_mels, "audio": self._spec.hop_size}

    def _copy(self, store: FeatureStore, utterances: Sequence[int]) -> dict[str, np.ndarray]:
        """All clips end to end, in memory or in a temporary file that vanishes with the process."""
        total = int(self.lengths.sum())
        allocate = _in_memory if self.cached else _on_disk
        arrays = {}
        for name in self._tracks:
            size = self._row_sizes[name]
            arrays[name] = allocate((total, size), np.dtype(store.track(name).dtype))
            for begin, utterance in zip(self._begins, utterances, strict=True):
                rows = slice(begin, begin + store.utterances[utterance].frames)
                arrays[name][rows] = store.read(utterance, name).reshape(-1, size)
        return arrays


class FlatTrack:
    """The rows of one track of some utterances, mapped from the store's file or in memory.

    Args:
        store: The feature store.
        utterances: Indices of the utterances.
        name: The track.

    Raises:
        FeatureStoreError: If the store has no such track.
    """

    def __init__(self, store: FeatureStore, utterances: Sequence[int], name: str) -> None:
        lengths = store.track(name).lengths
        self._lengths = lengths[list(utterances)]
        mapped = store.memory_map(name)
        if mapped is None:
            self._begins = np.cumsum(self._lengths) - self._lengths
            rows = [store.read(i, name) for i in utterances]
            mapped = _in_memory((int(self._lengths.sum()), *rows[0].shape[1:]), rows[0].dtype)
            np.concatenate(rows, out=mapped)
        else:
            self._begins = (np.cumsum(lengths) - lengths)[list(utterances)]
        self._array = _SharedArray(mapped)

    def rows(self, positions: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
        """The first rows of utterances (B,): (B, count, ...), zeros after an utterance's last."""
        place = tf.range(tf.cast(count, tf.int64))[tf.newaxis]
        inside = place < tf.gather(tf.constant(self._lengths), positions)[:, tf.newaxis]
        rows = self.rows_at(positions, tf.where(inside, place, 0))
        inside = tf.reshape(inside, tf.concat([tf.shape(inside), [1] * (rows.shape.rank - 2)], 0))
        return tf.where(inside, rows, tf.zeros([], rows.dtype))

    def rows_at(self, positions: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """Rows of utterances (B,) by their places in it (B, N): (B, N, ...)."""
        begin = tf.gather(tf.constant(self._begins), positions)[:, tf.newaxis]
        return self._array.gather(begin + tf.cast(places, tf.int64))


def _in_memory(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    count = math.prod(shape) * dtype.itemsize
    memory = np.empty(count + ALIGNMENT_BYTES, np.uint8)
    begin = -memory.ctypes.data % ALIGNMENT_BYTES
    return memory[begin : begin + count].view(dtype).reshape(shape)


def _on_disk(shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    count = shape[0] * shape[1] * dtype.itemsize
    _LOG.info("%.1f GB of features are copied to %s", count / 1e9, tempfile.gettempdir())
    chunk = bytes(2**20)
    with tempfile.TemporaryFile(prefix="tf_gantts-") as file:
        while count > 0:  # really written: a full disk is an error now and not a crash later
            count -= file.write(chunk[:count])
        file.flush()
        return np.memmap(file, dtype, "r+", 0, shape)


class _SharedArray:
    """A NumPy array as TensorFlow sees it in a dataset, without a copy.

    As a constant it would be copied into the dataset's graph. A `tf.Variable` would do, but under a
    strategy it would be copied to every GPU; so this is the variable's resource alone.
    """

    def __init__(self, array: np.ndarray) -> None:
        _destroy_abandoned()
        self._dtype = tf.as_dtype(array.dtype)
        self._shape = array.shape
        with tf.device("CPU:0"):
            self._handle = tf.raw_ops.VarHandleOp(
                dtype=self._dtype, shape=array.shape, shared_name=f"tf_gantts-{uuid.uuid4()}"
            )
            tf.raw_ops.AssignVariableOp(
                resource=self._handle,
                value=tf.experimental.dlpack.from_dlpack(array.__dlpack__()),
            )
        # Not at exit: a dataset may still be reading, and the process takes everything with it.
        weakref.finalize(self, _ABANDONED.append, self._handle).atexit = False

    def gather(self, rows: tf.Tensor) -> tf.Tensor:
        """The rows (..., row size) of these numbers."""
        # The plain read shares the array; gathering from the resource would copy it once.
        array = tf.raw_ops.ReadVariableOp(resource=self._handle, dtype=self._dtype)
        return tf.gather(tf.ensure_shape(array, self._shape), rows)


# Resources of arrays that are gone. They are given back when the next array is made: garbage is
# collected at any moment, also while TensorFlow holds the lock of a graph that an operation here
# would wait for, forever.
_ABANDONED: list[tf.Tensor] = []


def _destroy_abandoned() -> None:
    while _ABANDONED:
        tf.raw_ops.DestroyResourceOp(resource=_ABANDONED.pop(), ignore_lookup_error=True)
