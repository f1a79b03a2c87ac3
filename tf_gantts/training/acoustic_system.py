"""What every system that turns text into mel-spectrograms offers."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tf_gantts import text
from tf_gantts.data.store import FeatureStore
from tf_gantts.data.utterances import Transcripts, UtteranceSource
from tf_gantts.errors import HparamsError
from tf_gantts.hparams import AcousticHparams
from tf_gantts.porting.text_encoder import Pooling, TextEncoder
from tf_gantts.text import FrontEnd
from tf_gantts.training.system import Batch, Scalars, System

Outputs = dict[str, tf.Tensor]

_SEED_STRIDE = 1_000_003  # between the seeds of two replicas


class AcousticSystem(System):
    """Text to raw log-mel. Batches are those of `UtteranceSource`."""

    hparams: AcousticHparams

    @functools.cached_property
    def front_end(self) -> FrontEnd:
        """From text to the symbol ids that the network reads."""
        return text.build(self.hparams.front_end, self.hparams.front_end_params)

    @property
    def frames_per_step(self) -> int:
        """Mel frames to a row of the alignments."""
        return 1

    @property
    def has_attention(self) -> bool:
        """Whether alignments are found while speaking; otherwise they are the durations."""
        return True

    @property
    def label_names(self) -> dict[str, list[str]]:
        """Names by number of `speaker` and `style`, where the system has several."""
        names = {"speaker": self.hparams.speakers, "style": self.hparams.styles}
        return {key: known for key, known in names.items() if known}

    def forced(self, batch: Batch) -> tuple[Outputs, Scalars]:
        """Teacher forcing without any update.

        Returns:
            `mel`, raw log-mels (B, T, n_mels) as long as the batch's, with silence after each end;
            `alignments` (B, S, N) where the system has such; and the losses.
        """
        raise NotImplementedError

    def speak(self, text: Batch, seed: tf.Tensor) -> Outputs:
        """Speech of texts.

        Args:
            text: `ids` (B, N), the symbols, and `id_lengths` (B,); the numbers (B,) of `speaker`
                and `style` where the system has such; what the `text_encoder` gives, where there is
                one; and any of the `controls` (B,).
            seed: (2,) integers of all noise.

        Returns:
            `mel` (B, T, n_mels) raw log-mels with silence after each end; `lengths` (B,) in frames;
            `finished` (B,), whether speech ended by itself; `alignments` (B, S, N) and
            `alignment_score` (B,), the mean of each step's largest share.
        """
        raise NotImplementedError

    @property
    def controls(self) -> dict[str, float]:
        """What may be set at synthesis besides the text, with the values that change nothing."""
        return {}

    def calibrate(self, scores: Mapping[str, float]) -> None:
        """Takes what synthesis is to learn from held-out utterances.

        Args:
            scores: What `forced` gave of them besides speech, means over all frames.
        """

    @property
    def speaking_state(self) -> list[tf.Variable]:
        """What synthesis needs besides the weights of networks."""
        return []

    @property
    def text_encoder(self) -> TextEncoder | None:
        """What reads the texts besides the front end; its embeddings are part of `speak`'s text.

        Raises:
            PortingError: If it cannot be had.
        """
        return None

    @property
    def pooling(self) -> Pooling:
        """Which of the text encoder's embeddings stands for a whole text."""
        return "cls"

    @property
    def tracks(self) -> list[str]:
        """What batches hold of the symbols, see `SymbolTracks`."""
        return []

    def can_read(self, ids: np.ndarray, frames: int) -> bool:
        """Whether a recording of so many frames may be used with its text (N,)."""
        return True

    def training_source(self, store: FeatureStore, allow_cache: bool = True) -> UtteranceSource:
        """See `System.training_source`: whole utterances in buckets."""
        hp = self.hparams
        return UtteranceSource(
            store,
            self.transcripts(store, "train"),
            batch_size=hp.batch_size,
            buckets=hp.num_buckets,
            pad_id=self.front_end.pad_id,
            frame_multiple=self.frames_per_step,
            seed=hp.seed,
            allow_cache=allow_cache and hp.allow_cache,
        )

    def describe_batch(self) -> str:
        """See `System.describe_batch`."""
        hp = self.hparams
        return f"{hp.batch_size} utterances of one of up to {hp.num_buckets} durations"

    def evaluation_step(self, batch: Batch, phase: str) -> Scalars:
        """See `System.evaluation_step`."""
        return self.forced(batch)[1]

    def transcripts(self, store: FeatureStore, split: str) -> Transcripts:
        """What the utterances of a split say, with the numbers of speakers and styles.

        Raises:
            FeatureStoreError: If none of them has a text.
            HparamsError: If a speaker or style of the store is not among the recipe's.
        """

        def labels(utterance: int) -> dict[str, int]:
            stored = store.utterances[utterance]
            return self.labels(stored.speaker, stored.style, f"{store.path}, {stored.id}")

        longest = self.hparams.max_frames
        tracks = self.tracks
        return Transcripts(store, split, self.front_end, labels, longest, tracks, self.can_read)

    def labels(self, speaker: str, style: str, where: str) -> dict[str, int]:
        """Numbers of a speaker and a style, where the system has several.

        Raises:
            HparamsError: If a name is not known.
        """
        names = {"speaker": speaker, "style": style}
        for key, known in self.label_names.items():
            if names[key] not in known:
                raise HparamsError(f"{where}: {key} {names[key]!r} is none of {key}s {known}")
        return {key: known.index(names[key]) for key, known in self.label_names.items()}

    def step_seed(self, updates: tf.Tensor) -> tf.Tensor:
        """Of a training step's noise, another one on each replica: (2,) int32."""
        context = tf.distribute.get_replica_context()
        replica = 0 if context is None else context.replica_id_in_sync_group
        own = tf.cast(self.hparams.seed + _SEED_STRIDE * replica, tf.int32)
        return tf.stack([own, tf.cast(updates, tf.int32)])

    def silence_after(self, mel: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Raw log-mels (B, T, n_mels) with silence after each row's length (B,)."""
        frames = tf.range(tf.shape(mel)[1])[tf.newaxis]
        spoken = (frames < lengths[:, tf.newaxis])[..., tf.newaxis]
        return tf.where(spoken, mel, np.float32(self.mel_spec.silence))
