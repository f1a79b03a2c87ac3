"""Tacotron 2's public checkpoint: names, full-size shapes, the reference's numbers."""

import json

import numpy as np
import pytest

from tf_gantts import networks, porting
from tf_gantts.errors import PortingError
from tf_gantts.porting.parity import Fixture, check_file

SMALL = {
    "n_symbols": 20,
    "symbols_embedding_dim": 8,
    "encoder_embedding_dim": 8,
    "n_mel_channels": 5,
    "n_frames_per_step": 2,
    "prenet_dim": 6,
    "attention_rnn_dim": 10,
    "decoder_rnn_dim": 9,
    "attention_dim": 7,
    "attention_location_n_filters": 3,
    "attention_location_kernel_size": 5,
    "postnet_embedding_dim": 8,
}


def test_every_output_of_the_reference_is_compared_and_equal(shared):
    path = shared / "reference" / "tacotron2.npz"
    rows = list(check_file(path))
    failures = [str(row) for row in rows if row.failed]
    assert not failures, "\n".join(failures)
    fixture = Fixture(path)
    expected = {(case, tensor) for case in fixture.cases for tensor in fixture.outputs(case)}
    assert expected <= {(row.case, row.tensor) for row in rows}


def test_a_perturbed_tensor_fails(shared, tmp_path):
    with np.load(shared / "reference" / "tacotron2.npz") as archive:
        tensors = {key: archive[key] for key in archive.files if key.startswith("model/")}
        config = archive["config_json"]
    tensors["model/sd/decoder.decoder_rnn.weight_hh"][3] += 0.2
    tensors["model/out/encoder"] *= 1.01
    path = tmp_path / "tacotron2_other.npz"
    np.savez(path, **tensors, config_json=config)
    failed = {row.tensor for row in check_file(path) if row.failed}
    assert {"mel", "encoder", "dropmask/mel_postnet"} <= failed
    assert any(name.startswith("inf_text/mel") for name in failed)  # of another length
    assert "state dict there and back" not in failed


def test_the_full_size_checkpoint_fits_with_every_key_and_variable(shared):
    table = json.loads((shared / "reference" / "full_size_state_dict_shapes.json").read_text())
    shapes = table["nvidia_tacotron2"]
    state_dict = {key: np.full(shape, 0.5, np.float32) for key, shape in shapes.items()}
    network = porting.from_state_dict("tacotron2_nvidia", state_dict, {"epochs": 500})
    ours = porting.to_state_dict(network, "tacotron2_nvidia")
    assert {key: list(value.shape) for key, value in ours.items()} == shapes
    checkpoint = {"state_dict": state_dict, "iteration": 1}
    assert porting.find_state_dict(checkpoint, "tacotron2_nvidia").keys() == shapes.keys()


def test_there_and_back_with_two_frames_per_step():
    network = networks.build("Tacotron2", SMALL | {"mask_convolutions": False})
    state_dict = porting.to_state_dict(network, "tacotron2_nvidia")
    assert state_dict["decoder.prenet.layers.0.linear_layer.weight"].shape == (6, 10)
    assert state_dict["decoder.attention_rnn.weight_ih"].shape == (40, 14)
    other = porting.from_state_dict("tacotron2_nvidia", state_dict, {"hparams": SMALL})
    assert other.get_config() == network.get_config()
    for a, b in zip(other.variables, network.variables, strict=True):
        np.testing.assert_array_equal(a, b)
    assert porting.source_of(network) == "tacotron2_nvidia"
    assert porting.unconfigurable(network, "tacotron2_nvidia") == []
    del state_dict["decoder.decoder_rnn.weight_hh"]
    with pytest.raises(PortingError, match=r"missing: decoder\.decoder_rnn\.weight_hh"):
        porting.load_state_dict(other, state_dict, "tacotron2_nvidia")
