"""What GAN-TTS learns from besides its discriminators: mels, durations, pitch and energy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.hparams import GanTtsHparams
from tf_gantts.layers.length_mask import length_mask, steps_of
from tf_gantts.losses.masked_mean import masked_mean

_DISTANCES: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "l1": tf.abs,
    "mae": tf.abs,
    "mse": tf.square,
}


class MaskedLoss:
    """Mean difference of what is not padding, float32: of mels, pitch or energy.

    Args:
        distance: "l1", which is also called "mae", or "mse".

    Raises:
        HparamsError: If the distance is unknown.
    """

    def __init__(self, distance: str = "l1") -> None:
        if distance not in _DISTANCES:
            raise HparamsError(f"distance {distance!r} is unknown: one of {sorted(_DISTANCES)}")
        self._distance = _DISTANCES[distance]

    def __call__(
        self, predicted: tf.Tensor, target: tf.Tensor, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The loss, a scalar.

        Args:
            predicted: Per frame (B, T, n_mels) or per symbol (B, N).
            target: The same of the recordings.
            mask: bool (B, T) or (B, N), False for padding; None where there is none.
        """
        difference = tf.cast(predicted, tf.float32) - tf.cast(target, tf.float32)
        if mask is not None:  # before the distance: what stands in padding need not be a number
            kept = mask if difference.shape.rank == 2 else mask[..., tf.newaxis]
            difference = tf.where(kept, difference, 0.0)
        values = self._distance(difference)
        return masked_mean(values if values.shape.rank == 2 else tf.reduce_mean(values, -1), mask)


class DurationLoss:
    """Mean squared difference of log(d + 1) of durations d, float32.

    Source: Ren et al. 2021 (FastSpeech 2), section 2.3. Symbols without a frame, pauses that were
    not made, so have a target too.
    """

    def __call__(
        self, log_durations: tf.Tensor, durations: tf.Tensor, mask: tf.Tensor
    ) -> tf.Tensor:
        """The loss, a scalar.

        Args:
            log_durations: Predicted, of frames + 1 (B, N).
            durations: Frames of each symbol (B, N), from 0.
            mask: bool (B, N), False for padding and where a duration is not known.
        """
        target = tf.math.log1p(tf.cast(durations, tf.float32))
        return MaskedLoss("mse")(log_durations, target, mask)


class ReconstructionLosses:
    """What compares a generator's speech and predictions with the recording's.

    Args:
        hparams: The recipe.
    """

    def __init__(self, hparams: GanTtsHparams) -> None:
        self._weights = {
            "mel_loss": hparams.lambda_mel,
            "duration_loss": hparams.lambda_duration,
            "pitch_loss": hparams.lambda_pitch,
            "energy_loss": hparams.lambda_energy,
        }
        self._mel = MaskedLoss(hparams.mel_loss)
        self._duration = DurationLoss()
        self._variance = MaskedLoss("mse")

    def __call__(
        self,
        outputs: Mapping[str, tf.Tensor],
        mel: tf.Tensor,
        batch: Mapping[str, tf.Tensor],
        variances: Sequence[str],
    ) -> dict[str, tf.Tensor]:
        """The losses by name, float32 scalars.

        Args:
            outputs: Of the generator with the recording's timing, pitch and energy.
            mel: Normalised, of the recordings (B, T, n_mels).
            batch: `ids`, `id_lengths`, `durations` and the variances of the recordings.
            variances: Those of `pitch` and `energy` that the generator has.
        """
        symbols = length_mask(batch["id_lengths"], steps_of(batch["ids"]))
        durations = self._duration(outputs["log_durations"], batch["durations"], symbols)
        return {
            "mel_loss": self._mel(outputs["mel"], mel, outputs["frame_mask"]),
            "duration_loss": durations,
            **{f"{v}_loss": self._variance(outputs[v], batch[v], symbols) for v in variances},
        }

    def weighted_sum(self, losses: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The loss without the discriminators."""
        return tf.add_n([self._weights[name] * loss for name, loss in losses.items()])


def adaptive_weight(
    reconstruction: tf.Tensor, adversarial: tf.Tensor, weight: float = 1.0, limit: float = 1000.0
) -> tf.Tensor:
    """Weight of an adversarial loss that keeps it in proportion to the reconstruction loss.

    weight * clip(reconstruction / adversarial, 0, limit), without a gradient. r9y9/gantts gives the
    two losses, averaged over an epoch; Esser et al. 2021 (VQGAN, equation 7) the norms of their
    gradients, which says how much each pulls, whatever its unit.

    Args:
        reconstruction: Norm of the reconstruction loss's gradient, or the loss's running mean,
            float32, not negative.
        adversarial: The same of the adversarial loss.
        weight: Pull of the adversarial loss as a share of the other's.
        limit: Largest ratio.

    Returns:
        float32 scalar; `weight * limit` where the adversarial loss does not pull at all.
    """
    reconstruction, adversarial = (
        tf.stop_gradient(tf.cast(x, tf.float32)) for x in (reconstruction, adversarial)
    )
    # Not by clipping the quotient, which is not finite where the divisor is zero.
    ratio = reconstruction / tf.maximum(adversarial, reconstruction / limit)
    return weight * tf.where(reconstruction > 0.0, ratio, 0.0)
