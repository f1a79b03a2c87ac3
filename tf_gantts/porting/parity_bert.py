"""Comparisons with Hugging Face's BERT: every hidden state, with and without a mask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from tf_gantts.networks.bert import BertEncoder
from tf_gantts.porting import from_state_dict, to_state_dict
from tf_gantts.porting.parity import Fixture, Row, activations

_SHORT = "nomask_first"  # nomask_first5_...: the first five ids, without a mask


def check_bert(fixture: Fixture) -> Iterator[Row]:
    """`bert`: every case is a `BertModel`."""
    for case in fixture.cases:
        state_dict = fixture.under(f"{case}/sd")
        entry = fixture.config.get("cases", {}).get(case, fixture.config)
        network = from_state_dict("bert_hf", state_dict, entry)
        assert isinstance(network, BertEncoder)
        written = to_state_dict(network, "bert_hf")
        equal = written.keys() == state_dict.keys() and all(
            np.array_equal(written[key], state_dict[key]) for key in written
        )
        yield fixture.row(case, "state dict there and back", 0.0 if equal else np.inf, 0.0)
        inputs = {name: tf.constant(x) for name, x in fixture.under(f"{case}/in").items()}
        for tensor in fixture.outputs(case):
            ours = _output(network, inputs, tensor)
            if ours is not None:
                yield fixture.compare(case, tensor, ours, activations)


def _output(network: BertEncoder, inputs: Mapping[str, tf.Tensor], tensor: str) -> tf.Tensor | None:
    """Our value of an expected output; None for one of another kind."""
    ids = inputs["input_ids"]
    mask, types = (inputs.get(name) for name in ("attention_mask", "token_type_ids"))
    if tensor.startswith(_SHORT):
        count, _, tensor = tensor.removeprefix(_SHORT).partition("_")
        ids, mask, types = ids[:, : int(count)], None, None
    states = network.hidden_states(ids, mask, types)
    if tensor.startswith("hidden_"):
        return states[int(tensor.removeprefix("hidden_"))]
    values = {"last_hidden_state": states[-1], "pooler_output": network.pool(states[-1])}
    return values.get(tensor)
