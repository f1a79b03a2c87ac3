"""Losses: small classes called on tensors, computed in float32 whatever the policy."""

from tf_gantts.losses.adversarial import DiscriminatorAdversarialLoss, GeneratorAdversarialLoss
from tf_gantts.losses.autocorrelation import AutocorrelationLoss
from tf_gantts.losses.feature_match import FeatureMatchLoss
from tf_gantts.losses.gan_tts import DurationLoss, MaskedLoss, adaptive_weight
from tf_gantts.losses.mel_spectrogram import MelSpectrogramLoss
from tf_gantts.losses.phase_difference import PhaseDifferenceLoss
from tf_gantts.losses.stft import MultiResolutionSTFTLoss

__all__ = [
    "AutocorrelationLoss",
    "DiscriminatorAdversarialLoss",
    "DurationLoss",
    "FeatureMatchLoss",
    "GeneratorAdversarialLoss",
    "MaskedLoss",
    "MelSpectrogramLoss",
    "MultiResolutionSTFTLoss",
    "PhaseDifferenceLoss",
    "adaptive_weight",
]
