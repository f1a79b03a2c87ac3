"""Monotonic alignment search: the hard durations in a soft alignment, as TensorFlow operations."""

from __future__ import annotations

import tensorflow as tf

from tf_gantts.layers.length_mask import length_mask, steps_of

# Log-probability of what cannot be; finite, so that sums of a thousand frames stay numbers.
IMPOSSIBLE = -1e9


def monotonic_alignment_search(
    log_alignment: tf.Tensor, mel_lengths: tf.Tensor, symbol_lengths: tf.Tensor
) -> tf.Tensor:
    """Frames of each symbol on the likeliest path that visits all symbols in order.

    Every symbol gets at least one frame. No gradient passes. Shapes stay static where those of the
    input are. Source: Kim et al., "Glow-TTS" (2020), section 3.2 and algorithm 1.

    Args:
        log_alignment: Log-probabilities (B, T, N) of each frame's symbols.
        mel_lengths: Frames of each utterance (B,).
        symbol_lengths: Symbols of each (B,), at least 1.

    Returns:
        Durations in frames, int32 (B, N), which sum to the utterance's frames; zeros where an
        utterance has fewer frames than symbols, so that there is no path.
    """
    confined = confine(tf.stop_gradient(log_alignment), mel_lengths, symbol_lengths)
    advanced = _best_moves(tf.transpose(confined, (1, 0, 2)))
    path = _backtrack(advanced, tf.cast(symbol_lengths, tf.int32) - 1)
    counted = (
        length_mask(mel_lengths, steps_of(confined))
        & possible(mel_lengths, symbol_lengths)[:, tf.newaxis]
    )
    visits = tf.one_hot(path, steps_of(confined, 2), dtype=tf.int32, axis=-1)
    return tf.reduce_sum(visits * tf.cast(counted, tf.int32)[..., tf.newaxis], axis=1)


def hard_alignment(durations: tf.Tensor, frames: int | tf.Tensor) -> tf.Tensor:
    """The path of durations.

    Args:
        durations: Frames of each symbol (B, N).
        frames: Number of frames T.

    Returns:
        Bool (B, T, N): whether a frame belongs to a symbol; False everywhere in padded frames.
    """
    ends = tf.cumsum(durations, axis=1)[:, tf.newaxis]
    frame = tf.range(frames, dtype=ends.dtype)[tf.newaxis, :, tf.newaxis]
    return (frame < ends) & (frame >= ends - durations[:, tf.newaxis])


def possible(mel_lengths: tf.Tensor, symbol_lengths: tf.Tensor) -> tf.Tensor:
    """Whether there is a monotonic path: bool (B,), a frame for every symbol."""
    return tf.cast(mel_lengths, tf.int32) >= tf.cast(symbol_lengths, tf.int32)


def confine(
    log_alignment: tf.Tensor, mel_lengths: tf.Tensor, symbol_lengths: tf.Tensor
) -> tf.Tensor:
    """Makes every path end at the last frame of the batch, in the utterance's last symbol.

    Padded symbols become impossible, and the last frame and all padded ones belong to the last
    symbol, the padded ones for sure: they change neither the likelihood of a path nor which is
    best.

    Args:
        log_alignment: Log-probabilities (B, T, N), -inf allowed.
        mel_lengths: Frames of each utterance (B,).
        symbol_lengths: Symbols of each (B,).

    Returns:
        Float32 (B, T, N), finite.
    """
    frames, symbols = steps_of(log_alignment), steps_of(log_alignment, 2)
    spoken = length_mask(mel_lengths, frames)[..., tf.newaxis]
    before_end = length_mask(tf.cast(mel_lengths, tf.int32) - 1, frames)[..., tf.newaxis]
    written = length_mask(symbol_lengths, symbols)[:, tf.newaxis]
    last = tf.range(symbols) == tf.cast(symbol_lengths, tf.int32)[:, tf.newaxis, tf.newaxis] - 1
    scores = tf.where(spoken, tf.cast(log_alignment, tf.float32), 0.0)
    return tf.where((before_end & written) | last, tf.maximum(scores, IMPOSSIBLE), IMPOSSIBLE)


def start_at(symbol: tf.Tensor | int, like: tf.Tensor) -> tf.Tensor:
    """Log-probabilities (B, N) of paths that start in one symbol, (B,) or the same for all."""
    start = tf.one_hot(symbol, steps_of(like, -1), 0.0, IMPOSSIBLE)
    return tf.broadcast_to(start, tf.shape(like))


def advance(score: tf.Tensor) -> tf.Tensor:
    """Scores (B, N) of the symbols before: one to the right, impossible at the first."""
    return tf.pad(score[:, :-1], ((0, 0), (1, 0)), constant_values=IMPOSSIBLE)


def _best_moves(confined: tf.Tensor) -> tf.Tensor:
    """Whether the best path to each (T, B, N) came from the symbol before, bool."""
    frames = steps_of(confined, 0)
    scores = tf.TensorArray(tf.float32, frames).unstack(confined)

    def step(frame, score, moves):
        before = advance(score)
        moves = moves.write(frame, before > score)
        return frame + 1, tf.maximum(score, before) + scores.read(frame), moves

    first = confined[0] + start_at(0, confined[0])
    moves = tf.TensorArray(tf.bool, frames, element_shape=confined.shape[1:])
    moves = moves.write(0, tf.zeros(tf.shape(first), tf.bool))
    _, _, moves = tf.while_loop(
        lambda frame, *_: frame < frames,
        step,
        (tf.constant(1), first, moves),
        maximum_iterations=frames,
    )
    return moves.stack()


def _backtrack(advanced: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
    """The symbol of each frame, int32 (B, T), from the moves (T, B, N) and last symbols (B,)."""
    frames = steps_of(advanced, 0)
    moves = tf.TensorArray(tf.bool, frames).unstack(advanced)

    def step(frame, symbol, path):
        path = path.write(frame, symbol)
        moved = tf.gather(moves.read(frame), symbol, batch_dims=1)
        return frame - 1, symbol - tf.cast(moved, tf.int32), path

    path = tf.TensorArray(tf.int32, frames, element_shape=last.shape)
    _, _, path = tf.while_loop(
        lambda frame, *_: frame >= 0, step, (frames - 1, last, path), maximum_iterations=frames
    )
    return tf.transpose(path.stack())
