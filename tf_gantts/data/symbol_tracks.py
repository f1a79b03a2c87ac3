"""What a store knows of the symbols of its texts: durations, pitch, states of a text encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tf_gantts.data.flat import FlatTrack
from tf_gantts.data.store import FeatureStore

TOKENS, TOKEN_OF_SYMBOL = "text_states", "token_of_symbol"
UTTERANCE = "utterance_embedding"


class SymbolTracks:
    """Tracks of some utterances as batches want them, one row to a symbol.

    Args:
        store: Where the tracks are.
        utterances: Indices of the utterances.
        names: Tracks with one row to a symbol; `text_states`, of which a symbol has the row that
            `token_of_symbol` names; `utterance_embedding`, which has one row in all.

    Raises:
        FeatureStoreError: If the store has no such track.
    """

    def __init__(
        self, store: FeatureStore, utterances: Sequence[int], names: Sequence[str]
    ) -> None:
        self._names = list(names)
        wanted = [*names, *([TOKEN_OF_SYMBOL] if TOKENS in names else [])]
        self._tracks = {name: FlatTrack(store, utterances, name) for name in wanted}

    def batch(self, positions: tf.Tensor, symbols: int | tf.Tensor) -> dict[str, tf.Tensor]:
        """The tracks of some utterances, in the graph.

        Args:
            positions: Places among the utterances (B,) int64.
            symbols: N, the length that rows are filled up to with zeros.

        Returns:
            By name int32 or float32 (B, N, ...), of `utterance_embedding` (B, dim).
        """
        batch = {}
        for name in self._names:
            track = self._tracks[name]
            if name == TOKENS:
                places = self._tracks[TOKEN_OF_SYMBOL].rows(positions, symbols)
                rows = track.rows_at(positions, places)
            elif name == UTTERANCE:
                rows = self.embeddings(positions)
            else:
                rows = track.rows(positions, symbols)
            batch[name] = tf.cast(rows, tf.float32) if rows.dtype.is_floating else rows
        return batch

    def embeddings(self, positions: tf.Tensor) -> tf.Tensor:
        """`utterance_embedding` of some utterances (B,): float32 (B, dim)."""
        return tf.cast(self._tracks[UTTERANCE].rows(positions, 1)[:, 0], tf.float32)


def read_symbol_tracks(
    store: FeatureStore, utterance: int, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """The tracks of one utterance, see `SymbolTracks`: (N, ...), of `utterance_embedding` (dim,).

    Raises:
        FeatureStoreError: If the store has no such track.
    """
    values = {}
    for name in names:
        rows = store.read(utterance, name)
        if name == TOKENS:
            rows = rows[store.read(utterance, TOKEN_OF_SYMBOL)]
        values[name] = rows[0] if name == UTTERANCE else rows
    return values
