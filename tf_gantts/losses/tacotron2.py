"""What Tacotron 2 learns from: mels, stop token, attention."""

from __future__ import annotations

import tensorflow as tf

from tf_gantts.layers.length_mask import length_mask, steps_of
from tf_gantts.losses.masked_mean import masked_mean


class MelLoss:
    """Mean squared difference of mel-spectrograms, float32.

    Args:
        masked: Whether frames after an utterance's end are left out of the mean. NVIDIA/tacotron2
            counts them, with zeros on both sides.
    """

    def __init__(self, masked: bool = True) -> None:
        self.masked = masked

    def __call__(self, mel: tf.Tensor, target: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """The loss, a scalar.

        Args:
            mel: Predicted (B, T, n_mels).
            target: Recorded (B, T, n_mels).
            lengths: Frames of each (B,).
        """
        squares = tf.square(tf.cast(mel, tf.float32) - tf.cast(target, tf.float32))
        mask = length_mask(lengths, steps_of(squares)) if self.masked else None
        return masked_mean(tf.reduce_mean(squares, axis=2), mask)


class StopTokenLoss:
    """Cross-entropy of the stop token, which is due from the last step on, float32.

    Args:
        positive_weight: Weight of the steps at which it is due.
        masked: Whether steps after an utterance's end are left out of the mean. NVIDIA/tacotron2
            counts them.
    """

    def __init__(self, positive_weight: float = 1.0, masked: bool = True) -> None:
        self.positive_weight = positive_weight
        self.masked = masked

    def __call__(self, gate: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
        """The loss, a scalar.

        Args:
            gate: Logits of the stop token (B, S), per decoder step.
            steps: Decoder steps of each utterance (B,).
        """
        gate = tf.cast(gate, tf.float32)
        due = ~length_mask(steps - 1, steps_of(gate))
        entropy = tf.nn.weighted_cross_entropy_with_logits(
            tf.cast(due, tf.float32), gate, self.positive_weight
        )
        return masked_mean(entropy, length_mask(steps, steps_of(gate)) if self.masked else None)


class GuidedAttentionLoss:
    """Attention weight far from the diagonal, float32.

    Source: Tachibana et al. 2018, equation 5: the mean of the weights times
    1 - exp(-(n / N - t / T)^2 / (2 sigma^2)).

    Args:
        sigma: Width of the diagonal as a share of the utterance.
    """

    def __init__(self, sigma: float = 0.2) -> None:
        self.sigma = sigma

    def __call__(self, alignments: tf.Tensor, id_lengths: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
        """The loss, a scalar.

        Args:
            alignments: Attention weights (B, S, N).
            id_lengths: Symbols of each utterance (B,).
            steps: Decoder steps of each (B,).
        """
        alignments = tf.cast(alignments, tf.float32)
        spoken = length_mask(steps, steps_of(alignments))
        written = length_mask(id_lengths, steps_of(alignments, 2))
        time = _progress(steps, steps_of(alignments))[:, :, tf.newaxis]
        symbol = _progress(id_lengths, steps_of(alignments, 2))[:, tf.newaxis]
        distance = tf.square(symbol - time) / (2.0 * self.sigma**2)
        mask = spoken[:, :, tf.newaxis] & written[:, tf.newaxis]
        return masked_mean(alignments * (1.0 - tf.exp(-distance)), mask)


def _progress(lengths: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """(B, size): each position as a share of the row's length."""
    position = tf.range(size, dtype=tf.float32)[tf.newaxis]
    return position / tf.maximum(tf.cast(lengths, tf.float32), 1.0)[:, tf.newaxis]
