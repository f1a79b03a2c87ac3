"""What a feed-forward acoustic model needs of the texts: tracks that are added to a feature store.

    symbols              ids of the front end (N,) int32
    durations            mel frames of each symbol (N,) int32, 0 for pauses that were not made
    token_of_symbol      row of `text_states` that each symbol belongs to (N,) int32
    text_states          states of the text encoder's tokens (tokens, dim) float16
    utterance_embedding  the encoder's embedding of the whole text (1, dim) float16

An utterance without a text, or with fewer frames than its symbols need, has no rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tf_gantts.data import hmm_alignment
from tf_gantts.data.added_tracks import add_rows, is_there
from tf_gantts.data.store import FeatureStore, open_store
from tf_gantts.errors import FeatureStoreError
from tf_gantts.porting.symbol_states import embed_symbols
from tf_gantts.porting.text_encoder import Pooling, TextEncoder
from tf_gantts.text import FrontEnd
from tf_gantts.training import aligner as forward_sum

_LOG = logging.getLogger(__name__)

ALIGNERS = ("hmm", "forward_sum")


def add_alignment(
    directory: str | Path,
    front_end: FrontEnd,
    aligner: str = "hmm",
    states_per_symbol: int = 2,
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Adds the tracks `symbols` and `durations`, unless they are there as asked for.

    Args:
        directory: The store's folder.
        front_end: Reads the texts.
        aligner: `hmm` or `forward_sum`.
        states_per_symbol: Least frames of a symbol that is heard; 2 suit phonemes, 1 suits letters.
        progress: Called after each utterance.

    Raises:
        FeatureStoreError: If there is no store, the aligner is unknown or no utterance has a text.
        OSError: If the folder cannot be written.
    """
    if aligner not in ALIGNERS:
        raise FeatureStoreError(f"aligner {aligner!r} is unknown; one of {', '.join(ALIGNERS)}")
    wanted = {
        "front_end": front_end.description(),
        "aligner": aligner,
        "states_per_symbol": states_per_symbol,
    }
    with open_store(directory) as store:
        if is_there(store, "durations", wanted):
            return
        texts = _texts(store)
        symbols = {place: front_end(text) for place, text in texts.items()}
        durations = _align(store, symbols, front_end, aligner, states_per_symbol)
        rows = {
            place: {"symbols": symbols[place], "durations": found}
            for place, found in durations.items()
            if len(found)
        }
        short = [store.utterances[place].id for place in texts if place not in rows]
        if short:
            _LOG.warning(
                "%d utterances have fewer frames than their symbols need and get no durations: %s",
                len(short),
                ", ".join(short[:5]),
            )
        if not rows:
            raise FeatureStoreError(f"{store.path}: no utterance is long enough for its text")
        add_rows(store, "alignment", rows, wanted, progress)


def add_text_states(
    directory: str | Path,
    front_end: FrontEnd,
    encoder: TextEncoder,
    pooling: Pooling = "cls",
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Adds the tracks of the text encoder, unless they are there as asked for.

    They are those of `tf_gantts.porting.symbol_states.embed_symbols`.

    Args:
        directory: The store's folder.
        front_end: Reads the texts.
        encoder: Gives the embeddings.
        pooling: What stands for a whole text, see `TextEncoder.embed`.
        progress: Called after each utterance.

    Raises:
        FeatureStoreError: If there is no store or no utterance has a text.
        PortingError: See `TextEncoder.embed`.
        OSError: If the folder cannot be written.
    """
    wanted = {
        "front_end": front_end.description(),
        "text_encoder": encoder.fingerprint,
        "pooling": pooling,
    }
    with open_store(directory) as store:
        if is_there(store, "text_states", wanted):
            return
        texts = _texts(store)
        places = list(texts)
        embeddings = embed_symbols(front_end, encoder, list(texts.values()), pooling)
        rows = {
            places[number]: {
                "text_states": embedding.tokens,
                "utterance_embedding": embedding.utterance[np.newaxis],
                "token_of_symbol": embedding.token_of_symbol,
            }
            for number, embedding in embeddings
        }
        add_rows(store, "text_states", rows, wanted, progress)


def require_tracks(store: FeatureStore, names: Sequence[str], front_end: FrontEnd) -> None:
    """Refuses a store without some tracks, or with those of another front end.

    Raises:
        FeatureStoreError: Naming the track, and the command that makes it.
    """
    own = front_end.description()
    for name in names:
        if name not in store.tracks:
            raise FeatureStoreError(
                f"{store.path}: no track {name!r}, which the recipe needs; run tools/preprocess.py"
                " with this hyper-parameter file, it adds what is missing"
            )
        described = store.descriptions[name].get("front_end", own)
        if described["revision"] != own["revision"]:
            raise FeatureStoreError(
                f"{store.path}: track {name!r} is of front end {described['name']!r} (revision"
                f" {described['revision']}), the recipe's is {own['name']!r} ({own['revision']});"
                " run tools/preprocess.py with this hyper-parameter file"
            )


def silent_symbols(front_end: FrontEnd) -> list[int]:
    """Ids of the symbols that may stand for a pause: spaces, punctuation, the closing symbol."""
    return sorted(set(range(front_end.vocabulary_size)) - set(front_end.spoken_ids))


def _texts(store: FeatureStore) -> dict[int, str]:
    """The utterances that say something."""
    texts = {place: u.text for place, u in enumerate(store.utterances) if u.text.strip()}
    if not texts:
        raise FeatureStoreError(
            f"{store.path}: no utterance has a text; make the store from a corpus with transcripts"
        )
    return texts


def _align(
    store: FeatureStore,
    symbols: Mapping[int, np.ndarray],
    front_end: FrontEnd,
    aligner: str,
    states: int,
) -> dict[int, np.ndarray]:
    mels = [store.read(place, "mel") for place in symbols]
    texts = list(symbols.values())
    silent = silent_symbols(front_end)
    if aligner == "hmm":
        options = hmm_alignment.HmmOptions(states_per_symbol=states)
        found = hmm_alignment.align(mels, texts, silent, options).durations
    else:
        found = forward_sum.align(mels, texts, left_out=silent, states_per_symbol=states)
    return dict(zip(symbols, found, strict=True))
