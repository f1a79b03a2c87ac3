"""Tracks of computed rows, made once and kept with what they were made of."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tf_gantts.data.store import FeatureStore, add_tracks
from tf_gantts.data.tracks import Track

_LOG = logging.getLogger(__name__)


def is_there(store: FeatureStore, track: str, wanted: Mapping[str, Any]) -> bool:
    """Whether a store has a track whose description says what is wanted, perhaps among more."""
    found = store.descriptions.get(track)
    if found is None or {key: found.get(key) for key in wanted} != wanted:
        return False
    _LOG.info("%s: track %s is there already", store.path, track)
    return True


def add_rows(
    store: FeatureStore,
    name: str,
    rows: Mapping[int, Mapping[str, np.ndarray]],
    description: Mapping[str, Any],
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Adds tracks of rows that are in memory, or replaces them; see `add_tracks`.

    Args:
        store: The store as it is, which must be opened again to have the tracks.
        name: Begin of the new file's name.
        rows: By index of an utterance and name of a track; at least one utterance, all with the
            same tracks. The others have no rows.
        description: How they were made, JSON-ready.
        progress: Called after each utterance.

    Raises:
        OSError: If the folder cannot be written.
        FeatureStoreError: If a replaced file has other tracks that would be lost.
    """
    count = len(store.utterances)
    tracks = [
        Track.create(
            track,
            values.dtype.name,
            values.shape[1:],
            [len(rows[place][track]) if place in rows else 0 for place in range(count)],
        )
        for track, values in next(iter(rows.values())).items()
    ]
    empty = {t.name: np.zeros((0, *t.row_shape), t.dtype) for t in tracks}
    add_tracks(
        store.path,
        name,
        tracks,
        lambda place: rows.get(place, empty),
        progress=progress,
        description=description,
    )
