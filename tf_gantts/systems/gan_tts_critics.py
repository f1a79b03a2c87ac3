"""What judges the speech of GAN-TTS: two discriminators, and the encoder that reads speech."""

from __future__ import annotations

from typing import NamedTuple

import keras
import tensorflow as tf

from tf_gantts import networks
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.data.symbol_tracks import UTTERANCE
from tf_gantts.data.utterances import OTHER_UTTERANCE
from tf_gantts.hparams import GanTtsHparams
from tf_gantts.layers.length_mask import steps_of
from tf_gantts.layers.mel_normalization import MelNormalization
from tf_gantts.layers.replicas import rows_of_replica
from tf_gantts.layers.windows import window_starts
from tf_gantts.losses.adversarial import DiscriminatorAdversarialLoss, GeneratorAdversarialLoss
from tf_gantts.losses.feature_match import FeatureMatchLoss
from tf_gantts.systems.frozen_vocoder import FrozenVocoder
from tf_gantts.training.system import Batch, Scalars

Maps = list[list[tf.Tensor]]

# A small one: it must not cost much more than the acoustic model.
_WAVEFORM_DISCRIMINATOR = {"fft_sizes": (1024, 256), "channels": 8}


class Speech(NamedTuple):
    """Speech to judge.

    Attributes:
        mel: Normalised mels (B, T, n_mels).
        lengths: Their lengths in frames (B,).
        wave: What the vocoder makes of a window (B, N, 1), where it is judged.
    """

    mel: tf.Tensor
    lengths: tf.Tensor
    wave: tf.Tensor | None = None

    def constant(self) -> Speech:
        """The same speech, without a gradient."""
        wave = None if self.wave is None else tf.stop_gradient(self.wave)
        return Speech(tf.stop_gradient(self.mel), self.lengths, wave)


class GANTTSCritics(keras.Model):
    """The discriminators that a recipe asks for.

    discriminator_realism judges windows of mels, and what a vocoder makes of them where the recipe
    names one; the two judge by networks of their own. discriminator_utterance judges embeddings of
    texts: BERT's of the text is real; the one that the speech encoder recovers from generated
    speech is generated. The speech encoder learns from recordings alone, by the mean squared
    error. Where pairs are judged, what it recovers from the recording counts as real beside its
    text, and as generated beside the text of another utterance.

    Args:
        hparams: The recipe.
        mel_spec: The mel definition of the features.
        policy: Keras' dtype policy.
        normalization: That of the mels.

    Raises:
        CheckpointError: If the recipe names a vocoder that there is not.
        MelSpecMismatchError: If it does not fit the mels.
    """

    def __init__(
        self,
        hparams: GanTtsHparams,
        mel_spec: MelSpec,
        policy: str,
        normalization: MelNormalization,
    ) -> None:
        super().__init__(name="critics", autocast=False)
        hp = self._hparams = hparams
        self.realism = self.waveform = self.utterance = self.speech_encoder = None
        self._vocoder: FrozenVocoder | None = None
        if hp.use_realism_discriminator:
            self.realism = networks.build(
                "MelWindowDiscriminator",
                hp.realism_discriminator_params,
                name="discriminator_realism",
                dtype=policy,
            )
        if hp.use_utterance_discriminator:
            embedding = {"embedding_dim": hp.text_encoder_dim}
            self.utterance = networks.build(
                "UtteranceDiscriminator",
                embedding | hp.utterance_discriminator_params,
                name="discriminator_utterance",
                dtype=policy,
            )
            self.speech_encoder = networks.build(
                "SpeechTextEncoder",
                embedding | {"n_mel_channels": mel_spec.num_mels} | hp.speech_encoder_params,
                name="speech_encoder",
                dtype=policy,
            )
        if hp.use_realism_discriminator and hp.realism_vocoder is not None:
            self.waveform = networks.build(
                "MultiResolutionDiscriminator",
                _WAVEFORM_DISCRIMINATOR | hp.waveform_discriminator_params,
                name="discriminator_waveform",
                dtype=policy,
            )
            self._vocoder = FrozenVocoder(
                hp.realism_vocoder, mel_spec, normalization, hp.waveform_window, policy
            )
        self.built = True
        self._generator_loss = GeneratorAdversarialLoss(loss_type=hp.adversarial_loss_type)
        self._discriminator_loss = DiscriminatorAdversarialLoss(loss_type=hp.adversarial_loss_type)
        self._feature_match = FeatureMatchLoss()

    def generator_losses(
        self, real: Speech, fake: Speech, batch: Batch, starts: tf.Tensor | None
    ) -> Scalars:
        """What the critics tell the generator, by name.

        Args:
            real: The recordings, from `vocoded`.
            fake: The generated speech of the same texts, from `vocoded`.
            batch: From `UtteranceSource`, with the embeddings where they are judged.
            starts: Windows, from `draw_windows`.
        """
        losses = {}
        if self.realism is not None:
            fake_maps = self.realism(fake.mel, starts, fake.lengths)
            real_maps = self.realism(real.mel, starts, real.lengths)
            losses["realism_loss"] = self._generator_loss(fake_maps)
            losses["feature_matching_loss"] = self._feature_match(fake_maps, real_maps)
        if self.waveform is not None:
            fake_maps, real_maps = self.waveform(fake.wave), self.waveform(real.wave)
            losses["waveform_loss"] = self._generator_loss(fake_maps)
            losses["waveform_feature_matching_loss"] = self._feature_match(fake_maps, real_maps)
        if self.utterance is not None and self.speech_encoder is not None:
            recovered = self.speech_encoder(fake.mel, fake.lengths)
            losses["utterance_loss"] = self._generator_loss(
                self._judged(recovered, batch[UTTERANCE])
            )
        return losses

    def weighted_sum(self, losses: Scalars) -> tf.Tensor:
        """The adversarial part of the generator's loss."""
        hp = self._hparams
        weights = {
            "realism_loss": hp.lambda_realism,
            "feature_matching_loss": hp.lambda_realism * hp.lambda_feat_match,
            "waveform_loss": hp.lambda_waveform,
            "waveform_feature_matching_loss": hp.lambda_waveform * hp.lambda_feat_match,
            "utterance_loss": hp.lambda_utterance,
        }
        return tf.add_n([weights[name] * loss for name, loss in losses.items()])

    @property
    def share(self) -> float:
        """How hard all critics pull together, as a share of the reconstruction's pull."""
        hp = self._hparams
        shares = (
            hp.use_realism_discriminator * hp.lambda_realism,
            (self.waveform is not None) * hp.lambda_waveform,
            hp.use_utterance_discriminator * hp.lambda_utterance,
        )
        return sum(shares)

    def own_losses(
        self,
        real: Speech,
        fake: Speech,
        batch: Batch,
        starts: tf.Tensor | None,
        seed: tf.Tensor | None = None,
    ) -> tuple[Scalars, Scalars]:
        """What the critics learn from, and how often they are right.

        Args:
            real: The recordings.
            fake: The generated speech of the same texts; no gradient is wanted of it.
            batch: As above.
            starts: As above.
            seed: (2,) integers of the speech encoder's dropout; None for none.

        Returns:
            Losses by name, each with the weight 1, and accuracies by name.
        """
        losses: Scalars = {}
        accuracies: Scalars = {}
        if self.realism is not None:
            # Together: one call costs less than two.
            mel = tf.concat([real.mel, fake.mel], axis=0)
            lengths = tf.concat([real.lengths, fake.lengths], axis=0)
            maps = self.realism(mel, tf.concat([starts, starts], axis=0), lengths)
            self._add_own(losses, accuracies, "realism", maps)
        if self.waveform is not None:
            maps = self.waveform(tf.concat([real.wave, fake.wave], axis=0))
            self._add_own(losses, accuracies, "waveform", maps)
        if self.utterance is not None:
            own = self._utterance_losses(real, fake, batch, seed)
            losses |= own[0]
            accuracies |= own[1]
        return losses, accuracies

    def draw_windows(self, lengths: tf.Tensor, seed: tf.Tensor) -> tf.Tensor | None:
        """First frames of the windows that discriminator_realism judges, None without it.

        Where a waveform is judged, the last column is that of its window.

        Args:
            lengths: Frames of each row (B,).
            seed: (2,) integers, the same on all replicas.
        """
        if self.realism is None:
            return None
        sizes = self.realism.window_sizes
        if self._vocoder is not None:
            sizes = [*sizes, self._vocoder.window_size]
        rows = steps_of(lengths, 0)
        shares = rows_of_replica(tf.random.stateless_uniform, rows, len(sizes), seed)
        return window_starts(lengths, sizes, shares)

    def vocoded(self, speech: Speech, starts: tf.Tensor | None) -> Speech:
        """Speech with the waveform that is judged, if any is."""
        if self._vocoder is None or starts is None:
            return speech
        wave = self._vocoder(speech.mel, starts[:, -1], speech.lengths)
        return speech._replace(wave=wave)

    def _add_own(self, losses: Scalars, accuracies: Scalars, name: str, maps: Maps) -> None:
        """Adds what a discriminator learns from that saw recordings, then generated speech."""
        real_maps, fake_maps = _halves(maps)
        own = self._discriminator_loss(fake_maps, real_maps)
        losses[f"discriminator_{name}_loss"] = tf.add_n(own)
        accuracies[f"{name}_accuracy_real"] = self._share(real_maps, True)
        accuracies[f"{name}_accuracy_fake"] = self._share(fake_maps, False)

    def _utterance_losses(
        self, real: Speech, fake: Speech, batch: Batch, seed: tf.Tensor | None
    ) -> tuple[Scalars, Scalars]:
        assert self.utterance is not None and self.speech_encoder is not None
        text, other = batch[UTTERANCE], batch[OTHER_UTTERANCE]
        recovered = self.speech_encoder(real.mel, real.lengths, training=True, seed=seed)
        losses = {"speech_encoder_loss": tf.reduce_mean(tf.square(recovered - text))}
        recovered = tf.stop_gradient(recovered)
        generated = tf.stop_gradient(self.speech_encoder(fake.mel, fake.lengths))
        real_maps, fake_maps = self._judged(text, text), self._judged(generated, text)
        real_loss, fake_loss = self._discriminator_loss(fake_maps, real_maps)
        accuracies = {
            "utterance_accuracy_real": self._share(real_maps, True),
            "utterance_accuracy_fake": self._share(fake_maps, False),
        }
        if self.utterance.judges_pairs:
            recorded, wrong = self._judged(recovered, text), self._judged(recovered, other)
            real_loss = (real_loss + self._discriminator_loss.real_loss(recorded)) / 2.0
            fake_loss = (fake_loss + self._discriminator_loss.fake_loss(wrong)) / 2.0
            accuracies["utterance_accuracy_recorded"] = self._share(recorded, True)
            accuracies["utterance_accuracy_mismatched"] = self._share(wrong, False)
        losses["discriminator_utterance_loss"] = real_loss + fake_loss
        return losses, accuracies

    def _judged(self, embedding: tf.Tensor, text: tf.Tensor) -> Maps:
        assert self.utterance is not None
        return self.utterance(embedding, text if self.utterance.judges_pairs else None)

    def _share(self, maps: Maps, real: bool) -> tf.Tensor:
        """Share of the scores on the right side of the boundary."""
        boundary = self._discriminator_loss.boundary
        scores = [tf.cast(scale[-1], tf.float32) for scale in maps]
        right = [tf.reduce_mean(tf.cast((s > boundary) == real, tf.float32)) for s in scores]
        return tf.add_n(right) / len(right)


def _halves(maps: Maps) -> tuple[Maps, Maps]:
    split = [[tf.split(values, 2) for values in scale] for scale in maps]
    first = [[values[0] for values in scale] for scale in split]
    second = [[values[1] for values in scale] for scale in split]
    return first, second
