"""A training that starts from another run's networks."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny_run import RECIPE, STATISTICS, make_run

from tf_gantts import command, train
from tf_gantts.errors import CheckpointError, MelSpecMismatchError
from tf_gantts.evaluation.curves import read_curves
from tf_gantts.hparams import load_hparams, parse_hparams
from tf_gantts.systems import build_system, initialize, load_system
from tf_gantts.training.checkpoint import (
    IMPORTED,
    Meta,
    open_checkpoint,
    require_resumable,
    save_checkpoint,
)

# Reads argument lists as JSON and trains once with each.
_TRAIN = """
import json, sys
from tf_gantts import command, train
sys.exit(max(command.run(train.main, words) for words in json.loads(sys.argv[1])))
"""
SHORT = {
    "batch_size": 2,
    "batch_max_steps": 2048,
    "eval_max_frames": 64,
    "num_save_intermediate_results": 0,
    "generator_ema_decay": 0.9,
    "stft_loss_params": {"fft_sizes": [512], "hop_sizes": [128], "win_lengths": [512]},
    "discriminator_train_start_steps": 99,  # one phase: less to trace
    "save_interval_steps": 2,
    "logger": ["csv"],
}


def build(**values):
    hparams = parse_hparams(RECIPE | {"seed": 5} | values, "test")
    return build_system(hparams, hparams.mel_spec, STATISTICS)


def weights(network):
    return [variable.numpy() for variable in network.variables]


def same(ours, theirs):
    return all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_the_averaged_generator_and_the_discriminator_are_taken(tmp_path, caplog):
    trained = make_run(tmp_path / "run", generator_ema_decay=0.5)
    average = [variable.numpy() for variable in trained.average.averages]
    system = build()
    with caplog.at_level("INFO"):
        origin = initialize(system, open_checkpoint(tmp_path / "run"))
    assert same(weights(system.generator), average)
    assert not same(weights(system.generator), weights(trained.generator))
    assert same(weights(system.discriminator), weights(trained.discriminator))
    expected = f"generator (moving average) and discriminator of {tmp_path / 'run'} at step 7"
    assert origin == expected and f"starting from the {expected}" in caplog.text
    system.prepare_training()
    assert int(system.generator_optimizer.iterations) == 0


def test_without_an_equal_discriminator_only_the_generator_is_taken(tmp_path, caplog):
    trained = make_run(tmp_path / "run")
    save_checkpoint(
        tmp_path / "alone",
        {"generator": trained.state()["generator"]},
        Meta(0, IMPORTED, trained.mel_spec, STATISTICS, origin="somewhere"),
        trained.hparams,
    )
    smaller = {"discriminator_params": RECIPE["discriminator_params"] | {"channels": 4}}
    for run, values, reason in (
        ("run", smaller, "its discriminator is another one (channels: 4 != 2)"),
        ("alone", {}, "holds no discriminator"),
    ):
        system, fresh = build(**values), build(**values)
        with caplog.at_level("INFO"):
            origin = initialize(system, open_checkpoint(tmp_path / run))
        assert reason in caplog.text and origin.startswith("generator of ")
        assert same(weights(system.generator), weights(trained.generator))
        assert same(weights(system.discriminator), weights(fresh.discriminator))
    assert origin.endswith("alone at step 0, from somewhere")


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (
            {"generator_params": {"channels": 32, "stacks": 1}},
            CheckpointError,
            r"channels: 32 != 16\); begin with the same generator_type",
        ),
        (
            {"generator_type": "HiFiGANGenerator", "generator_params": {"channels": 16}},
            CheckpointError,
            "HiFiGANGenerator != MelGANGenerator",
        ),
        ({"fmax": 8000}, MelSpecMismatchError, "fmax: 8000.0 != 7600.0"),
    ],
)
def test_another_architecture_or_mel_definition_is_refused(tmp_path, values, error, message):
    make_run(tmp_path / "run")
    system = build(**values)
    before = weights(system.generator)
    with pytest.raises(error, match=message):
        initialize(system, open_checkpoint(tmp_path / "run"))
    assert same(weights(system.generator), before)


def words_of(recipe, store, run, *more):
    return [f"--hparams={recipe}", f"--features={store}", f"--run={run}", *map(str, more)]


def test_fine_tuning_keeps_the_statistics_and_resumes_bit_for_bit(small_store, tmp_path):
    make_run(tmp_path / "before")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE | SHORT))
    start = ("--init-from", tmp_path / "before")
    commands = [
        words_of(recipe, small_store, tmp_path / "whole", *start, "--set", "train_max_steps=4"),
        words_of(recipe, small_store, tmp_path / "halves", *start, "--set", "train_max_steps=2"),
        words_of(
            recipe,
            small_store,
            tmp_path / "halves",
            *start,
            "--resume",
            "--set",
            "train_max_steps=4",
        ),
    ]
    result = subprocess.run(
        [sys.executable, "-c", _TRAIN, json.dumps(commands)],
        cwd=Path(__file__).resolve().parent.parent,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert "mels are normalised with the statistics of run" in result.stderr
    whole, halves = (open_checkpoint(tmp_path / name) for name in ("whole", "halves"))
    assert whole.meta.step == halves.meta.step == 4
    for name, value in whole.arrays().items():
        np.testing.assert_array_equal(value, halves.arrays()[name], err_msg=name)
    for checkpoint in (whole, halves):
        assert checkpoint.meta.statistics == STATISTICS  # not the store's
        assert checkpoint.meta.origin.endswith("before at step 7")
    # What it began with, before the first step.
    curve = read_curves(tmp_path / "whole" / "scalars.csv")["eval/mel_loss"]
    assert curve.steps == [0, 4]
    first, _ = load_system(tmp_path / "whole", 0)
    begun_with, _ = load_system(tmp_path / "before")
    assert same(weights(first.generator), weights(begun_with.generator))


def test_an_imported_run_cannot_be_resumed_but_begun_from(small_store, tmp_path, capsys):
    trained = make_run(tmp_path / "other")
    state = {"generator": trained.state()["generator"]}
    checkpoint = open_checkpoint(tmp_path / "other")
    meta = dataclasses.replace(checkpoint.meta, step=0, phase=IMPORTED)
    save_checkpoint(tmp_path / "run", state, meta, trained.hparams)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE | SHORT))
    start = ("--init-from", tmp_path / "run", "--dry-run")
    assert command.run(train.main, words_of(recipe, small_store, tmp_path / "new", *start)) == 0
    with pytest.raises(CheckpointError, match=r"--init-from .*run --run NEW"):
        require_resumable(open_checkpoint(tmp_path / "run"))
    start = ("--init-from", tmp_path / "none", "--dry-run")
    assert command.run(train.main, words_of(recipe, small_store, tmp_path / "new", *start)) == 2
    assert "no such run" in capsys.readouterr().err


def test_the_fine_tuning_recipe_is_that_of_v1_at_a_lower_rate():
    folder = Path(__file__).resolve().parent.parent / "hparams"
    first, tuned = (
        load_hparams(folder / f"hifigan_{name}.yaml").model_dump() for name in ("v1", "finetune")
    )
    assert {key for key in first if first[key] != tuned[key]} == {
        "generator_optimizer_params",
        "discriminator_optimizer_params",
        "train_max_steps",
        "save_interval_steps",
    }
    # An epoch is 809 steps; the reference's checkpoint has 2,500,000.
    rate = first["generator_optimizer_params"]["lr"] * 0.999 ** (2_500_000 / 809)
    assert tuned["generator_optimizer_params"]["lr"] == pytest.approx(rate, rel=0.11)
    assert tuned["discriminator_optimizer_params"] == tuned["generator_optimizer_params"]
