"""The system `vocoder_gan`: mel -> waveform, trained against a discriminator."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tf_gantts import networks
from tf_gantts.audio.graph import LogMel
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.audio.statistics import Statistics
from tf_gantts.data.segments import SegmentSource
from tf_gantts.data.store import FeatureStore
from tf_gantts.errors import HparamsError
from tf_gantts.hparams import VocoderGanHparams
from tf_gantts.layers.mel_normalization import MelNormalization
from tf_gantts.layers.mel_projection import MelProjection
from tf_gantts.losses.vocoder_gan import VocoderGANLosses
from tf_gantts.serving.signatures import VocoderModule
from tf_gantts.training.adversarial_system import AdversarialSystem
from tf_gantts.training.checkpoint import Checkpoint, restore_network
from tf_gantts.training.evaluation import HeldOutClips
from tf_gantts.training.system import Batch, Scalars

# Phases: only the generator is trained; both are; both are, with the labels exchanged.
GENERATOR, ADVERSARIAL, REVERSED = "generator", "adversarial", "reversed"


class VocoderGAN(AdversarialSystem):
    """A generator and a discriminator by name, with the recipe's losses.

    Source of the training step: ParallelWaveGAN's trainer for MelGAN (bin/train.py).

    Args:
        hparams: The hyper-parameters.
        mel_spec: The mel definition of the features.
        statistics: Statistics of the features, or None where the mel is not z-scored.
        inference: Whether to build the generator only, in float32 whatever it was trained in.
    """

    PHASES = (GENERATOR, ADVERSARIAL, REVERSED)
    hparams: VocoderGanHparams

    def __init__(
        self,
        hparams: VocoderGanHparams,
        mel_spec: MelSpec,
        statistics: Statistics | None,
        inference: bool = False,
    ) -> None:
        super().__init__(hparams, mel_spec, statistics, inference, name="vocoder_gan")
        full = inference or hparams.mixed_precision == "float32"
        policy = "float32" if full else f"mixed_{hparams.mixed_precision}"
        self.normalization = MelNormalization(
            *((statistics.mean, statistics.scale) if statistics else ())
        )
        self.generator = self._build_generator(policy)
        self._check_generator()
        rounds = hparams.mel_projections
        self.projection = MelProjection(mel_spec, rounds) if rounds else None
        if inference:
            return
        self.discriminator = networks.build(
            hparams.discriminator_type,
            hparams.discriminator_params,
            name="discriminator",
            dtype=policy,
        )
        self._log_mel = LogMel(mel_spec)
        self._criteria = VocoderGANLosses(hparams, mel_spec)

    def _build_generator(self, policy: str) -> networks.Network:
        """The generator; MelGAN's with several output channels is followed by a filterbank."""
        hp = self.hparams
        params = hp.generator_params
        if hp.generator_type == "MelGANGenerator" and params.get("out_channels", 1) > 1:
            return networks.MultiBandMelGANGenerator(
                params, hp.pqmf_params, name="generator", dtype=policy
            )
        return networks.build(hp.generator_type, params, name="generator", dtype=policy)

    def _check_generator(self) -> None:
        """Refuses a generator that does not fit the features."""
        if self.hparams.use_subband_stft_loss and not self._has_subbands:
            raise HparamsError(
                "use_subband_stft_loss: the generator makes no sub-bands; set it to false, or"
                " generator_params.out_channels of a MelGANGenerator to their number"
            )
        if self.generator.out_channels != 1:
            raise HparamsError(
                f"generator_params: {self.generator.out_channels} waveforms come out, 1 is expected"
            )
        hop = self.generator.upsample_factor
        if hop != self.mel_spec.hop_size:
            raise HparamsError(
                f"generator_params: {hop} samples per frame come out, hop_size is"
                f" {self.mel_spec.hop_size}; change the upsampling or hop_size"
            )
        if self.generator.in_channels != self.mel_spec.num_mels:
            raise HparamsError(
                f"generator_params: in_channels {self.generator.in_channels} must equal num_mels"
                f" {self.mel_spec.num_mels}"
            )

    @property
    def _has_subbands(self) -> bool:
        return isinstance(self.generator, networks.MultiBandMelGANGenerator)

    def prepare_training(self) -> None:
        """See `System.prepare_training`."""
        self.prepare_updates(self.generator, self.discriminator)

    # Phases and input

    def training_source(self, store: FeatureStore, allow_cache: bool = True) -> SegmentSource:
        """See `System.training_source`: random segments."""
        hp = self.hparams
        return SegmentSource(
            store,
            "train",
            frames_per_segment=hp.segment_frames,
            batch_size=hp.batch_size,
            seed=hp.seed,
            remove_short_samples=hp.remove_short_samples,
            allow_cache=allow_cache and hp.allow_cache,
        )

    def held_out(self, store: FeatureStore, strategy: tf.distribute.Strategy) -> HeldOutClips:
        """See `System.held_out`."""
        return HeldOutClips(self, store, strategy)

    def describe_batch(self) -> str:
        """See `System.describe_batch`."""
        hp = self.hparams
        seconds = hp.batch_max_steps / hp.sampling_rate
        return (
            f"{hp.batch_size} segments of {hp.batch_max_steps} samples ({seconds:.2f} s,"
            f" {hp.segment_frames} frames)"
        )

    def forward_graphs(self) -> list[tf.Graph]:
        """See `System.forward_graphs`; the discriminator sees real and generated audio."""
        hp = self.hparams
        mels = (hp.batch_size, hp.segment_frames, self.mel_spec.num_mels)
        waves = (2 * hp.batch_size, hp.batch_max_steps, 1)
        graphs = []
        for network, shape in ((self.generator, mels), (self.discriminator, waves)):
            function = tf.function(lambda x, network=network: network(x, training=True))
            concrete = function.get_concrete_function(tf.TensorSpec(shape, tf.float32))
            graphs.append(concrete.graph)
        return graphs

    def phase(self, step: int, steps_per_epoch: int) -> str:
        """See `System.phase`."""
        start = self.hparams.discriminator_train_start_steps
        if step < start:
            return GENERATOR
        reversal = self.hparams.class_reversal
        epoch = (step - start) // steps_per_epoch
        if reversal.enabled:
            position = epoch % (reversal.period_epochs + reversal.duration_epochs)
            if position >= reversal.period_epochs:
                return REVERSED
        return ADVERSARIAL

    def phase_steps(self, first: int, last: int, steps_per_epoch: int) -> dict[str, int]:
        """See `System.phase_steps`."""
        before, after = (self._steps_before(step, steps_per_epoch) for step in (first, last))
        return {name: after[name] - before[name] for name in after}

    def _steps_before(self, step: int, steps_per_epoch: int) -> dict[str, int]:
        start = min(self.hparams.discriminator_train_start_steps, step)
        reversed_steps = 0
        reversal = self.hparams.class_reversal
        if reversal.enabled:
            normal = reversal.period_epochs * steps_per_epoch
            cycle = normal + reversal.duration_epochs * steps_per_epoch
            whole, rest = divmod(step - start, cycle)
            reversed_steps = whole * (cycle - normal) + max(0, rest - normal)
        return {
            GENERATOR: start,
            ADVERSARIAL: step - start - reversed_steps,
            REVERSED: reversed_steps,
        }

    # Training

    def train_step(self, batch: Batch, phase: str) -> Scalars:  # type: ignore[override]
        """One step of the recipe.

        Args:
            batch: `mel` (B, frames, n_mels) raw log-mel, `audio` (B, frames * hop, 1).
            phase: `generator`, `adversarial` or `reversed`.

        Returns:
            Named scalars: every loss, gradient norms, the discriminator's accuracy.
        """
        mel, audio = self.normalization(batch["mel"]), batch["audio"]
        judged = self._judged_rows()  # of the batch, by the discriminator

        # D(real) is needed twice, for feature matching and for D's own loss: computed once.
        discriminator_tape = tf.GradientTape()
        real_maps = None
        if phase != GENERATOR:
            with discriminator_tape:
                real_maps = self.discriminator(audio[:judged], training=True)

        # Generator
        with tf.GradientTape() as tape:
            fake, subbands = self._generate(mel)
            losses = self._criteria.auxiliary(fake, audio)
            if subbands is not None:
                losses |= self._criteria.subbands(subbands, self.generator.split(audio))
            if real_maps is not None:
                fake_maps = self.discriminator(fake[:judged], training=True)
                losses |= self._criteria.adversarial(real_maps, fake_maps, phase == REVERSED)
            loss = self._criteria.weighted_sum(losses)
        norm, finite = self.update_generator(tape, loss)
        scalars = losses | {"generator_loss": loss, "generator_grad_norm": norm}
        skipped = ~finite

        # Discriminator, on the updated generator's output
        if real_maps is not None:
            fake = tf.stop_gradient(self.generator(mel[:judged], training=True))
            with discriminator_tape:
                fake_maps = self.discriminator(fake, training=True)
                loss = self._criteria.discriminator(real_maps, fake_maps, phase == REVERSED)
            norm, finite = self.update_discriminator(discriminator_tape, loss)
            scalars |= {"discriminator_loss": loss, "discriminator_grad_norm": norm}
            scalars |= self._criteria.accuracy(real_maps, fake_maps)
            skipped |= ~finite

        self.skipped_steps.assign_add(tf.cast(skipped, tf.int32))
        return scalars

    def evaluation_step(self, batch: Batch, phase: str) -> Scalars:
        """Losses of held-out segments with the weights that synthesis will use.

        Returns:
            The generator's losses and `mel_loss`, the L1 distance of the log-mels of generated and
            natural audio in the units of the mel definition; in the adversarial phases also the
            discriminator's loss and accuracy.
        """
        audio = batch["audio"]
        fake = self.synthesize(batch["mel"])
        scalars = self._criteria.auxiliary(fake, audio)
        difference = self._log_mel(audio[..., 0]) - self._log_mel(fake[..., 0])
        scalars["mel_loss"] = tf.reduce_mean(tf.abs(difference))
        if phase != GENERATOR:
            real_maps = self.discriminator(audio, training=False)
            fake_maps = self.discriminator(fake, training=False)
            scalars |= self._criteria.adversarial(real_maps, fake_maps, phase == REVERSED)
            scalars["discriminator_loss"] = self._criteria.discriminator(
                real_maps, fake_maps, phase == REVERSED
            )
            scalars |= self._criteria.accuracy(real_maps, fake_maps)
        return scalars

    def _judged_rows(self) -> int | None:
        """How many of this replica's rows the discriminator sees; None for all."""
        rows = self.hparams.adversarial_batch_size
        if rows is None:
            return None
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        if rows % replicas:
            raise HparamsError(
                f"adversarial_batch_size {rows} cannot be divided among {replicas} replicas"
            )
        return rows // replicas

    def _generate(self, mel: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """The waveform, and the sub-bands that it was joined from where the generator has them."""
        if not self._has_subbands:
            return tf.cast(self.generator(mel, training=True), tf.float32), None
        subbands = self.generator.subbands(mel, training=True)
        return self.generator.join(subbands), subbands

    # Synthesis

    def synthesize(self, mel: tf.Tensor) -> tf.Tensor:
        """Waveform (B, T * hop, 1) float32 of raw log-mels (B, T, n_mels)."""
        wave = tf.cast(self.generator(self.normalization(mel), training=False), tf.float32)
        return self.projection(wave, mel) if self.projection else wave

    def serving_module(self) -> VocoderModule:
        """See `System.serving_module`; weight normalisation is folded into the kernels."""
        network = networks.fold_weight_norm(self.generator)
        return VocoderModule(network, self.normalization, self.mel_spec, self.projection)

    # State

    def state(self) -> dict[str, Sequence[tf.Variable]]:
        """See `System.state`."""
        return {
            **self.synthesis_state(),
            "discriminator": [v.value for v in self.discriminator.variables],
            **self.update_state(),
        }

    def synthesis_state(self) -> dict[str, Sequence[tf.Variable]]:
        """See `System.synthesis_state`."""
        return {"generator": [v.value for v in self.generator.variables]}

    def restore_networks(self, checkpoint: Checkpoint) -> None:
        """See `System.restore_networks`."""
        restore_network(self.generator, checkpoint, "generator", "generator_average")
