"""States of a text encoder for the symbols of a front end, in Python and in the graph.

The encoder reads a text in words (`FrontEnd.words`); a symbol has the state of the token that its
character belongs to (`FrontEnd.characters_of_symbols`).

States are kept in float16 by a feature store. So that a model reads at synthesis what it was
taught on, they are rounded to float16 everywhere, in exported graphs too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from tf_gantts.porting.text_encoder import Pooling, TextEncoder, TextEncoderGraph
from tf_gantts.text import FrontEnd
from tf_gantts.text.graph import FrontEndGraph
from tf_gantts.text.token_map_graph import TokenMapGraph


@dataclasses.dataclass(frozen=True)
class SymbolEmbedding:
    """What is kept of one text's symbols.

    Attributes:
        tokens: float16 `(T, hidden_size)`: states of the tokens, [CLS] first and [SEP] last.
        utterance: float16 `(hidden_size,)`: the whole text.
        token_of_symbol: int32 `(N,)`: row of `tokens` that each symbol belongs to; [CLS] where the
            text has no words.
    """

    tokens: np.ndarray
    utterance: np.ndarray
    token_of_symbol: np.ndarray


def embed_symbols(
    front_end: FrontEnd, encoder: TextEncoder, texts: Sequence[str], pooling: Pooling = "cls"
) -> Iterator[tuple[int, SymbolEmbedding]]:
    """Reads texts in batches of similar length, the longest first.

    Args:
        front_end: Gives the symbols.
        encoder: Gives the states.
        texts: Any number.
        pooling: What stands for a whole text, see `TextEncoder.embed`.

    Yields:
        Place of a text in `texts`, and the embedding of the symbols that `front_end.encode` gives.

    Raises:
        PortingError: See `TextEncoder.embed`.
    """
    words = [front_end.words(text) for text in texts]
    for place, embedding in encoder.embed(words, pooling):
        characters = front_end.characters_of_symbols(texts[place])
        # A text without words has no character, but its closing symbol belongs to the first one.
        token_of_character = np.append(embedding.token_of_character, 0)
        tokens = token_of_character[characters].astype(np.int32)
        yield place, SymbolEmbedding(embedding.tokens, embedding.utterance, tokens)


def symbol_states(
    front_end: FrontEnd, encoder: TextEncoder, texts: Sequence[str], pooling: Pooling = "cls"
) -> tuple[np.ndarray, np.ndarray]:
    """States of a batch of texts, for synthesis; `SymbolStatesGraph` gives the same.

    Args:
        front_end: Gives the symbols.
        encoder: Gives the states.
        texts: B texts.
        pooling: What stands for a whole text, see `TextEncoder.embed`.

    Returns:
        float32 states of the symbols `(B, N, hidden_size)`, zeros after the last, and of the
        utterances `(B, hidden_size)`; both rounded to float16.

    Raises:
        PortingError: See `TextEncoder.embed`.
    """
    embeddings = dict(embed_symbols(front_end, encoder, texts, pooling))
    longest = max((len(each.token_of_symbol) for each in embeddings.values()), default=0)
    states = np.zeros((len(texts), longest, encoder.hidden_size), np.float32)
    utterances = np.zeros((len(texts), encoder.hidden_size), np.float32)
    for place, embedding in embeddings.items():
        tokens = embedding.token_of_symbol
        states[place, : len(tokens)] = embedding.tokens[tokens]
        utterances[place] = embedding.utterance
    return states, utterances


class SymbolStatesGraph(tf.Module):
    """`symbol_states` in the graph, for exported models that hold their BERT.

    Args:
        front_end: Gives the symbols.
        encoder: Gives the states.
    """

    def __init__(self, front_end: FrontEndGraph, encoder: TextEncoderGraph) -> None:
        super().__init__()
        self._token_map = TokenMapGraph(front_end)
        self._encoder = encoder

    def __call__(self, text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Reads texts.

        Args:
            text: UTF-8 strings `(B,)`.

        Returns:
            float32 states of the symbols that `FrontEndGraph` gives `(B, N, hidden_size)`, zeros
            after the last, and of the utterances `(B, hidden_size)`; both rounded to float16.
        """
        tokens, utterances, token_of_character = self._encoder(self._token_map.words(text))
        # A text without words has no character, but its closing symbol belongs to the first one.
        token_of_character = tf.pad(token_of_character, [[0, 0], [0, 1]])
        characters = self._token_map.characters_of_symbols(text)
        row = tf.cast(characters.value_rowids(), tf.int32)
        token = tf.gather_nd(token_of_character, tf.stack([row, characters.flat_values], 1))
        states = tf.gather_nd(_rounded(tokens), tf.stack([row, token], 1))
        return characters.with_flat_values(states).to_tensor(), _rounded(utterances)


def _rounded(states: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.cast(states, tf.float16), tf.float32)
