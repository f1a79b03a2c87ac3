"""Durations by the forward-sum aligner alone, before there is anything else to train with it."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_gantts.training.learned_alignment import LearnedAlignment, prior_weight

_LOG = logging.getLogger(__name__)

Batch = tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class ForwardSumOptions:
    """Settings; the defaults are those of the project's own measurements.

    Attributes:
        steps: Training steps.
        batch_size: Utterances per step.
        learning_rate: The highest of Adam: it rises for 20 steps, then falls to 0 as a cosine.
        prior_steps: Steps over which the weight of the beta-binomial prior falls from 1 to 0. It
            keeps the first alignments near the diagonal; then it would blur boundaries.
        seed: Of the initial weights and the order of the utterances.
    """

    steps: int = 300
    batch_size: int = 16
    learning_rate: float = 5e-3
    prior_steps: int = 150
    seed: int = 0

    @property
    def warm_up_steps(self) -> int:
        """Steps in which the learning rate rises."""
        return min(20, self.steps // 2)


def align(
    mels: Sequence[np.ndarray],
    symbols: Sequence[np.ndarray],
    options: ForwardSumOptions | None = None,
    left_out: Collection[int] = (),
    **aligner_params: Any,
) -> list[np.ndarray]:
    """Trains an aligner on a corpus and aligns the corpus with it.

    Args:
        mels: Log-mel `(T, n_mels)` of each utterance, not normalised.
        symbols: Ids `(N,)` of each.
        options: Settings.
        left_out: Ids of symbols that get no frame, because mostly nothing is heard of them: spaces.
            (Every aligned symbol has a frame or more for each of its states.) With them, silence
            before the first symbol is found too, and counted to that symbol.
        **aligner_params: Constructor arguments of `Aligner`.

    Returns:
        Frames of each symbol, int32 `(N,)` per utterance, with the utterance's frames as sum;
        empty `(0,)` for utterances with fewer frames than states, or without aligned symbols.
    """
    options = options or ForwardSumOptions()
    keras.utils.set_random_seed(options.seed)
    vocabulary = 1 + max(int(text.max()) for text in symbols)
    alignment = LearnedAlignment(vocabulary, left_out, mels[0].shape[1], **aligner_params)
    kept = [
        place
        for place, (mel, text) in enumerate(zip(mels, symbols, strict=True))
        if alignment.can_align(text, len(mel))
    ]
    durations = [np.zeros(0, np.int32) for _ in mels]
    if not kept:
        return durations
    corpus = _Corpus([mels[place] for place in kept], [symbols[place] for place in kept])
    _train(alignment, corpus, options)
    search = _search(alignment)
    for rows, batch in corpus.in_order(options.batch_size):
        for row, found in zip(rows, search(*batch).numpy(), strict=True):
            durations[kept[row]] = found[: len(symbols[kept[row]])]
    return durations


class _Corpus:
    """Mels, normalised per band over the corpus, and symbols, the shortest first."""

    def __init__(self, mels: Sequence[np.ndarray], symbols: Sequence[np.ndarray]) -> None:
        frames = np.concatenate(mels)
        mean, scale = frames.mean(axis=0), np.maximum(frames.std(axis=0), 1e-8)
        self._mels = [((mel - mean) / scale).astype(np.float32) for mel in mels]
        self._symbols = [text.astype(np.int32) for text in symbols]
        self._order = np.argsort([len(mel) for mel in mels], kind="stable")

    def in_order(self, size: int) -> Iterator[tuple[np.ndarray, Batch]]:
        """All utterances once, in batches of similar length, with their indices."""
        for start in range(0, len(self._order), size):
            yield self._batch(self._order[start : start + size])

    def shuffled(self, size: int, seed: int) -> Iterator[Batch]:
        """Batches of similar length without end, every epoch in another order."""
        random = np.random.default_rng(seed)
        starts = np.arange(0, len(self._order), size)
        while True:
            for start in random.permutation(starts):
                yield self._batch(self._order[start : start + size])[1]

    def _batch(self, rows: np.ndarray) -> tuple[np.ndarray, Batch]:
        ids, symbol_lengths = _padded([self._symbols[row] for row in rows])
        mel, mel_lengths = _padded([self._mels[row] for row in rows])
        return rows, (ids, mel, symbol_lengths, mel_lengths)


def _padded(rows: Sequence[np.ndarray]) -> tuple[tf.Tensor, tf.Tensor]:
    """One tensor of rows of different length, zeros at their ends, and the lengths."""
    lengths = np.asarray([len(row) for row in rows], np.int32)
    padded = np.zeros((len(rows), lengths.max(), *rows[0].shape[1:]), rows[0].dtype)
    for place, row in enumerate(rows):
        padded[place, : len(row)] = row
    return tf.constant(padded), tf.constant(lengths)


def _train(alignment: LearnedAlignment, corpus: _Corpus, options: ForwardSumOptions) -> None:
    """Minimises the forward-sum loss."""
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        options.steps - options.warm_up_steps,
        warmup_target=options.learning_rate,
        warmup_steps=options.warm_up_steps,
    )
    optimizer = keras.optimizers.Adam(schedule, beta_2=0.98, clipnorm=1.0)
    variables = alignment.aligner.trainable_variables
    optimizer.build(variables)

    @tf.function(input_signature=[*_signature(alignment), tf.TensorSpec(())])
    def step(ids, mel, symbol_lengths, mel_lengths, weight):
        with tf.GradientTape() as tape:
            soft = alignment(ids, mel, symbol_lengths, mel_lengths, weight, training=True)
            value = alignment.loss(soft)
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    batches = corpus.shuffled(options.batch_size, options.seed)
    for number, batch in zip(range(options.steps), batches, strict=False):
        value = step(*batch, prior_weight(number, options.prior_steps))
        if number % 100 == 0:
            _LOG.debug("step %d: forward-sum loss %.3f per frame", number, float(value))


def _search(alignment: LearnedAlignment) -> Callable[..., tf.Tensor]:
    """A function from a batch to its symbols' durations."""

    @tf.function(input_signature=_signature(alignment))
    def search(ids, mel, symbol_lengths, mel_lengths):
        return alignment.durations(alignment(ids, mel, symbol_lengths, mel_lengths))

    return search


def _signature(alignment: LearnedAlignment) -> list[tf.TensorSpec]:
    """Of a batch of any size: one trace serves all."""
    bands = alignment.aligner.get_config()["n_mel_channels"]
    lengths = tf.TensorSpec((None,), tf.int32)
    return [
        tf.TensorSpec((None, None), tf.int32),
        tf.TensorSpec((None, None, bands), tf.float32),
        lengths,
        lengths,
    ]
