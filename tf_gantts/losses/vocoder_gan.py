"""The losses of a vocoder's recipe, and their weights."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.hparams import VocoderGanHparams
from tf_gantts.losses.adversarial import DiscriminatorAdversarialLoss, GeneratorAdversarialLoss
from tf_gantts.losses.autocorrelation import AutocorrelationLoss
from tf_gantts.losses.feature_match import FeatureMatchLoss
from tf_gantts.losses.mel_spectrogram import MelSpectrogramLoss
from tf_gantts.losses.phase_difference import PhaseDifferenceLoss
from tf_gantts.losses.stft import MultiResolutionSTFTLoss

Losses = dict[str, tf.Tensor]
Maps = list[list[tf.Tensor]]


class VocoderGANLosses:
    """Named losses of the system `vocoder_gan`; which there are, the recipe says.

    Args:
        hparams: The recipe.
        mel_spec: The mel definition of the features, which is that of the mel loss too unless the
            recipe says otherwise.
    """

    def __init__(self, hparams: VocoderGanHparams, mel_spec: MelSpec) -> None:
        self._hparams = hparams
        self._stft = MultiResolutionSTFTLoss(**hparams.stft_loss_params)
        self._subband_stft = MultiResolutionSTFTLoss(**hparams.subband_stft_loss_params)
        self._mel = MelSpectrogramLoss(**_mel_params(mel_spec) | hparams.mel_loss_params)
        self._phase = PhaseDifferenceLoss(**hparams.phase_loss_params)
        own = {"fs": mel_spec.sampling_rate, "hop_size": mel_spec.hop_size}
        self._autocorrelation = AutocorrelationLoss(**own | hparams.autocorrelation_loss_params)
        self._feature_match = FeatureMatchLoss(**hparams.feat_match_loss_params)
        self._generator_adversarial = GeneratorAdversarialLoss(**hparams.generator_adv_loss_params)
        self._discriminator_adversarial = DiscriminatorAdversarialLoss(
            **hparams.discriminator_adv_loss_params
        )

    def auxiliary(self, fake: tf.Tensor, audio: tf.Tensor) -> Losses:
        """What compares the generated waveform with the recorded one, both (B, N, 1)."""
        hp = self._hparams
        fake, audio = fake[..., 0], audio[..., 0]
        losses = {}
        if hp.use_stft_loss:
            convergence, magnitude = self._stft(fake, audio)
            losses["spectral_convergence_loss"] = convergence
            losses["log_stft_magnitude_loss"] = magnitude
        if hp.use_mel_loss:
            losses["mel_spectrogram_loss"] = self._mel(fake, audio)
        if hp.lambda_phase:
            losses["phase_loss"] = self._phase(fake, audio)
        if hp.lambda_autocorrelation:
            losses["autocorrelation_loss"] = self._autocorrelation(fake, audio)
        return losses

    def subbands(self, fake: tf.Tensor, audio: tf.Tensor) -> Losses:
        """What compares the sub-bands of the two, (B, N / bands, bands)."""
        if not self._hparams.use_subband_stft_loss:
            return {}
        convergence, magnitude = self._subband_stft(fake, audio)
        return {
            "subband_spectral_convergence_loss": convergence,
            "subband_log_stft_magnitude_loss": magnitude,
        }

    def adversarial(self, real_maps: Maps, fake_maps: Maps, reversed_labels: bool) -> Losses:
        """What the discriminator's maps of the two tell the generator.

        Args:
            real_maps: Feature maps of the recorded waveform, per sub-discriminator, score last.
            fake_maps: Those of the generated one.
            reversed_labels: Whether the discriminator is being taught the opposite; then, with
                class reversal of "D+G", so is the generator's target.
        """
        if reversed_labels and self._hparams.class_reversal.which == "D+G":
            adversarial = self._discriminator_adversarial.fake_loss(fake_maps)
        else:
            adversarial = self._generator_adversarial(fake_maps)
        losses = {"adversarial_loss": adversarial}
        if self._hparams.use_feat_match_loss:
            losses["feature_matching_loss"] = self._feature_match(fake_maps, real_maps)
        return losses

    def weighted_sum(self, losses: Losses) -> tf.Tensor:
        """The generator's loss: feature matching stands inside lambda_adv's bracket."""
        hp = self._hparams
        stft = hp.lambda_aux * (0.5 if hp.use_subband_stft_loss else 1.0)
        weights = {
            "spectral_convergence_loss": stft,
            "log_stft_magnitude_loss": stft,
            "subband_spectral_convergence_loss": stft,
            "subband_log_stft_magnitude_loss": stft,
            "mel_spectrogram_loss": hp.lambda_mel,
            "phase_loss": hp.lambda_phase,
            "autocorrelation_loss": hp.lambda_autocorrelation,
            "adversarial_loss": hp.lambda_adv,
            "feature_matching_loss": hp.lambda_adv * hp.lambda_feat_match,
        }
        return tf.add_n([weights[name] * loss for name, loss in losses.items()])

    def discriminator(self, real_maps: Maps, fake_maps: Maps, reversed_labels: bool) -> tf.Tensor:
        """The discriminator's loss; with reversed labels real counts as generated."""
        if reversed_labels:
            real_maps, fake_maps = fake_maps, real_maps
        real, fake = self._discriminator_adversarial(fake_maps, real_maps)
        return real + fake

    def accuracy(self, real_maps: Maps, fake_maps: Maps) -> Losses:
        """Share of the scores on the right side of the decision boundary."""
        boundary = self._discriminator_adversarial.boundary

        def share(maps: Maps, real: bool) -> tf.Tensor:
            scores = [tf.cast(scale[-1], tf.float32) for scale in maps]
            right = [tf.reduce_mean(tf.cast((s > boundary) == real, tf.float32)) for s in scores]
            return tf.add_n(right) / len(right)

        return {
            "discriminator_accuracy_real": share(real_maps, True),
            "discriminator_accuracy_fake": share(fake_maps, False),
        }


def _mel_params(spec: MelSpec) -> dict[str, Any]:
    return {
        "fs": spec.sampling_rate,
        "fft_size": spec.fft_size,
        "hop_size": spec.hop_size,
        "win_length": spec.win_length,
        "num_mels": spec.num_mels,
        "fmin": spec.fmin,
        "fmax": spec.fmax,
    }
