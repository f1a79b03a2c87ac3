"""Tacotron 2 as a system: learning, exact resume, replicas, evaluation by speaking, mistakes."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
from child_process import train_in_child, training_words
from tiny_speech import build, recipe

from tf_gantts import command, train
from tf_gantts.data.store import open_store
from tf_gantts.errors import HparamsError
from tf_gantts.evaluation.curves import read_curves
from tf_gantts.training.checkpoint import open_checkpoint

NOISY = {
    "model_params": {"p_zoneout": 0.1},
    "input_mask_params": {"freq_mask": 20, "time_mask": 20},
    "use_guided_attention": True,
    "ema_decay": 0.9,
    "batch_size": 2,
}
# Each replica draws its own noise, so the comparison of one and two goes without. A bias before a
# batch normalisation has no gradient but rounding, which Adam enlarges with a smaller epsilon.
QUIET = {
    "optimizer_params": {"lr": 1e-3, "eps": 1e-4},
    "model_params": dict.fromkeys(
        ("prenet_dropout", "p_attention_dropout", "p_decoder_dropout", "p_conv_dropout"), 0.0
    ),
    "use_guided_attention": True,
    "num_save_intermediate_results": 0,
}


@pytest.fixture(scope="module")
def store(spoken_store):
    with open_store(spoken_store) as opened:
        yield opened


def words_of(values, folder, store, name, *more):
    return training_words(folder, store, name, recipe(**values), *more)


def test_a_resumed_run_is_the_unbroken_one_bit_for_bit(spoken_store, tmp_path):
    """With dropout, zoneout, masks and averages; what was done after the checkpoint is lost."""
    steps = {"train_max_steps": 4, "save_interval_steps": 2, "eval_interval_steps": 4}
    whole = words_of(NOISY | steps, tmp_path, spoken_store, "whole")
    mute = NOISY | steps | {"num_save_intermediate_results": 0}
    killed = words_of(mute, tmp_path, spoken_store, "killed", "--resume")
    train_in_child(whole)
    shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    shutil.rmtree(tmp_path / "killed" / "checkpoints" / "step-00000004")
    train_in_child(killed)
    ours, theirs = (open_checkpoint(tmp_path / name, 4).arrays() for name in ("whole", "killed"))
    assert {name.split("/")[0] for name in ours} >= {"network", "optimizer", "average"}
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)
    _assert_evaluated(tmp_path / "whole", spoken_store)


def _assert_evaluated(run, features):
    """The held-out utterance was forced and spoken."""
    curves = read_curves(run / "scalars.csv")
    for name in ("mel_loss", "mel_postnet_loss", "stop_loss", "guided_attention_loss"):
        assert np.isfinite(curves[f"eval/{name}"].values).all()
        assert f"train/{name}" in curves
    assert 0 <= curves["eval/spoken_finished"].values[-1] <= 1
    assert 0 < curves["eval/forced_attention_focus"].values[-1] <= 1
    with open_store(features) as store:
        (utterance,) = (store.utterances[i].id for i in store.splits["valid"])
    samples = {path.name for path in (run / "samples" / "step-00000004").iterdir()}
    assert samples == {f"{utterance}.wav", f"{utterance}.png", f"{utterance}_attention.png"}


def test_two_replicas_train_as_one(spoken_store, tmp_path):
    """Also the batch normalisation and the counts of what is not padding."""
    values = QUIET | {"train_max_steps": 2, "log_interval_steps": 1, "eval_interval_steps": 2}
    two = words_of(values, tmp_path, spoken_store, "two", "--strategy=mirrored", "--replicas=2")
    train_in_child(two, words_of(values, tmp_path, spoken_store, "one", "--strategy=cpu"))
    one, two = (open_checkpoint(tmp_path / name).arrays() for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        if not name.startswith("optimizer/"):
            np.testing.assert_allclose(two[name], value, rtol=0, atol=1e-5, err_msg=name)
    one, two = (read_curves(tmp_path / name / "scalars.csv") for name in ("one", "two"))
    for name in one:
        if name.endswith(("_loss", "grad_norm")):
            np.testing.assert_allclose(two[name].values, one[name].values, rtol=1e-4, err_msg=name)


def test_four_utterances_are_learnt(store):
    system = build(
        store.statistics,
        model_params={"prenet_dropout": 0.0},
        optimizer_params={"lr": 2e-3},
        use_guided_attention=True,
        max_frames=sorted(u.frames for u in store.utterances)[5],
    )
    system.prepare_training()
    (batch,) = system.training_source(store).dataset().take(1)
    assert batch["mel"].shape[0] == 4
    step = tf.function(lambda: system.train_step(batch, "teacher_forcing"), autograph=False)
    scalars = [{name: float(value) for name, value in step().items()} for _ in range(60)]
    first, last = scalars[0], scalars[-1]
    assert last["loss"] < 0.65 * first["loss"]
    assert last["mel_postnet_loss"] < 0.65 * first["mel_postnet_loss"]
    assert last["stop_loss"] < 0.3 * first["stop_loss"]
    outputs, losses = system.forced(batch)
    assert float(losses["mel_postnet_loss"]) < 0.65 * first["mel_postnet_loss"]
    silent = np.float32(system.mel_spec.silence)
    for row, length in zip(outputs["mel"].numpy(), batch["mel_lengths"].numpy(), strict=True):
        assert np.all(row[length:] == silent) and not np.any(row[:length] == silent)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_params": {"n_symbols": 148}}, "model_params.n_symbols is 148, .* ask for 67"),
        ({"model_params": {"n_mel_channels": 40}}, "n_mel_channels is 40, .* ask for 80"),
        ({"speakers": ["LJ"], "model_params": {"n_speakers": 2}}, "n_speakers is 2, .* for 1"),
        ({"model_params": {"encoder_dim": 8}}, "Tacotron2 has no parameter 'encoder_dim'"),
        ({"guided_attention_params": {"width": 1}}, "unexpected keyword argument 'width'"),
    ],
)
def test_values_that_contradict_each_other_are_answered(values, message):
    with pytest.raises(HparamsError, match=message):
        build(**values)


def test_a_store_without_texts_and_unknown_speakers_are_answered(
    small_store, spoken_store, tmp_path, capsys
):
    assert command.run(train.main, words_of({}, tmp_path, small_store, "mute")) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "none with a text" in said and "give the corpus transcripts" in said
    assert not (tmp_path / "mute").exists()
    words = words_of({"speakers": ["A", "B"]}, tmp_path, spoken_store, "other")
    assert command.run(train.main, words) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "speaker 'LJ' is none of speakers ['A', 'B']" in said
