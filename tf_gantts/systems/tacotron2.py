"""The system `tacotron2`: text -> mel, taught by teacher forcing."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.audio.statistics import Statistics
from tf_gantts.data.store import FeatureStore
from tf_gantts.errors import HparamsError
from tf_gantts.hparams import Tacotron2Hparams
from tf_gantts.layers.dropout import seeds
from tf_gantts.layers.mel_masking import drop_frames, freq_mask, time_mask
from tf_gantts.layers.mel_normalization import MelNormalization
from tf_gantts.losses.tacotron2 import GuidedAttentionLoss, MelLoss, StopTokenLoss
from tf_gantts.networks.network import require_known
from tf_gantts.networks.tacotron2 import Tacotron2
from tf_gantts.serving.acoustic import AcousticModule
from tf_gantts.systems.frozen_vocoder import make_audible
from tf_gantts.training.acoustic_system import AcousticSystem, Outputs
from tf_gantts.training.checkpoint import Checkpoint, restore_network
from tf_gantts.training.optimizers import build_optimizer
from tf_gantts.training.speech_evaluation import HeldOutSpeech
from tf_gantts.training.system import Batch, Scalars
from tf_gantts.training.updates import (
    ExponentialMovingAverage,
    LossScale,
    guarded_update,
    tf_variables,
)

TEACHER_FORCING = "teacher_forcing"


class Tacotron2System(AcousticSystem):
    """Tacotron 2 with its losses: mel before and after the postnet, stop token, attention.

    Source: Shen et al. 2018; the guided attention is Tachibana et al. 2018.

    Args:
        hparams: The hyper-parameters.
        mel_spec: The mel definition of the features.
        statistics: Statistics of the features, or None where the mel is not z-scored.
        inference: Whether to build the network only, in float32 whatever it was trained in.
    """

    PHASES = (TEACHER_FORCING,)
    hparams: Tacotron2Hparams

    def __init__(
        self,
        hparams: Tacotron2Hparams,
        mel_spec: MelSpec,
        statistics: Statistics | None,
        inference: bool = False,
    ) -> None:
        super().__init__(hparams, mel_spec, statistics, inference, name="tacotron2")
        full = inference or hparams.mixed_precision == "float32"
        self.normalization = MelNormalization(
            *((statistics.mean, statistics.scale) if statistics else ())
        )
        self.network = Tacotron2(
            **self._network_params(),
            name="acoustic",
            dtype="float32" if full else f"mixed_{hparams.mixed_precision}",
        )
        self._mel_loss = MelLoss(hparams.mask_losses)
        self._stop_loss = StopTokenLoss(hparams.stop_positive_weight, hparams.mask_losses)
        self._attention_loss = GuidedAttentionLoss(**hparams.guided_attention_params)

    def _network_params(self) -> dict:
        """The recipe's parameters, completed by what the front end and the features fix."""
        hp = self.hparams
        require_known(Tacotron2, hp.model_params, "Tacotron2")
        fixed = {
            "n_symbols": self.front_end.vocabulary_size,
            "n_mel_channels": self.mel_spec.num_mels,
            "n_speakers": len(hp.speakers),
            "n_styles": len(hp.styles),
        }
        for key, value in fixed.items():
            if hp.model_params.get(key, value) != value:
                raise HparamsError(
                    f"model_params.{key} is {hp.model_params[key]}, but front end"
                    f" {hp.front_end!r}, num_mels, speakers and styles ask for {value}; leave it"
                    " out"
                )
        return hp.model_params | fixed

    def prepare_training(self) -> None:
        """Creates the optimizer, the moving average, the loss scale and the skip counter."""
        hp = self.hparams
        self._variables = tf_variables(self.network)
        self.network_optimizer = build_optimizer(
            hp.optimizer_type,
            hp.optimizer_params,
            hp.scheduler_type,
            hp.scheduler_params,
            self._variables,
            "optimizer",
        )
        if hp.ema_decay:
            self.average = ExponentialMovingAverage(self._variables, hp.ema_decay)
        self._scale = LossScale() if hp.mixed_precision == "float16" else None
        self.skipped_steps = tf.Variable(
            0, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
        )

    # Phases and input

    def phase(self, step: int, steps_per_epoch: int) -> str:
        """See `System.phase`; there is one."""
        return TEACHER_FORCING

    def phase_steps(self, first: int, last: int, steps_per_epoch: int) -> dict[str, int]:
        """See `System.phase_steps`."""
        return {TEACHER_FORCING: last - first}

    def learning_rates(self) -> dict[str, tf.Tensor]:
        """See `System.learning_rates`."""
        return {"learning_rate": self.network_optimizer.learning_rate}

    def held_out(self, store: FeatureStore, strategy: tf.distribute.Strategy) -> HeldOutSpeech:
        """See `System.held_out`."""
        audible = make_audible(self.hparams.sample_vocoder, self.mel_spec)
        return HeldOutSpeech(self, store, strategy, audible)

    @property
    def frames_per_step(self) -> int:
        """See `AcousticSystem.frames_per_step`."""
        return self.network.n_frames_per_step

    # Training

    def train_step(self, batch: Batch, phase: str) -> Scalars:  # type: ignore[override]
        """One step of teacher forcing.

        Args:
            batch: From `UtteranceSource`, this replica's rows.
            phase: `teacher_forcing`.

        Returns:
            Named scalars: every loss, their weighted sum and the gradient norm.
        """
        mel = self.normalization(batch["mel"])
        noise, masks = seeds(self.step_seed(self.network_optimizer.iterations), 2)
        with tf.GradientTape() as tape:
            outputs = self._forced(batch, self._masked(mel, masks), training=True, seed=noise)
            losses = self._teaching_losses(outputs, mel, batch)
            loss = self._weighted_sum(losses)
        norm, finite = guarded_update(
            tape, loss, self._variables, self.network_optimizer, self.hparams.grad_norm, self._scale
        )
        if self.average is not None:
            self.average.update(self.network_optimizer.iterations, finite)
        self.skipped_steps.assign_add(tf.cast(~finite, tf.int32))
        return losses | {"loss": loss, "grad_norm": norm}

    def _forced(
        self, batch: Batch, mel: tf.Tensor, training: bool, seed: tf.Tensor | None = None
    ) -> Outputs:
        labels = {name: batch[name] for name in ("speaker", "style") if name in batch}
        return self.network(
            batch["ids"],
            batch["id_lengths"],
            mel,
            batch["mel_lengths"],
            **labels,
            training=training,
            seed=seed,
        )

    def _masked(self, mel: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """The frames that the decoder is given, some bands and some stretches of time left out."""
        params = self.hparams.input_mask_params
        bands, frames, steps = seeds(seed, 3)
        if params.freq_mask:
            mel = freq_mask(mel, params.freq_mask, bands)
        if params.time_mask:
            mel = time_mask(mel, params.time_mask, frames)
        if params.drop_frame_rate:
            mel = drop_frames(mel, params.drop_frame_rate, self.frames_per_step, steps)
        return mel

    def _teaching_losses(self, outputs: Outputs, mel: tf.Tensor, batch: Batch) -> Scalars:
        lengths = batch["mel_lengths"]
        steps = self.network.steps(lengths)
        losses = {
            "mel_loss": self._mel_loss(outputs["mel"], mel, lengths),
            "mel_postnet_loss": self._mel_loss(outputs["mel_postnet"], mel, lengths),
            "stop_loss": self._stop_loss(outputs["gate"], steps),
        }
        if self.hparams.use_guided_attention:
            losses["guided_attention_loss"] = self._attention_loss(
                outputs["alignments"], batch["id_lengths"], steps
            )
        return losses

    def _weighted_sum(self, losses: Scalars) -> tf.Tensor:
        weights = {
            "stop_loss": self.hparams.lambda_stop,
            "guided_attention_loss": self.hparams.lambda_guided_attention,
        }
        return tf.add_n([weights.get(name, 1.0) * loss for name, loss in losses.items()])

    # Evaluation and synthesis

    def forced(self, batch: Batch) -> tuple[Outputs, Scalars]:
        """See `AcousticSystem.forced`; the prenet's dropout is on, as always."""
        mel = self.normalization(batch["mel"])
        outputs = self._forced(batch, mel, training=False)
        losses = self._teaching_losses(outputs, mel, batch)
        spoken = self.normalization.inverse(outputs["mel_postnet"])
        spoken = self.silence_after(spoken, batch["mel_lengths"])
        return {"mel": spoken, "alignments": outputs["alignments"]}, losses

    def speak(self, text: Batch, seed: tf.Tensor) -> Outputs:
        """See `AcousticSystem.speak`."""
        params = self.hparams.speaking_params
        outputs = self.network.infer(
            text["ids"],
            text["id_lengths"],
            **{name: text[name] for name in self.label_names},
            seed=seed,
            min_frames_per_symbol=params.min_frames_per_symbol,
            max_frames_per_symbol=params.max_frames_per_symbol,
            attention_window=params.attention_window,
        )
        mel = self.normalization.inverse(outputs["mel_postnet"])
        kept = ("lengths", "finished", "alignments", "alignment_score")
        spoken = {"mel": self.silence_after(mel, outputs["lengths"])}
        return spoken | {name: outputs[name] for name in kept}

    def serving_module(self) -> AcousticModule:
        """See `System.serving_module`; in float32."""
        speaking = Tacotron2System(self.hparams, self.mel_spec, self.statistics, inference=True)
        for own, copied in zip(self.network.variables, speaking.network.variables, strict=True):
            copied.assign(own)
        return AcousticModule(speaking)

    # State

    def state(self) -> dict[str, Sequence[tf.Variable]]:
        """See `System.state`."""
        groups: dict[str, Sequence[tf.Variable]] = {
            **self.synthesis_state(),
            "optimizer": self.network_optimizer.state,
            "skipped_steps": [self.skipped_steps],
        }
        if self.average is not None:
            groups["average"] = self.average.state
        if self._scale is not None:
            groups["loss_scale"] = self._scale.state
        return groups

    def synthesis_state(self) -> dict[str, Sequence[tf.Variable]]:
        """See `System.synthesis_state`."""
        return {"network": [v.value for v in self.network.variables]}

    def restore_networks(self, checkpoint: Checkpoint) -> None:
        """See `System.restore_networks`."""
        restore_network(self.network, checkpoint, "network", "average")
