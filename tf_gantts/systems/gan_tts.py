"""The system `gan_tts`: text -> mel in one pass, judged by two discriminators."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.audio.statistics import Statistics
from tf_gantts.data.store import FeatureStore
from tf_gantts.data.symbol_tracks import TOKENS, UTTERANCE
from tf_gantts.data.utterances import Transcripts, UtteranceSource
from tf_gantts.errors import HparamsError
from tf_gantts.hparams import GanTtsHparams
from tf_gantts.layers.dropout import seeds
from tf_gantts.layers.length_mask import length_mask, steps_of
from tf_gantts.layers.mel_normalization import MelNormalization
from tf_gantts.layers.replicas import rows_of_replica, sum_over_replicas
from tf_gantts.losses.gan_tts import ReconstructionLosses, adaptive_weight
from tf_gantts.networks.gan_tts_generator import GANTTSGenerator
from tf_gantts.networks.network import require_known
from tf_gantts.porting.text_encoder import Pooling, TextEncoder, load_text_encoder
from tf_gantts.serving.acoustic import AcousticModule
from tf_gantts.systems.frozen_vocoder import make_audible
from tf_gantts.systems.gan_tts_critics import GANTTSCritics, Speech
from tf_gantts.systems.gan_tts_timing import build_timing
from tf_gantts.training.acoustic_system import AcousticSystem, Outputs
from tf_gantts.training.adversarial_system import AdversarialSystem
from tf_gantts.training.checkpoint import Checkpoint, restore, restore_network
from tf_gantts.training.duration_scale import DurationScale
from tf_gantts.training.speech_evaluation import HeldOutSpeech
from tf_gantts.training.system import Batch, Scalars
from tf_gantts.training.text_tracks import require_tracks
from tf_gantts.training.variance_tracks import UNITS, VARIANCES

# Phases: the generator learns from recordings; the discriminators learn too; it learns from them.
RECONSTRUCTION, WARM_UP, ADVERSARIAL = "reconstruction", "discriminator_warm_up", "adversarial"


class GANTTS(AcousticSystem, AdversarialSystem):
    """A feed-forward generator with its losses, and its critics.

    Args:
        hparams: The hyper-parameters.
        mel_spec: The mel definition of the features.
        statistics: Statistics of the features, or None where the mel is not z-scored.
        inference: Whether to build the generator only, in float32 whatever it was trained in.
    """

    PHASES = (RECONSTRUCTION, WARM_UP, ADVERSARIAL)
    hparams: GanTtsHparams

    def __init__(
        self,
        hparams: GanTtsHparams,
        mel_spec: MelSpec,
        statistics: Statistics | None,
        inference: bool = False,
    ) -> None:
        super().__init__(hparams, mel_spec, statistics, inference, name="gan_tts")
        full = inference or hparams.mixed_precision == "float32"
        policy = "float32" if full else f"mixed_{hparams.mixed_precision}"
        self.normalization = MelNormalization(
            *((statistics.mean, statistics.scale) if statistics else ())
        )
        self.generator = GANTTSGenerator(**self._generator_params(), name="generator", dtype=policy)
        self._duration_scale = DurationScale()
        self._variance_stds = tf.Variable(tf.ones([len(VARIANCES)]), trainable=False)
        silent = set(range(self.front_end.vocabulary_size)) - set(self.front_end.spoken_ids)
        self._least = [int(i not in silent) for i in range(self.front_end.vocabulary_size)]
        self._criteria = ReconstructionLosses(hparams)
        if not inference:
            self.critics = GANTTSCritics(hparams, mel_spec, policy, self.normalization)
        self.timing = build_timing(hparams, self.front_end, mel_spec)

    def _generator_params(self) -> dict:
        """The recipe's parameters, completed by what the front end and the features fix."""
        hp = self.hparams
        require_known(GANTTSGenerator, hp.generator_params, "GANTTSGenerator")
        fixed = {
            "n_symbols": self.front_end.vocabulary_size,
            "n_mel_channels": self.mel_spec.num_mels,
        }
        if hp.generator_params.get("text_encoder") == "bert":
            fixed["text_state_dim"] = hp.text_encoder_dim
        for key, value in fixed.items():
            if hp.generator_params.get(key, value) != value:
                raise HparamsError(
                    f"generator_params.{key} is {hp.generator_params[key]}, but front end"
                    f" {hp.front_end!r}, num_mels and text_encoder_dim ask for {value}; leave it"
                    " out"
                )
        params = hp.generator_params | fixed
        reads_bert = params.get("text_encoder") == "bert" or params.get("utterance_dim")
        if reads_bert and hp.text_encoder is None:
            raise HparamsError(
                "generator_params: the generator reads a BERT, but text_encoder names none"
            )
        return params

    def prepare_training(self) -> None:
        """See `System.prepare_training`."""
        self.prepare_updates(self.generator, self.critics)
        self.timing.prepare_training()

    # Phases and input

    def phase(self, step: int, steps_per_epoch: int) -> str:
        """See `System.phase`."""
        hp = self.hparams
        if not self._has_critics or step < hp.discriminator_train_start_steps:
            return RECONSTRUCTION
        return WARM_UP if step < hp.adversarial_start_steps else ADVERSARIAL

    def phase_steps(self, first: int, last: int, steps_per_epoch: int) -> dict[str, int]:
        """See `System.phase_steps`."""
        hp = self.hparams
        if not self._has_critics:
            return {RECONSTRUCTION: last - first}
        starts = (0, hp.discriminator_train_start_steps, hp.adversarial_start_steps, last)
        bounds = [min(max(start, first), last) for start in starts]
        return {
            name: end - begin
            for name, begin, end in zip(self.PHASES, bounds, bounds[1:], strict=False)
        }

    @property
    def _has_critics(self) -> bool:
        return self.hparams.use_realism_discriminator or self.hparams.use_utterance_discriminator

    @functools.cached_property
    def tracks(self) -> list[str]:
        """See `AcousticSystem.tracks`."""
        reads_utterance = "utterance" in self.generator.conditions
        wanted = {
            TOKENS: self.generator.uses_bert,
            UTTERANCE: reads_utterance or self.hparams.use_utterance_discriminator,
        }
        used = (name for name, wants in wanted.items() if wants)
        return [*self.timing.tracks, *self._variances, *used]

    def transcripts(self, store: FeatureStore, split: str) -> Transcripts:
        """See `AcousticSystem.transcripts`.

        Raises:
            FeatureStoreError: If the store lacks a track that the recipe needs, or has it for
                another front end.
        """
        require_tracks(store, self.tracks, self.front_end)
        return super().transcripts(store, split)

    def can_read(self, ids: np.ndarray, frames: int) -> bool:
        """See `AcousticSystem.can_read`."""
        return self.timing.can_read(ids, frames)

    def training_source(self, store: FeatureStore, allow_cache: bool = True) -> UtteranceSource:
        """See `System.training_source`."""
        source = super().training_source(store, allow_cache)
        if self._variances:
            described = store.descriptions[self._variances[0]]
            self._variance_stds.assign([described[name]["std"] for name in VARIANCES])
        return source

    def held_out(self, store: FeatureStore, strategy: tf.distribute.Strategy) -> HeldOutSpeech:
        """See `System.held_out`."""
        audible = make_audible(self.hparams.sample_vocoder, self.mel_spec)
        return HeldOutSpeech(self, store, strategy, audible)

    # Training

    def train_step(self, batch: Batch, phase: str) -> Scalars:  # type: ignore[override]
        """One step of the recipe.

        Args:
            batch: From `UtteranceSource`, this replica's rows.
            phase: `reconstruction`, `discriminator_warm_up` or `adversarial`.

        Returns:
            Named scalars: every loss, gradient norms, the discriminators' accuracies.
        """
        hp = self.hparams
        adaptive = hp.use_adaptive_weight and phase == ADVERSARIAL
        updates = self.generator_optimizer.iterations
        dropout, reading = seeds(self.step_seed(updates), 2)
        noise, windows = seeds(tf.stack([hp.seed, tf.cast(updates, tf.int32)]), 2)
        real = Speech(self.normalization(batch["mel"]), batch["mel_lengths"])
        starts = self.critics.draw_windows(real.lengths, windows)
        frozen = phase != RECONSTRUCTION
        batch, alignment, skipped = self.timing.learn(batch, real.mel, frozen)

        # Generator
        with tf.GradientTape(persistent=adaptive) as tape:
            outputs = self._spoken(batch, True, self._noise(steps_of(real.mel, 0), noise), dropout)
            fake = Speech(outputs["mel"], real.lengths)
            if phase != RECONSTRUCTION:
                real, fake = (self.critics.vocoded(speech, starts) for speech in (real, fake))
            losses = self._reconstruction_losses(outputs, real.mel, batch)
            loss = self._criteria.weighted_sum(losses)
            if phase == ADVERSARIAL:
                judged = self.critics.generator_losses(real, fake, batch, starts)
                adversarial = self.critics.weighted_sum(judged)
                losses |= judged
        if phase == ADVERSARIAL:
            weight = tf.ones([])
            if adaptive:
                weight = self._adaptive_weight(tape, loss, adversarial, fake.mel)
                losses["adversarial_weight"] = weight
            with tape:
                loss += weight * adversarial
        norm, finite = self.update_generator(tape, loss)
        self._remember_durations(batch, finite)
        scalars = alignment | losses | {"generator_loss": loss, "generator_grad_norm": norm}
        skipped |= ~finite

        # Discriminators, and the encoder that reads speech for one of them
        if phase != RECONSTRUCTION:
            fake = fake.constant()
            with tf.GradientTape() as tape:
                losses, accuracies = self.critics.own_losses(real, fake, batch, starts, reading)
                loss = tf.add_n(list(losses.values()))
            norm, finite = self.update_discriminator(tape, loss)
            scalars |= losses | accuracies
            scalars |= {"discriminator_loss": loss, "discriminator_grad_norm": norm}
            skipped |= ~finite

        self.skipped_steps.assign_add(tf.cast(skipped, tf.int32))
        return scalars

    def _spoken(
        self,
        batch: Batch,
        training: bool,
        noise: tf.Tensor | None,
        seed: tf.Tensor | None = None,
    ) -> Outputs:
        """Speech with the recording's own timing, pitch and energy."""
        given = {name: batch[name] for name in self._variances}
        return self.generator(
            batch["ids"],
            batch["id_lengths"],
            batch["durations"],
            frames=steps_of(batch["mel"]),
            **given,
            **self._read(batch),
            noise=noise,
            training=training,
            seed=seed,
        )

    def _read(self, batch: Batch) -> Outputs:
        """What the generator gets of the text besides its symbols."""
        read = {}
        if self.generator.uses_bert:
            read["text_states"] = batch[TOKENS]
        if "utterance" in self.generator.conditions:
            read["utterance"] = batch[UTTERANCE]
        return read

    def _noise(self, rows: int | tf.Tensor, seed: tf.Tensor) -> tf.Tensor | None:
        """The generator's noise (rows, noise_dim), None where it takes none."""
        dim = self.generator.noise_dim
        return rows_of_replica(tf.random.stateless_normal, rows, dim, seed) if dim else None

    def _reconstruction_losses(self, outputs: Outputs, mel: tf.Tensor, batch: Batch) -> Scalars:
        return self._criteria(outputs, mel, batch, self._variances)

    def _adaptive_weight(
        self, tape: tf.GradientTape, loss: tf.Tensor, adversarial: tf.Tensor, mel: tf.Tensor
    ) -> tf.Tensor:
        """Weight at which the critics pull at the mel as the recipe's weights say."""
        pulls = (tape.gradient(x, mel) for x in (loss, adversarial))
        own, theirs = (tf.sqrt(sum_over_replicas(tf.reduce_sum(tf.square(pull)))) for pull in pulls)
        return adaptive_weight(own, theirs, self.critics.share)

    def _remember_durations(self, batch: Batch, finite: tf.Tensor) -> None:
        """Of what synthesis would predict: dropout would lengthen it."""
        noise = self._zero_noise(steps_of(batch["ids"], 0))
        text = self.generator.encode(
            batch["ids"], batch["id_lengths"], **self._read(batch), noise=noise
        )
        predicted = self.generator.predict(text)["log_durations"]
        self._duration_scale.update(batch["durations"], predicted, text.valid, finite)

    # Evaluation and synthesis

    @property
    def duration_scale(self) -> tf.Tensor:
        """Factor at which predicted durations are as long, in all, as those of the recordings."""
        return self._duration_scale.value()

    @property
    def has_attention(self) -> bool:
        """See `AcousticSystem.has_attention`."""
        return False

    def forced(self, batch: Batch) -> tuple[Outputs, Scalars]:
        """See `AcousticSystem.forced`: with the recording's timing, pitch and energy."""
        mel = self.normalization(batch["mel"])
        batch, losses = self.timing.find(batch, mel)
        noise = self._zero_noise(steps_of(mel, 0))
        outputs = self._spoken(batch, False, noise)
        losses |= self._reconstruction_losses(outputs, mel, batch)
        symbols = length_mask(batch["id_lengths"], steps_of(batch["ids"]))
        losses["length_ratio"] = self._duration_scale.length_ratio(
            batch["mel_lengths"], outputs["log_durations"], symbols
        )
        spoken = self.normalization.inverse(outputs["mel"])
        spoken = self.silence_after(spoken, batch["mel_lengths"])
        return {"mel": spoken, "alignments": _alignments(outputs, steps_of(batch["ids"]))}, losses

    def speak(self, text: Batch, seed: tf.Tensor) -> Outputs:
        """See `AcousticSystem.speak`; what a text becomes does not depend on the seed."""
        ids = text["ids"]
        rows = steps_of(ids, 0)
        outputs = self.generator.infer(
            ids,
            text["id_lengths"],
            **self._read(text),
            **self._shifts(text),
            noise=self._zero_noise(rows),
            pace=text.get("pace", 1.0),
            duration_scale=self.duration_scale,
            least=tf.gather(self._least, ids),
        )
        lengths = outputs["lengths"]
        mel = self.normalization.inverse(outputs["mel"])
        outputs["frame_mask"] = length_mask(lengths, steps_of(mel))
        return {
            "mel": self.silence_after(mel, lengths),
            "lengths": lengths,
            "finished": tf.ones([rows], tf.bool),
            "alignments": _alignments(outputs, steps_of(ids)),
            "alignment_score": tf.ones([rows]),
        }

    def calibrate(self, scores: Mapping[str, float]) -> None:
        """See `AcousticSystem.calibrate`: texts that were not trained on are spoken too fast."""
        self._duration_scale.correct(scores["length_ratio"])

    @property
    def controls(self) -> dict[str, float]:
        """See `AcousticSystem.controls`: speaking rate, semitones and decibels."""
        return {"pace": 1.0} | {f"{name}_shift": 0.0 for name in self._variances}

    @functools.cached_property
    def text_encoder(self) -> TextEncoder | None:
        """See `AcousticSystem.text_encoder`."""
        reads_bert = self.generator.uses_bert or "utterance" in self.generator.conditions
        return load_text_encoder(str(self.hparams.text_encoder)) if reads_bert else None

    @property
    def pooling(self) -> Pooling:
        """See `AcousticSystem.pooling`."""
        return self.hparams.pooling

    @property
    def _variances(self) -> list[str]:
        """What of pitch and energy the generator has."""
        return [name for name in VARIANCES if name in self.generator.predictors]

    def _shifts(self, text: Batch) -> Outputs:
        """The shifts that are asked for, in standard deviations of the recordings' symbols."""
        stds = dict(zip(VARIANCES, tf.unstack(self._variance_stds), strict=True))
        shifts = {name: f"{name}_shift" for name in self._variances}
        return {
            shift: text[shift] * UNITS[name] / stds[name]
            for name, shift in shifts.items()
            if shift in text
        }

    def _zero_noise(self, rows: int | tf.Tensor) -> tf.Tensor | None:
        """The middle of what was trained."""
        dim = self.generator.noise_dim
        return tf.zeros([rows, dim]) if dim else None

    def serving_module(self) -> AcousticModule:
        """See `System.serving_module`; in float32."""
        speaking = GANTTS(self.hparams, self.mel_spec, self.statistics, inference=True)
        for own, copied in zip(self.generator.variables, speaking.generator.variables, strict=True):
            copied.assign(own)
        for own, copied in zip(self.speaking_state, speaking.speaking_state, strict=True):
            copied.assign(own)
        return AcousticModule(speaking)

    # State

    def state(self) -> dict[str, Sequence[tf.Variable]]:
        """See `System.state`."""
        return {
            **self.synthesis_state(),
            "critics": [v.value for v in self.critics.variables],
            **self.update_state(),
            **self.timing.update_state(),
        }

    def synthesis_state(self) -> dict[str, Sequence[tf.Variable]]:
        """See `System.synthesis_state`."""
        return {
            "generator": [v.value for v in self.generator.variables],
            "speaking": self.speaking_state,
            **self.timing.state(),
        }

    def restore_networks(self, checkpoint: Checkpoint) -> None:
        """See `System.restore_networks`."""
        restore_network(self.generator, checkpoint, "generator", "generator_average")
        own = {"speaking": self.speaking_state, **self.timing.state()}
        restore(own, checkpoint, list(own))

    @property
    def speaking_state(self) -> list[tf.Variable]:
        """See `AcousticSystem.speaking_state`."""
        scale = self._duration_scale
        return [scale.totals, self._variance_stds, scale.correction]


def _alignments(outputs: Outputs, symbols: int | tf.Tensor) -> tf.Tensor:
    """The symbol of each frame as shares (B, T, N), as attention would show it."""
    shares = tf.one_hot(outputs["symbol"], symbols)
    return tf.where(outputs["frame_mask"][..., tf.newaxis], shares, 0.0)
