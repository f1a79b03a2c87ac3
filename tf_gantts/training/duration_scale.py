"""How much longer recordings are than predictions of log durations say."""

from __future__ import annotations

import tensorflow as tf

_MEMORY = 0.99  # of the totals, per step
_LEAST, _MOST = 0.5, 2.0


class DurationScale(tf.Module):
    """Running means of the frames that an utterance has in training, and that were predicted.

    The exponential of a predicted log(d + 1) is short of the mean duration, by more the less
    certain the prediction is. In texts that were not trained on it is less certain, so what is
    still missing there is a second factor, from each evaluation.

    Attributes:
        totals: Frames spoken and predicted in training, float32 (2,).
        correction: Further factor, of held-out utterances, float32 scalar; with the totals it is
            everything that a checkpoint must hold.
    """

    def __init__(self) -> None:
        super().__init__()
        mean = tf.VariableAggregation.MEAN
        self.totals = tf.Variable([1.0, 1.0], trainable=False, aggregation=mean)
        self.correction = tf.Variable(1.0, trainable=False, aggregation=mean)

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
        predicted = _frames(log_durations, mask)
        # Per utterance, so that replicas, whose totals are averaged, make those of one.
        totals = [tf.reduce_mean(tf.reduce_sum(x, axis=1)) for x in (spoken, predicted)]
        moved = (1.0 - _MEMORY) * (tf.stack(totals) - self.totals)
        self.totals.assign_add(tf.where(apply, moved, 0.0))

    def length_ratio(
        self, frames: tf.Tensor, log_durations: tf.Tensor, mask: tf.Tensor
    ) -> tf.Tensor:
        """Length of speech with its own timing, times that of recordings, float32 scalar.

        Args:
            frames: Of the recordings (B,).
            log_durations: As above.
            mask: As above.
        """
        spoken = self.value() * tf.reduce_sum(_frames(log_durations, mask))
        return spoken / tf.cast(tf.reduce_sum(frames), tf.float32)

    def correct(self, length_ratio: float) -> None:
        """Makes up for a `length_ratio` that was measured with the factor as it is."""
        self.correction.assign(float(self.value()) / max(length_ratio, 1e-3) / float(self._scale()))

    def value(self) -> tf.Tensor:
        """Factor for predicted durations, float32 scalar, within 0.5 and 2."""
        return tf.clip_by_value(self._scale() * self.correction, _LEAST, _MOST)

    def _scale(self) -> tf.Tensor:
        spoken, predicted = tf.unstack(self.totals)
        return spoken / tf.maximum(predicted, 1e-3)


def _frames(log_durations: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    return tf.where(mask, tf.maximum(tf.exp(log_durations) - 1.0, 0.0), 0.0)
