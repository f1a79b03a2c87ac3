"""How much longer recordings are than predictions of log durations say."""

from __future__ import annotations

import tensorflow as tf

_MEMORY = 0.99  # of the totals, per step
_LEAST, _MOST = 0.5, 2.0


class DurationScale(tf.Module):
    """Running means of the frames that an utterance has in training, and that were predicted.

    The exponential of a predicted log(d + 1) is short of the mean duration, by more the less
    certain the prediction is.

    Attributes:
        totals: Frames spoken and predicted, float32 (2,): everything that a checkpoint must hold.
    """

    def __init__(self) -> None:
        super().__init__()
        mean = tf.VariableAggregation.MEAN
        self.totals = tf.Variable([1.0, 1.0], trainable=False, aggregation=mean)

    def update(
        self, durations: tf.Tensor, log_durations: tf.Tensor, mask: tf.Tensor, apply: tf.Tensor
    ) -> None:
        """Moves the totals, in replica context.

        Args:
            durations: Frames of each symbol (B, N), zeros at padding.
            log_durations: Predicted, of frames + 1 (B, N).
            mask: bool (B, N), False for padding.
            apply: Boolean scalar; False leaves the totals untouched.
        """
        spoken = tf.cast(durations, tf.float32)
        predicted = tf.where(mask, tf.maximum(tf.exp(log_durations) - 1.0, 0.0), 0.0)
        # Per utterance, so that replicas, whose totals are averaged, make those of one.
        totals = [tf.reduce_mean(tf.reduce_sum(x, axis=1)) for x in (spoken, predicted)]
        moved = (1.0 - _MEMORY) * (tf.stack(totals) - self.totals)
        self.totals.assign_add(tf.where(apply, moved, 0.0))

    def value(self) -> tf.Tensor:
        """Factor for predicted durations, float32 scalar, within 0.5 and 2."""
        spoken, predicted = tf.unstack(self.totals)
        return tf.clip_by_value(spoken / tf.maximum(predicted, 1e-3), _LEAST, _MOST)
