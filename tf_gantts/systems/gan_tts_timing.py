"""Where GAN-TTS has the recordings' durations from: the features, or an aligner of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.errors import HparamsError
from tf_gantts.hparams import GanTtsHparams, OptimizerParams, SchedulerParams
from tf_gantts.text import FrontEnd
from tf_gantts.training.aligner import ForwardSumOptions
from tf_gantts.training.learned_alignment import LearnedAlignment, prior_weight
from tf_gantts.training.optimizers import build_optimizer
from tf_gantts.training.system import Batch, Scalars
from tf_gantts.training.text_tracks import silent_symbols
from tf_gantts.training.updates import guarded_update, tf_variables

_GRAD_NORM = 1.0
_COEFFICIENTS = 20

State = dict[str, Sequence[tf.Variable]]


class StoredTiming:
    """The durations that preprocessing added to the features.

    Attributes:
        tracks: What it needs of the features.
    """

    tracks: tuple[str, ...] = ("durations",)

    def prepare_training(self) -> None:
        """Creates what only training needs."""

    def can_read(self, ids: np.ndarray, frames: int) -> bool:
        """See `AcousticSystem.can_read`."""
        return True

    def find(self, batch: Batch, mel: tf.Tensor) -> tuple[Batch, Scalars]:
        """Durations of recordings, without any update.

        Args:
            batch: From `UtteranceSource`.
            mel: Its mels, normalised (B, T, n_mels).

        Returns:
            The batch with `durations`, int32 (B, N), and losses.
        """
        return batch, {}

    def learn(self, batch: Batch, mel: tf.Tensor, frozen: bool) -> tuple[Batch, Scalars, tf.Tensor]:
        """Durations of recordings in training, in replica context.

        Args:
            batch: As above.
            mel: As above.
            frozen: Whether nothing is learned of them any more.

        Returns:
            The batch with `durations` as they are before an update; scalars; and whether an update
            was skipped because its gradients were not finite.
        """
        return batch, {}, tf.constant(False)

    def state(self) -> State:
        """Its part of `System.synthesis_state`."""
        return {}

    def update_state(self) -> State:
        """What else `System.state` needs, after `prepare_training`."""
        return {}


class JointTiming(StoredTiming):
    """An aligner that learns along with the generator.

    It is `tf_gantts.training.aligner`'s, with an optimizer of its own: the generator hears of it
    only through whole frames, which pass no gradient, and it wants another learning rate. That
    falls to 0 in `aligner_steps`; from there on the aligner is frozen, so that what the duration
    predictor learns, and what the critics judge, stops moving. It is float32 under every policy.

    Args:
        hparams: The recipe.
        front_end: Whose symbols are aligned.
        mel_spec: The mel definition of the features.

    Raises:
        HparamsError: If mels are not z-scored, which the aligner's distances rely on.
    """

    tracks = ()

    def __init__(self, hparams: GanTtsHparams, front_end: FrontEnd, mel_spec: MelSpec) -> None:
        if mel_spec.normalization != "mean_variance":
            raise HparamsError(
                "align_jointly needs z-scored mels: take a mel_profile that has them"
                " (parallel_wavegan), or set align_jointly to false"
            )
        steps = hparams.aligner_steps
        self._options = ForwardSumOptions(steps=steps, prior_steps=steps // 2)
        self._alignment = LearnedAlignment(
            front_end.vocabulary_size,
            silent_symbols(front_end),
            mel_spec.num_mels,
            coefficients=min(_COEFFICIENTS, mel_spec.num_mels),
            states_per_symbol=hparams.states_per_symbol,
            dtype="float32",
        )

    def prepare_training(self) -> None:
        """See `StoredTiming.prepare_training`."""
        options = self._options
        self._trained = tf_variables(self._alignment.aligner)
        self._optimizer = build_optimizer(
            "Adam",
            OptimizerParams(lr=options.learning_rate, betas=(0.9, 0.98)),
            "CosineLR",
            SchedulerParams(decay_steps=options.steps, warmup_steps=options.warm_up_steps),
            self._trained,
            "aligner_optimizer",
        )

    def can_read(self, ids: np.ndarray, frames: int) -> bool:
        """See `AcousticSystem.can_read`: whether the recording has a frame for every state."""
        return self._alignment.can_align(ids, frames)

    def find(self, batch: Batch, mel: tf.Tensor) -> tuple[Batch, Scalars]:
        """See `StoredTiming.find`."""
        soft = self._alignment(batch["ids"], mel, batch["id_lengths"], batch["mel_lengths"])
        found = {"durations": self._alignment.durations(soft)}
        return {**batch, **found}, {"alignment_loss": self._alignment.loss(soft)}

    def learn(self, batch: Batch, mel: tf.Tensor, frozen: bool) -> tuple[Batch, Scalars, tf.Tensor]:
        """See `StoredTiming.learn`."""
        if frozen:
            return self.find(batch, mel)[0], {}, tf.constant(False)
        weight = prior_weight(self._optimizer.iterations, self._options.prior_steps)
        lengths = batch["id_lengths"], batch["mel_lengths"]
        with tf.GradientTape() as tape:
            soft = self._alignment(batch["ids"], mel, *lengths, weight, training=True)
            loss = self._alignment.loss(soft)
        norm, finite = guarded_update(tape, loss, self._trained, self._optimizer, _GRAD_NORM)
        found = {"durations": self._alignment.durations(soft)}
        return {**batch, **found}, {"alignment_loss": loss, "aligner_grad_norm": norm}, ~finite

    def state(self) -> State:
        """See `StoredTiming.state`: recordings are spoken with its durations."""
        return {"aligner": [v.value for v in self._alignment.aligner.variables]}

    def update_state(self) -> State:
        """See `StoredTiming.update_state`."""
        return {"aligner_optimizer": self._optimizer.state}


def build_timing(hparams: GanTtsHparams, front_end: FrontEnd, mel_spec: MelSpec) -> StoredTiming:
    """What a recipe asks for; see `JointTiming`."""
    return JointTiming(hparams, front_end, mel_spec) if hparams.align_jointly else StoredTiming()
