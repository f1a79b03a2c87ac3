"""Audio while the mel is still arriving: a client of the signature `stream`.

Nothing of this package is imported here, so that this one file is also the example for users of an
exported model:

    model = tf.saved_model.load("exports/melgan/1").signatures["stream"]
    for audio in stream(model, mel_chunks):
        play(audio)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf

# mel (1, t, n_mels), context (1, c, n_mels), final () -> audio (1, n), context (1, c', n_mels)
StreamStep = Callable[..., dict[str, tf.Tensor]]


def stream(
    step: StreamStep,
    mel_chunks: Iterable[np.ndarray],
    chunk_frames: int = 32,
    first_frames: int | None = None,
) -> Iterator[np.ndarray]:
    """Vocodes a mel that arrives in pieces; together the audio is that of the whole mel.

    Every call of the network repeats the frames of its receptive field, so small chunks cost more
    computing time and large ones more delay. Memory and time per chunk do not grow.

    Args:
        step: The signature `stream` of a loaded SavedModel, or `VocoderModule.stream`.
        mel_chunks: Raw log-mels (t, n_mels), t of any size; they are read as they are needed.
        chunk_frames: Frames of a call of the network, and of audio that it gives.
        first_frames: Frames of the first call, as `VocoderModule.first_frames` tells; by default
            `chunk_frames`, and the first calls give no audio until the network's look-ahead is
            filled.

    Yields:
        Samples (n,) float32 of the next frames, as soon as they can be known. They are as many as
        all frames times the hop size.

    Raises:
        ValueError: If `chunk_frames` is not positive or a chunk has another shape.
    """
    if chunk_frames < 1:
        raise ValueError(f"chunk_frames {chunk_frames} must be at least 1")
    context = None
    waiting = None
    wanted = first_frames or chunk_frames
    for chunk in mel_chunks:
        if chunk.ndim != 2 or (waiting is not None and chunk.shape[1] != waiting.shape[1]):
            raise ValueError(f"a mel chunk of shape {chunk.shape}; (frames, bands) is expected")
        chunk = np.asarray(chunk, np.float32)
        waiting = chunk if waiting is None else np.concatenate([waiting, chunk])
        if context is None:
            context = tf.zeros((1, 0, chunk.shape[1]))
        while len(waiting) >= wanted:
            mel, waiting, wanted = waiting[:wanted], waiting[wanted:], chunk_frames
            outputs = step(mel=tf.constant(mel[None]), context=context, final=tf.constant(False))
            context = outputs["context"]
            yield from _not_empty(outputs["audio"])
    if waiting is not None:
        outputs = step(mel=tf.constant(waiting[None]), context=context, final=tf.constant(True))
        yield from _not_empty(outputs["audio"])


def _not_empty(audio: tf.Tensor) -> Iterator[np.ndarray]:
    if audio.shape[1]:
        yield audio.numpy()[0]
