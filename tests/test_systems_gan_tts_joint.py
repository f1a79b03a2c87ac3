"""GAN-TTS that finds durations while it trains: phases, compiled, resumed, on replicas."""

import logging

import numpy as np
import pytest
import tensorflow as tf
from child_process import train_in_child, training_words
from tiny_gan_tts import (
    FRAMES,
    STATISTICS,
    assert_same,
    build,
    build_training,
    differ,
    make_batch,
    make_store,
    recipe,
    save,
    state_of,
)

from tf_gantts import preprocess
from tf_gantts.data.store import open_store
from tf_gantts.errors import HparamsError
from tf_gantts.evaluation.curves import read_curves
from tf_gantts.hparams import parse_hparams
from tf_gantts.systems import build_system, load_acoustic
from tf_gantts.systems.gan_tts import ADVERSARIAL, RECONSTRUCTION
from tf_gantts.training.checkpoint import open_checkpoint, restore

JOINT = {
    "aligner": "forward_sum",
    "align_jointly": True,
    "aligner_steps": 8,
    "states_per_symbol": 1,
    "discriminator_train_start_steps": 8,
    "adversarial_start_steps": 8,
}
STILL = {"generator_params": {"noise_dim": 0}}  # which is drawn otherwise under XLA


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """Features that were never aligned."""
    folder = tmp_path_factory.mktemp("joint") / "features"
    return make_store(folder, without=["symbols", "durations", "pitch", "energy"])


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    batch = make_batch(make_store(tmp_path_factory.mktemp("batch") / "features"))
    del batch["durations"]
    return batch


def test_the_aligner_learns_in_the_first_phase_and_is_frozen_then(batch):
    system = build_training(**JOINT)
    before = state_of(system)
    scalars = system.train_step(batch, RECONSTRUCTION)
    learnt = state_of(system)
    assert {"alignment_loss", "aligner_grad_norm", "mel_loss", "duration_loss"} <= set(scalars)
    for group in ("aligner", "aligner_optimizer", "generator", "speaking"):
        assert differ(before[group], learnt[group]), group
    frozen = system.train_step(batch, ADVERSARIAL)
    after = state_of(system)
    assert "alignment_loss" not in frozen and "realism_loss" in frozen
    for group in ("aligner", "aligner_optimizer"):
        assert not differ(learnt[group], after[group]), group
    assert differ(learnt["generator"], after["generator"])
    mel = system.normalization(batch["mel"])
    losses = [float(system.timing.learn(batch, mel, False)[1]["alignment_loss"]) for _ in range(9)]
    steady = state_of(system)["aligner"]  # after aligner_steps
    assert losses[-1] < losses[4] - 0.01  # both without a prior
    system.timing.learn(batch, mel, False)
    assert not differ(steady, state_of(system)["aligner"])


def test_the_generator_is_that_of_a_recipe_without_but_for_the_durations(batch):
    joint, plain = build_training(**JOINT), build_training()
    assert not differ(state_of(joint)["generator"], state_of(plain)["generator"])
    mel = joint.normalization(batch["mel"])
    found = joint.timing.learn(batch, mel, frozen=True)[0]["durations"]
    np.testing.assert_array_equal(tf.reduce_sum(found, axis=1), batch["mel_lengths"])
    expected = plain.train_step(batch | {"durations": found}, ADVERSARIAL)
    scalars = joint.train_step(batch, ADVERSARIAL)
    assert {k: float(v) for k, v in scalars.items()} == {k: float(v) for k, v in expected.items()}
    assert not differ(state_of(joint)["generator"], state_of(plain)["generator"])
    assert set(state_of(joint)) - set(state_of(plain)) == {"aligner", "aligner_optimizer"}


def test_a_step_that_is_not_finite_is_skipped_and_counted(batch):
    system = build_training(**JOINT)
    system.train_step(batch, RECONSTRUCTION)
    before = state_of(system)
    system.train_step(batch | {"mel": batch["mel"] * np.nan}, RECONSTRUCTION)
    after = state_of(system)
    assert after.pop("skipped_steps")[0] == before.pop("skipped_steps")[0] + 1 == 1
    assert_same(after, before, atol=0)


def test_a_compiled_step_is_the_plain_one(batch):
    plain, compiled = (build_training(**JOINT, **STILL) for _ in range(2))
    expected = plain.train_step(batch, RECONSTRUCTION)
    step = tf.function(compiled.train_step, autograph=False, jit_compile=True)
    scalars = step(batch, RECONSTRUCTION)
    assert scalars.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(scalars[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
    ours, theirs = state_of(compiled), state_of(plain)
    for name, values in theirs.items():
        # Its small epsilon enlarges what is nothing but rounding; a step is 1e-3.
        assert_same({name: ours[name]}, {name: values}, atol=1e-4 if name == "aligner" else 1e-5)


def test_a_restored_state_goes_on_bit_for_bit(batch, tmp_path):
    whole, resumed = build_training(**JOINT), build_training(**JOINT | {"seed": 5})
    whole.train_step(batch, RECONSTRUCTION)
    save(tmp_path, whole)
    restore(resumed.state(), open_checkpoint(tmp_path))
    resumed.hparams = whole.hparams  # with the seed of its noise
    for system in (whole, resumed):
        system.train_step(batch, RECONSTRUCTION)
    assert {"aligner", "aligner_optimizer"} <= set(state_of(whole))
    assert_same(state_of(resumed), state_of(whole), atol=0)


def test_a_loaded_run_speaks_recordings_with_its_aligner(batch, tmp_path):
    system = build_training(**JOINT)
    system.train_step(batch, RECONSTRUCTION)
    save(tmp_path, system)
    loaded, _ = load_acoustic(tmp_path)
    (ours, losses), (theirs, _) = system.forced(batch), loaded.forced(batch)
    assert {"alignment_loss", "mel_loss", "duration_loss"} <= set(losses)
    np.testing.assert_array_equal(theirs["alignments"], ours["alignments"])
    np.testing.assert_allclose(theirs["mel"], ours["mel"], atol=1e-5)
    # Texts are spoken without it.
    assert len(loaded.variables) == len(build(inference=True).variables)


def test_recordings_that_are_too_short_are_left_out(features, caplog):
    system = build_training(**JOINT | {"states_per_symbol": 4})
    with open_store(features) as store, caplog.at_level(logging.WARNING):
        kept = system.transcripts(store, "train").utterances
        fitting = [
            i
            for i in store.splits["train"]
            if 4 * (1 + sum(map(str.isalpha, store.utterances[i].text))) <= FRAMES[i]
        ]
    assert sorted(kept) == fitting and 0 < len(fitting) < 6
    assert "are too short for their text" in caplog.text


def test_preprocessing_aligns_nothing(features):
    values = recipe(**JOINT, text_encoder=None, use_utterance_discriminator=False)
    before = sorted(p.name for p in features.iterdir())
    preprocess.add_text_tracks(parse_hparams(values, "test"), features)
    assert sorted(p.name for p in features.iterdir()) == before
    with open_store(features) as store:
        assert "durations" not in store.tracks


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"aligner": "hmm"}, "aligner 'hmm' cannot be learned jointly; set aligner to forward_sum"),
        ({"generator_params": {"use_pitch": True}}, "set align_jointly or use_pitch to false"),
        ({"generator_params": {"use_energy": True}}, "set align_jointly or use_energy to false"),
        ({"aligner_steps": 9}, "start_steps 8 must be at least aligner_steps 9"),
    ],
)
def test_values_that_contradict_each_other_are_answered(values, message):
    with pytest.raises(HparamsError, match=message):
        build(**JOINT | values)


def test_mels_that_are_not_z_scored_are_answered():
    hparams = parse_hparams(recipe(**JOINT, mel_profile="hifigan"), "test")
    with pytest.raises(HparamsError, match="align_jointly needs z-scored mels"):
        build_system(hparams, hparams.mel_spec, STATISTICS)


@pytest.fixture(scope="module")
def runs(features, tmp_path_factory):
    """Two steps, `whole` and, by two replicas, `two`."""
    folder = tmp_path_factory.mktemp("runs")
    values = JOINT | {
        "aligner_steps": 3,
        "use_realism_discriminator": False,
        "use_utterance_discriminator": False,
        "train_max_steps": 2,
        "log_interval_steps": 1,
        "eval_interval_steps": 2,
        "num_save_intermediate_results": 1,
    }

    def words(name, *more):
        return training_words(folder, features, name, recipe(**values), *more)

    commands = [
        words(
            "two", "--strategy=mirrored", "--replicas=2", "--set=num_save_intermediate_results=0"
        ),
        words("whole", "--strategy=cpu"),
    ]
    train_in_child(*commands)
    return folder


def test_two_replicas_train_as_one(runs):
    one, two = (open_checkpoint(runs / name).arrays() for name in ("whole", "two"))
    for name, value in one.items():
        if "_optimizer/" not in name:
            np.testing.assert_allclose(two[name], value, rtol=0, atol=1e-5, err_msg=name)
    one, two = (read_curves(runs / name / "scalars.csv") for name in ("whole", "two"))
    assert {"train/alignment_loss", "eval/alignment_loss"} <= one.keys()
    for name in one:
        if name.endswith(("_loss", "grad_norm")):
            np.testing.assert_allclose(two[name].values, one[name].values, rtol=1e-4, err_msg=name)


def test_samples_show_how_the_recording_is_aligned(runs):
    pictures = list((runs / "whole" / "samples").glob("*/*_alignment.png"))
    assert len(pictures) == 1 and pictures[0].stat().st_size > 1000
