"""Texts as a pretrained BERT understands them: states of their tokens, and of the whole."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf

from tf_gantts.errors import PortingError
from tf_gantts.networks.bert import BertEncoder
from tf_gantts.porting import from_state_dict
from tf_gantts.porting.bert import has_pooler
from tf_gantts.porting.hugging_face import model_directory, read_config, read_weights
from tf_gantts.text.wordpiece import WordPiece
from tf_gantts.text.wordpiece_files import read_wordpiece
from tf_gantts.text.wordpiece_graph import WordPieceGraph

DEFAULT_MODEL = "bert-base-uncased"

Pooling = Literal["cls", "pooled", "mean"]
POOLINGS: tuple[Pooling, ...] = ("cls", "pooled", "mean")


@dataclasses.dataclass(frozen=True)
class TextEmbedding:
    """What is kept of one text.

    Attributes:
        tokens: float16 `(T, hidden_size)`: last states of [CLS], the text's tokens and [SEP].
        utterance: float16 `(hidden_size,)`: the whole text.
        token_of_character: int32 `(characters,)`: row of `tokens` that each character of the text
            belongs to.
    """

    tokens: np.ndarray
    utterance: np.ndarray
    token_of_character: np.ndarray


class TextEncoder:
    """A BERT with its tokeniser, weights frozen.

    Args:
        network: The network.
        tokenizer: Its tokeniser.

    Attributes:
        network: The network.
        tokenizer: Its tokeniser.

    Raises:
        PortingError: If the tokeniser has ids that the network has not.
    """

    def __init__(self, network: BertEncoder, tokenizer: WordPiece) -> None:
        rows = network.word_embeddings.input_dim
        if max(tokenizer.vocabulary.values()) >= rows:
            raise PortingError(
                f"the tokeniser has ids up to {max(tokenizer.vocabulary.values())}, the BERT only"
                f" {rows}; are its files of one model?"
            )
        network.trainable = False
        self.network, self.tokenizer = network, tokenizer
        self._run = tf.function(
            self.states, input_signature=[tf.TensorSpec([None, None], tf.int32)] * 2
        )

    @property
    def hidden_size(self) -> int:
        """Channels of the embeddings."""
        return self.network.hidden_size

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits for network, weights and tokeniser: the key of embeddings."""
        config = self.network.get_config()
        left_out = ("name", "dtype", "initializer_range")
        config = {key: value for key, value in config.items() if key not in left_out}
        config["precision"] = self.network.compute_dtype
        digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
        digest.update(self.tokenizer.fingerprint.encode())
        for variable in self.network.variables:
            digest.update(np.ascontiguousarray(variable.numpy()).data)
        return digest.hexdigest()[:16]

    def embed(
        self, texts: Sequence[str], pooling: Pooling = "cls", tokens_per_batch: int = 2048
    ) -> Iterator[tuple[int, TextEmbedding]]:
        """Reads texts in batches of similar length, the longest first.

        Args:
            texts: Any number.
            pooling: What stands for a whole text: the state of [CLS], BERT's own pooled state, or
                the mean over all of its tokens, [CLS] and [SEP] included.
            tokens_per_batch: Tokens that are computed at once, padding included.

        Yields:
            Place of a text in `texts`, and its embedding.

        Raises:
            PortingError: If the pooling is unknown, the checkpoint has no pooler, or a state is too
                large for float16.
        """
        self.require_pooling(pooling)
        encodings = [self.tokenizer.encode(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda place: -len(encodings[place].ids))
        while order:
            longest = len(encodings[order[0]].ids)
            count = max(1, tokens_per_batch // longest)
            batch, order = order[:count], order[count:]
            states = self._run(*self._padded([encodings[place].ids for place in batch]))
            for row, place in enumerate(batch):
                length = len(encodings[place].ids)
                tokens = _half(states["tokens"][row, :length])
                utterance = _half(states[pooling][row])
                yield (
                    place,
                    TextEmbedding(tokens, utterance, encodings[place].token_of_character),
                )

    def require_pooling(self, pooling: str) -> None:
        """Refuses a pooling that this BERT cannot give.

        Raises:
            PortingError: If it is unknown, or the checkpoint has no pooler.
        """
        if pooling not in POOLINGS:
            raise PortingError(f"pooling {pooling!r} is unknown; one of {', '.join(POOLINGS)}")
        if pooling == "pooled" and self.network.pooler is None:
            raise PortingError("this BERT has no pooler; choose pooling cls or mean")

    def _padded(self, ids: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Ids and mask (B, T) of sequences of which the first is the longest."""
        padded = np.full((len(ids), len(ids[0])), self.tokenizer.pad_id, np.int32)
        mask = np.zeros_like(padded)
        for row, sequence in enumerate(ids):
            padded[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        return padded, mask

    def states(self, ids: tf.Tensor, mask: tf.Tensor) -> dict[str, tf.Tensor]:
        """States of the tokens `(B, T, hidden_size)` and, by pooling, of the texts.

        Args:
            ids: int32 `(B, T)`.
            mask: int32 `(B, T)`, zero at padding.
        """
        tokens, pooled = self.network(ids, mask)
        weights = tf.cast(mask, tokens.dtype)[:, :, tf.newaxis]
        mean = tf.reduce_sum(tokens * weights, axis=1) / tf.reduce_sum(weights, axis=1)
        states = {"tokens": tokens, "cls": tokens[:, 0], "mean": mean}
        return states if pooled is None else states | {"pooled": pooled}


class TextEncoderGraph(tf.Module):
    """A text encoder on strings, for exported models.

    Args:
        encoder: Its network and tokeniser.
        pooling: As in `TextEncoder.embed`.

    Raises:
        PortingError: If the BERT cannot give the pooling.
    """

    def __init__(self, encoder: TextEncoder, pooling: Pooling = "cls") -> None:
        super().__init__()
        encoder.require_pooling(pooling)
        self._encoder_states = encoder.states
        self._network = encoder.network  # a SavedModel keeps the variables of attributes
        self._tokenizer = WordPieceGraph(encoder.tokenizer)
        self._pad_id = encoder.tokenizer.pad_id
        self._pooling = pooling

    def __call__(self, text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Reads texts.

        Args:
            text: UTF-8 strings `(B,)`.

        Returns:
            States of the tokens `(B, T, hidden_size)` and of the utterances `(B, hidden_size)`, and
            the token of every character, int32 `(B, characters)`, padded with zeros: as in
            `TextEmbedding`, but in float32.
        """
        ids, token_of_character = self._tokenizer(text)
        mask = tf.ones_like(ids).to_tensor()
        states = self._encoder_states(ids.to_tensor(self._pad_id), mask)
        return states["tokens"], states[self._pooling], token_of_character.to_tensor()


def load_text_encoder(
    name: str | Path = DEFAULT_MODEL, revision: str | None = None, dtype: str = "float32"
) -> TextEncoder:
    """Loads a BERT of Hugging Face with its tokeniser.

    Args:
        name: Folder with the model's files, or its name on the hub.
        revision: Branch, tag or commit on the hub.
        dtype: Precision of the computation, a Keras dtype policy.

    Raises:
        PortingError: If the model cannot be had, or is no BERT of ours.
        TextError: If its tokeniser is not BERT's.
    """
    directory = model_directory(name, revision)
    state_dict = read_weights(directory, "bert_hf")
    config = read_config(directory) | {"add_pooling_layer": has_pooler(state_dict)}
    network = from_state_dict("bert_hf", state_dict, config)
    if dtype != "float32":
        weights = network.get_weights()
        network = BertEncoder.from_config(network.get_config() | {"dtype": dtype})
        network.set_weights(weights)
    assert isinstance(network, BertEncoder)
    tokenizer = read_wordpiece(directory, network.max_position_embeddings)
    return TextEncoder(network, tokenizer)


def _half(states: tf.Tensor) -> np.ndarray:
    half = np.asarray(states, np.float16)
    if not np.isfinite(half).all():
        raise PortingError("a state of the BERT is no number that float16 can hold")
    return half
