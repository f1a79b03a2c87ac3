"""Tacotron 2 that starts from another run's network."""

import numpy as np
import pytest
from tiny_speech import build, make_run

from tf_gantts.errors import CheckpointError, MelSpecMismatchError, TextError
from tf_gantts.systems import initialize, load_system
from tf_gantts.training.checkpoint import open_checkpoint


def weights(part):
    return [variable.numpy() for variable in part.variables]


def assert_same(ours, theirs):
    for a, b in zip(weights(ours), weights(theirs), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_averaged_network_is_taken_and_its_dropout_may_change(tmp_path):
    trained = make_run(tmp_path / "run", ema_decay=0.9)
    system = build(seed=8, model_params={"p_zoneout": 0.1})
    origin = initialize(system, open_checkpoint(tmp_path / "run"))
    assert origin == f"network (moving average) of {tmp_path / 'run'} at step 7"
    spoken_with, _ = load_system(tmp_path / "run")
    assert_same(system.network, spoken_with.network)
    first = trained.network.trainable_variables[0].numpy()
    np.testing.assert_array_equal(system.network.trainable_variables[0], np.float32(0.9) * first)
    system.prepare_training()
    assert int(system.network_optimizer.iterations) == 0


def test_speakers_are_taken_by_name_and_new_ones_begin_fresh(tmp_path, caplog):
    trained = make_run(tmp_path / "run", speakers=["A", "B"])
    system = build(seed=8, speakers=["C", "B", "A"], styles=["calm"])
    before = system.network.conditions["speaker"].embedding.weight.numpy()
    with caplog.at_level("INFO"):
        initialize(system, open_checkpoint(tmp_path / "run"))
    assert "speakers that begin fresh: C" in caplog.text
    assert "styles that begin fresh: calm" in caplog.text
    ours, theirs = (s.network.conditions["speaker"] for s in (system, trained))
    vectors = theirs.embedding.weight.numpy()
    expected = np.stack([before[0], vectors[1], vectors[0]])
    np.testing.assert_array_equal(ours.embedding.weight.numpy(), expected)
    assert_same(ours.projection, theirs.projection)
    assert_same(system.network.decoder, trained.network.decoder)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"front_end": "nvidia"}, TextError, "use the front end that the model was trained with"),
        ({}, CheckpointError, r"has speakers \['A'\]: name them in speakers"),
        (
            {"speakers": ["A"], "model_params": {"decoder_rnn_dim": 32}},
            CheckpointError,
            "decoder_rnn_dim: 32 != 24.*; begin with the same model_params",
        ),
        ({"speakers": ["A"], "fmax": 8000}, MelSpecMismatchError, "fmax: 8000.0 != 7600.0"),
    ],
)
def test_other_symbols_speakers_or_architectures_are_refused(tmp_path, values, error, message):
    make_run(tmp_path / "run", speakers=["A"])
    system = build(seed=8, **values)
    before = weights(system.network)
    with pytest.raises(error, match=message):
        initialize(system, open_checkpoint(tmp_path / "run"))
    for ours, theirs in zip(weights(system.network), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
