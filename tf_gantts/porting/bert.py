"""Checkpoints of Hugging Face's `BertModel`, alone or inside a model with a head."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from tf_gantts.errors import PortingError
from tf_gantts.networks.bert import BertEncoder
from tf_gantts.porting.source import Pairs, Source, params_of

_CONFIGURABLE = tuple(
    key
    for key in inspect.signature(BertEncoder).parameters
    if key not in ("add_pooling_layer", "kwargs")
)
# What a configuration may say only in this way.
_FIXED = {"model_type": "bert", "position_embedding_type": "absolute", "is_decoder": False}
_OLD_NAMES = {"gamma": "weight", "beta": "bias"}  # of LayerNorm, in the first checkpoints


def _pairs(network: BertEncoder) -> Pairs:
    pairs: list[tuple[str, Any]] = [
        ("embeddings.word_embeddings", network.word_embeddings),
        ("embeddings.position_embeddings", network.position_embeddings),
        ("embeddings.token_type_embeddings", network.type_embeddings),
        ("embeddings.LayerNorm", network.embedding_norm),
    ]
    for i, block in enumerate(network.blocks):
        prefix = f"encoder.layer.{i}"
        pairs += [
            (f"{prefix}.attention.self.query", block.attention.query),
            (f"{prefix}.attention.self.key", block.attention.key),
            (f"{prefix}.attention.self.value", block.attention.value),
            (f"{prefix}.attention.output.dense", block.attention.projection),
            (f"{prefix}.attention.output.LayerNorm", block.attention_norm),
            (f"{prefix}.intermediate.dense", block.expansion),
            (f"{prefix}.output.dense", block.projection),
            (f"{prefix}.output.LayerNorm", block.norm),
        ]
    return pairs if network.pooler is None else [*pairs, ("pooler.dense", network.pooler)]


def _renamed(key: str) -> str:
    """A key as the bare `BertModel` of today has it."""
    norm, _, name = key.removeprefix("bert.").rpartition(".")
    if norm.endswith("LayerNorm"):
        return f"{norm}.{_OLD_NAMES.get(name, name)}"
    return key.removeprefix("bert.")


def _arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments in `config.json`, which also holds what has no influence on the numbers here."""
    params = params_of(config)
    for key, value in _FIXED.items():
        if params.get(key, value) != value:
            raise PortingError(
                f"bert_hf: {key} is {params[key]!r} in the configuration; only {value!r} can be"
                " imported"
            )
    known = (*_CONFIGURABLE, "add_pooling_layer")
    return {key: params[key] for key in known if params.get(key) is not None}


def has_pooler(state_dict: Mapping[str, Any]) -> bool:
    """Whether a checkpoint has the weights of the pooled state."""
    return any(re.fullmatch(r"(bert\.)?pooler\.dense\.weight", key) for key in state_dict)


SOURCES = {
    "bert_hf": Source(
        network="BertEncoder",
        pairs=_pairs,
        arguments=_arguments,
        configurable=_CONFIGURABLE,
        renamed=_renamed,
        ignored=(
            # Heads: masked words and next sentence; classes of texts, tokens or choices; answers.
            r"cls\.(predictions|seq_relationship)\..*",
            r"(classifier|qa_outputs)\.(weight|bias)",
            r"embeddings\.(position_ids|token_type_ids)",  # buffers of constants
        ),
    ),
}
