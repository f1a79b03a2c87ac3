"""Adversarial losses of the generator and of the discriminator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from tf_gantts.errors import HparamsError

# One sub-discriminator's outputs: a score, or its feature maps with the score last.
Outputs: TypeAlias = Any  # tf.Tensor | Sequence[tf.Tensor]
Criterion = Callable[[tf.Tensor], tf.Tensor]

# What a score of a recording and of a generated clip is pulled towards. The generator's own aim is
# "real" for mse and bce, but under hinge it lowers -score without a margin. For bce a score is the
# logit, and the generator's aim is the one that Goodfellow et al. 2014 call non-saturating.
_REAL: dict[str, Criterion] = {
    "mse": lambda score: tf.reduce_mean(tf.square(score - 1.0)),
    "hinge": lambda score: tf.reduce_mean(tf.nn.relu(1.0 - score)),
    "bce": lambda score: tf.reduce_mean(tf.nn.softplus(-score)),
}
_FAKE: dict[str, Criterion] = {
    "mse": lambda score: tf.reduce_mean(tf.square(score)),
    "hinge": lambda score: tf.reduce_mean(tf.nn.relu(1.0 + score)),
    "bce": lambda score: tf.reduce_mean(tf.nn.softplus(score)),
}
_GENERATOR: dict[str, Criterion] = {
    "mse": _REAL["mse"],
    "hinge": lambda score: -tf.reduce_mean(score),
    "bce": _REAL["bce"],
}
_BOUNDARY = {"mse": 0.5, "hinge": 0.0, "bce": 0.0}


class GeneratorAdversarialLoss:
    """How far the discriminators are from taking generated clips for recordings.

    LSGAN (Mao et al. 2017) or hinge (Lim and Ye 2017), whose numbers match ParallelWaveGAN, or
    binary cross-entropy (Goodfellow et al. 2014) of scores that are logits.

    Args:
        average_by_discriminators: Whether to divide the sum by the number of discriminators.
        loss_type: "mse" (LSGAN), "hinge" or "bce".

    Raises:
        HparamsError: If the loss type is unknown.
    """

    def __init__(self, average_by_discriminators: bool = True, loss_type: str = "mse") -> None:
        self.average_by_discriminators = average_by_discriminators
        self._criterion = _choose(_GENERATOR, loss_type)

    def __call__(self, fake: Sequence[Outputs]) -> tf.Tensor:
        """The loss, a float32 scalar.

        Args:
            fake: Outputs for generated clips: a list per sub-discriminator, or one score tensor.
        """
        return _over_discriminators(self._criterion, fake, self.average_by_discriminators)


class DiscriminatorAdversarialLoss:
    """How far the discriminators are from telling recordings and generated clips apart.

    LSGAN (Mao et al. 2017) or hinge (Lim and Ye 2017), whose numbers match ParallelWaveGAN, or
    binary cross-entropy (Goodfellow et al. 2014) of scores that are logits.

    Attributes:
        boundary: Score above which a clip counts as taken for a recording.

    Args:
        average_by_discriminators: Whether to divide the sums by the number of discriminators.
        loss_type: "mse" (LSGAN), "hinge" or "bce".

    Raises:
        HparamsError: If the loss type is unknown.
    """

    def __init__(self, average_by_discriminators: bool = True, loss_type: str = "mse") -> None:
        self.average_by_discriminators = average_by_discriminators
        self._real, self._fake = _choose(_REAL, loss_type), _choose(_FAKE, loss_type)
        self.boundary = _BOUNDARY[loss_type]

    def __call__(
        self, fake: Sequence[Outputs], real: Sequence[Outputs]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The two losses, float32 scalars.

        Args:
            fake: Outputs for generated clips.
            real: Outputs for recordings.

        Returns:
            Loss on the recordings, loss on the generated clips.
        """
        return self.real_loss(real), self.fake_loss(fake)

    def real_loss(self, real: Sequence[Outputs]) -> tf.Tensor:
        """Distance of the scores from those of a recording."""
        return _over_discriminators(self._real, real, self.average_by_discriminators)

    def fake_loss(self, fake: Sequence[Outputs]) -> tf.Tensor:
        """Distance of the scores from those of a generated clip."""
        return _over_discriminators(self._fake, fake, self.average_by_discriminators)


def _choose(criteria: dict[str, Criterion], loss_type: str) -> Criterion:
    if loss_type not in criteria:
        raise HparamsError(f"adversarial loss_type {loss_type!r}: one of {sorted(criteria)}")
    return criteria[loss_type]


def _over_discriminators(
    criterion: Criterion, outputs: Sequence[Outputs], average: bool
) -> tf.Tensor:
    if not isinstance(outputs, list | tuple):
        return criterion(tf.cast(outputs, tf.float32))
    scores = [maps[-1] if isinstance(maps, list | tuple) else maps for maps in outputs]
    total = tf.add_n([criterion(tf.cast(score, tf.float32)) for score in scores])
    return total / len(scores) if average else total
