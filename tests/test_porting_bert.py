"""BERT's checkpoints: the reference's numbers, names old and new, and what does not fit."""

import json

import numpy as np
import pytest

from tf_gantts import networks, porting
from tf_gantts.errors import PortingError
from tf_gantts.porting.parity import Fixture, check_file


@pytest.fixture(scope="module")
def fixture(shared):
    return Fixture(shared / "reference" / "bert.npz")


@pytest.fixture(scope="module")
def state(fixture):
    return fixture.under("model/sd")


def _equal(a, b):
    return all(
        np.array_equal(one, other) for one, other in zip(a.variables, b.variables, strict=True)
    )


def test_every_output_of_the_reference_is_compared_and_equal(shared, fixture):
    rows = list(check_file(shared / "reference" / "bert.npz"))
    failures = [str(row) for row in rows if row.failed]
    assert not failures, "\n".join(failures)
    assert set(fixture.outputs("model")) <= {row.tensor for row in rows}


@pytest.mark.parametrize(
    ("key", "wrong", "right"),
    [
        ("sd/encoder.layer.1.attention.self.key.weight", "hidden_2", "hidden_1"),
        ("sd/pooler.dense.bias", "pooler_output", "last_hidden_state"),
        ("in/attention_mask", "hidden_3", "nomask_first5_last_hidden_state"),
        ("in/token_type_ids", "hidden_0", "nomask_first5_last_hidden_state"),
    ],
)
def test_a_wrong_tensor_fails_the_check(fixture, tmp_path, key, wrong, right):
    tensors = dict(fixture.tensors)
    tensors[f"model/{key}"] = np.copy(tensors[f"model/{key}"])
    tensors[f"model/{key}"].flat[0] = 1 - tensors[f"model/{key}"].flat[0]
    path = tmp_path / "bert.npz"
    np.savez(path, **tensors, config_json=np.array(json.dumps(fixture.config)))
    failed = {row.tensor for row in check_file(path) if row.failed}
    assert wrong in failed and right not in failed


def test_names_and_shapes_are_those_of_bert_base(shared):
    shapes = json.loads((shared / "reference" / "full_size_state_dict_shapes.json").read_text())
    shapes = shapes["hf_bert_base_uncased_BertModel"]
    shapes = shapes.get("state_dict", shapes)
    sizes = {30522: 30, 768: 12, 3072: 24, 512: 20, 2: 2}  # the same network, only narrower
    narrow = networks.build(
        "BertEncoder",
        {
            "vocab_size": 30,
            "hidden_size": 12,
            "intermediate_size": 24,
            "max_position_embeddings": 20,
        },
    )
    written = porting.to_state_dict(narrow, "bert_hf")
    expected = {key: tuple(sizes[n] for n in shape) for key, shape in shapes.items()}
    assert {key: value.shape for key, value in written.items()} == expected


def test_a_pretraining_checkpoint_of_the_first_days_is_read(state, fixture):
    plain = porting.from_state_dict("bert_hf", state, fixture.config)
    old = {
        f"bert.{key}".replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): value
        for key, value in state.items()
    }
    heads = {
        "cls.predictions.bias": np.zeros(120),
        "cls.predictions.transform.LayerNorm.gamma": np.zeros(32),
        "cls.seq_relationship.weight": np.zeros((2, 32)),
        "bert.embeddings.position_ids": np.arange(40)[np.newaxis],
    }
    config = fixture.config["params"] | {"model_type": "bert", "hidden_dropout_prob": 0.1}
    assert _equal(porting.from_state_dict("bert_hf", old | heads, config), plain)
    with pytest.raises(PortingError, match=r"nothing here uses: cls\.other\.weight"):
        porting.load_state_dict(plain, state | {"cls.other.weight": np.zeros(3)}, "bert_hf")
    with pytest.raises(PortingError, match=r"has embeddings\.LayerNorm\.bias twice"):
        twice = {"embeddings.LayerNorm.beta": np.zeros(32)}
        porting.load_state_dict(plain, state | twice, "bert_hf")


def test_a_checkpoint_without_pooler_is_read_when_the_configuration_says_so(state, fixture):
    bare = {key: value for key, value in state.items() if not key.startswith("pooler.")}
    with pytest.raises(PortingError, match=r"missing: pooler\.dense\.weight"):
        porting.from_state_dict("bert_hf", bare, fixture.config)
    config = fixture.config["params"] | {"add_pooling_layer": False}
    network = porting.from_state_dict("bert_hf", bare, config)
    states, pooled = network(fixture.tensors["model/in/input_ids"])
    assert states.shape == (3, 14, 32) and pooled is None
    with pytest.raises(PortingError, match=r"nothing here uses: pooler\.dense\.weight"):
        porting.from_state_dict("bert_hf", state, config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"position_embedding_type": "relative_key"}, "only 'absolute' can be imported"),
        ({"model_type": "roberta"}, "model_type is 'roberta'"),
        ({"hidden_act": "mish"}, "hidden_act 'mish' is unknown"),
        ({"num_attention_heads": 5}, "32 channels cannot be shared by 5 attention heads"),
        ({"num_hidden_layers": 2}, r"nothing here uses: encoder\.layer\.2"),
        ({"max_position_embeddings": 41}, r"position_embeddings\.weight has shape \(40, 32\)"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(state, fixture, changes, message):
    with pytest.raises(PortingError, match=message):
        porting.from_state_dict("bert_hf", state, fixture.config["params"] | changes)
