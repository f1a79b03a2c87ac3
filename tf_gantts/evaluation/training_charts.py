"""Which scalars of a vocoder's training are drawn, and where its phases begin."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from tf_gantts.evaluation.chart import Chart
from tf_gantts.evaluation.curves import Curve

PHASES = ("generator", "adversarial", "reversed")  # of systems.vocoder_gan, which is above
CHARTS = (
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


def phase_marks(curves: Mapping[str, Curve], phases: Sequence[str] = PHASES) -> dict[int, str]:
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
            marks[int(step)] = f"{phases[int(after)]} from here"
    return marks
