"""`tf_gantts.audio.join.join_speech` as TensorFlow operations, for several texts at once."""

from __future__ import annotations

import tensorflow as tf

from tf_gantts.audio.join import FADE


def join_speech(
    clips: tf.RaggedTensor,
    pauses: tf.Tensor,
    texts: tf.Tensor,
    count: tf.Tensor,
    sampling_rate: int,
) -> tf.RaggedTensor:
    """Puts the clips of each text one after the other, with silence between them.

    Args:
        clips: Mono speech `(P, None)`, float32.
        pauses: Silence after each clip in seconds `(P,)`; that of a text's last is not used.
        texts: Number of the text that each clip belongs to `(P,)`, ascending.
        count: Number of texts B; some may have no clip.
        sampling_rate: Hz.

    Returns:
        float32 `(B, None)`, sample for sample what `tf_gantts.audio.join.join_speech` gives.
    """
    follows = texts[1:] == texts[:-1]  # whether a clip continues the text of the one before
    clips_of_edge = tf.zeros_like(texts[:1], tf.bool)  # empty if there are no clips
    begins = tf.concat([clips_of_edge, follows], axis=0)
    ends = tf.concat([follows, clips_of_edge], axis=0)
    clips = _faded(clips, begins, ends, round(FADE * sampling_rate))
    # Back from float32 to the milliseconds that were written, so that both round alike.
    seconds = tf.round(1000.0 * tf.cast(pauses, tf.float64)) / 1000.0
    silent = tf.where(ends, tf.cast(tf.round(seconds * sampling_rate), tf.int64), 0)
    silence = tf.RaggedTensor.from_row_lengths(tf.zeros([tf.reduce_sum(silent)]), silent)
    joined = tf.concat([clips, silence], axis=1)
    samples = tf.math.unsorted_segment_sum(joined.row_lengths(), texts, count)
    return tf.RaggedTensor.from_row_lengths(joined.flat_values, samples)


def _faded(
    clips: tf.RaggedTensor, begins: tf.Tensor, ends: tf.Tensor, longest: int
) -> tf.RaggedTensor:
    """Clips that rise where they begin after silence and fall where they end before it."""
    rows, samples = clips.value_rowids(), clips.row_lengths()
    length = tf.minimum(tf.constant(longest, tf.int64), samples // 2)
    after = tf.ragged.range(samples).flat_values
    before = tf.gather(samples, rows) - 1 - after

    def gain(distance: tf.Tensor, fades: tf.Tensor) -> tf.Tensor:
        fading = tf.gather(tf.where(fades, length, 0), rows)
        # The operations of np.linspace, in its precision.
        step = 1.0 / tf.cast(tf.maximum(fading, 1), tf.float64)
        rise = tf.cast(tf.cast(distance, tf.float64) * step, tf.float32)
        return tf.where(distance < fading, rise, 1.0)

    return clips.with_flat_values(clips.flat_values * gain(after, begins) * gain(before, ends))
