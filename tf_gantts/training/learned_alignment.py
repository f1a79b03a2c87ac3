"""Texts aligned to recordings by an aligner that learns: soft alignment, its loss, durations."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_gantts.layers.length_mask import length_mask, steps_of
from tf_gantts.layers.monotonic_alignment_search import monotonic_alignment_search
from tf_gantts.losses.forward_sum import ForwardSumLoss, beta_binomial_log_prior
from tf_gantts.networks.aligner import Aligner


class SoftAlignment(NamedTuple):
    """How likely each frame belongs to each state of the symbols that are heard.

    Attributes:
        log_shares: Log-probabilities, float32 (B, T, states).
        mel_lengths: Frames of each utterance (B,).
        state_lengths: States of each (B,).
        heard: Which symbols of the texts have states, bool (B, N).
    """

    log_shares: tf.Tensor
    mel_lengths: tf.Tensor
    state_lengths: tf.Tensor
    heard: tf.Tensor


class LearnedAlignment(tf.Module):
    """An aligner for texts of which some symbols are mostly silent. All shapes are static.

    Every aligned symbol has a frame or more for each of its states; those left out have none. With
    such, silence before the first symbol is found too, and counted to that symbol.

    Args:
        n_symbols: Symbols.
        left_out: Ids of those that get no frame: spaces, punctuation, padding.
        n_mel_channels: Mel bands.
        **aligner_params: Further constructor arguments of `Aligner`.

    Attributes:
        aligner: The network.
    """

    def __init__(
        self,
        n_symbols: int,
        left_out: Collection[int],
        n_mel_channels: int,
        **aligner_params: Any,
    ) -> None:
        super().__init__()
        self._is_heard = ~np.isin(np.arange(n_symbols), list(left_out))
        self._lead = [n_symbols] if len(left_out) else []  # silence has an id of its own
        self.aligner = Aligner(n_symbols + 1, n_mel_channels, **aligner_params)
        self._loss = ForwardSumLoss()

    def can_align(self, ids: np.ndarray, frames: int) -> bool:
        """Whether a recording is long enough for a text (N,), and anything of it is heard."""
        heard = int(self._is_heard[ids].sum())
        return heard > 0 and self.aligner.states(len(self._lead) + heard) <= frames

    def __call__(
        self,
        ids: tf.Tensor,
        mel: tf.Tensor,
        id_lengths: tf.Tensor,
        mel_lengths: tf.Tensor,
        prior_weight: float | tf.Tensor | None = None,
        training: bool = False,
    ) -> SoftAlignment:
        """Compares every frame with every symbol.

        Args:
            ids: Symbols (B, N).
            mel: Mels (B, T, n_mel_channels), normalised per band.
            id_lengths: Symbols of each utterance (B,).
            mel_lengths: Frames of each (B,).
            prior_weight: Of the beta-binomial prior; None: 0.
            training: Whether a gradient is taken.
        """
        heard = length_mask(id_lengths, steps_of(ids)) & tf.gather(self._is_heard, ids)
        heard_first = tf.argsort(tf.where(heard, 0, 1), axis=1, stable=True)
        texts = tf.gather(ids, heard_first, batch_dims=1)
        if self._lead:
            texts = tf.pad(texts, [[0, 0], [1, 0]], constant_values=self._lead[0])
        lengths = len(self._lead) + tf.reduce_sum(tf.cast(heard, tf.int32), axis=1)
        states = self.aligner.states(lengths)
        prior = None
        if prior_weight is not None:
            shape = steps_of(mel), self.aligner.states(steps_of(texts))
            prior = prior_weight * beta_binomial_log_prior(mel_lengths, states, *shape)
        log_shares = self.aligner(texts, mel, lengths, mel_lengths, prior, training=training)
        return SoftAlignment(log_shares, mel_lengths, states, heard)

    def loss(self, soft: SoftAlignment) -> tf.Tensor:
        """See `ForwardSumLoss`."""
        return self._loss(soft.log_shares, soft.mel_lengths, soft.state_lengths)

    def durations(self, soft: SoftAlignment) -> tf.Tensor:
        """Frames of each symbol on the likeliest path, int32 (B, N), without a gradient.

        They sum to the utterance's frames; where it has too few frames, or no symbol that is heard,
        all are 0.
        """
        of_states = monotonic_alignment_search(
            soft.log_shares, soft.mel_lengths, soft.state_lengths
        )
        found = self.aligner.symbol_durations(of_states)
        lead = len(self._lead)
        number = tf.cumsum(tf.cast(soft.heard, tf.int32), axis=1)  # of the heard ones, from 1
        frames = tf.gather(found, tf.maximum(number - 1, 0) + lead, batch_dims=1)
        if lead:
            frames += tf.where(number == 1, found[:, :1], 0)
        return tf.where(soft.heard, frames, 0)


def prior_weight(step: int | tf.Tensor, steps: int | float) -> tf.Tensor:
    """Weight of the prior at a step (from 0), which falls from 1 to 0 over some steps."""
    return tf.maximum(0.0, 1.0 - tf.cast(step, tf.float32) / max(float(steps), 1.0))
