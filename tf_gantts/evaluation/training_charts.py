"""Which scalars of a training are drawn, by its system, and where its phases begin."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from tf_gantts.evaluation.chart import Chart
from tf_gantts.evaluation.curves import Curve

# Of each system, as systems/ has them, which is above: names of its phases, in order.
PHASES: dict[str, tuple[str, ...]] = {
    "vocoder_gan": ("generator", "adversarial", "reversed"),
    "gan_tts": ("reconstruction", "discriminator_warm_up", "adversarial"),
}
_VOCODER_GAN = (
    Chart(
        "Distance of log-mels",
        "L1, in the features' own unit",
        {
            "held out, the features' definition": "eval/mel_loss",
            "mel loss": "train/mel_spectrogram_loss",
            "mel loss, held out": "eval/mel_spectrogram_loss",
        },
    ),
    Chart(
        "Spectral losses",
        "loss",
        {
            "log STFT magnitude": "train/log_stft_magnitude_loss",
            "log STFT magnitude, held out": "eval/log_stft_magnitude_loss",
            "spectral convergence": "train/spectral_convergence_loss",
            "spectral convergence, held out": "eval/spectral_convergence_loss",
        },
    ),
    Chart(
        "Generator against discriminator",
        "loss",
        {
            "generator, adversarial": "train/adversarial_loss",
            "discriminator": "train/discriminator_loss",
            "feature matching": "train/feature_matching_loss",
        },
        log_y=True,
    ),
    Chart(
        "Discriminator: share judged correctly",
        "share",
        {
            "recordings": "train/discriminator_accuracy_real",
            "generated": "train/discriminator_accuracy_fake",
        },
        y_range=(0.0, 1.0),
    ),
)
_GAN_TTS = (
    Chart(
        "Distance of mels with the recording's timing",
        "loss, normalised mels",
        {"training": "train/mel_loss", "held out": "eval/mel_loss"},
    ),
    Chart(
        "Durations",
        "squared error of log(d + 1)",
        {"training": "train/duration_loss", "held out": "eval/duration_loss"},
    ),
    Chart(
        "Generator against discriminators",
        "loss",
        {
            "generator, realism": "train/realism_loss",
            "generator, waveform": "train/waveform_loss",
            "generator, utterance": "train/utterance_loss",
            "discriminators": "train/discriminator_loss",
            "feature matching": "train/feature_matching_loss",
            "feature matching, waveform": "train/waveform_feature_matching_loss",
        },
        log_y=True,
    ),
    Chart(
        "Discriminators: share judged correctly",
        "share",
        {
            "realism, recordings": "train/realism_accuracy_real",
            "realism, generated": "train/realism_accuracy_fake",
            "waveform, recordings": "train/waveform_accuracy_real",
            "waveform, generated": "train/waveform_accuracy_fake",
            "utterance, recordings": "train/utterance_accuracy_real",
            "utterance, generated": "train/utterance_accuracy_fake",
        },
        y_range=(0.0, 1.0),
    ),
)
_TACOTRON2 = (
    Chart(
        "Distance of teacher-forced mels",
        "mean squared error, normalised mels",
        {
            "training": "train/mel_postnet_loss",
            "training, before the postnet": "train/mel_loss",
            "held out": "eval/mel_postnet_loss",
        },
    ),
    Chart(
        "Attention of freely spoken texts, held out",
        "share",
        {
            "focus": "eval/spoken_attention_focus",
            "coverage": "eval/spoken_attention_coverage",
            "ended by itself": "eval/spoken_finished",
        },
        y_range=(0.0, 1.0),
    ),
)
CHARTS: dict[str, tuple[Chart, ...]] = {
    "vocoder_gan": _VOCODER_GAN,
    "gan_tts": _GAN_TTS,
    "tacotron2": _TACOTRON2,
}


def phase_marks(curves: Mapping[str, Curve], phases: Sequence[str]) -> dict[int, str]:
    """Where the phases of a training begin.

    Args:
        curves: The scalars of a run.
        phases: Names of the phases, in order.

    Returns:
        The step at which each later phase was first logged -> its name.
    """
    curve = curves.get("train/phase", Curve())
    marks: dict[int, str] = {}
    logged = zip(curve.steps, curve.values, strict=True)
    for (step, before), (_, after) in itertools.pairwise(logged):
        if before != after:
            marks[int(step)] = f"{phases[int(after)].replace('_', ' ')} from here"
    return marks
