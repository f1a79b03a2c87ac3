"""Training as a user runs it: in processes of its own, on recordings, interrupted in every way."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from tf_gantts.data.lock import locked
from tf_gantts.errors import CheckpointError
from tf_gantts.evaluation.curves import read_scalars
from tf_gantts.training.checkpoint import checkpoint_steps, open_checkpoint

ROOT = Path(__file__).resolve().parent.parent
RECIPE = {
    "generator_params": {"channels": 16, "stacks": 1},
    "discriminator_params": {
        "channels": 4,
        "max_downsample_channels": 16,
        "downsample_scales": [4, 4],
        "scales": 2,
    },
    "stft_loss_params": {"fft_sizes": [512], "hop_sizes": [128], "win_lengths": [512]},
    "generator_optimizer_params": {"lr": 1e-4, "eps": 1e-6},
    "discriminator_optimizer_params": {"lr": 1e-4, "eps": 1e-6},
    "generator_ema_decay": 0.99,
    "use_feat_match_loss": True,
    "lambda_feat_match": 25.0,
    "lambda_adv": 4.0,
    "generator_grad_norm": 10.0,
    "batch_size": 4,
    "batch_max_steps": 4096,
    "discriminator_train_start_steps": 4,
    "train_max_steps": 12,
    "save_interval_steps": 4,
    "log_interval_steps": 2,
    "eval_interval_steps": 6,
    "eval_max_frames": 64,
    "num_save_intermediate_results": 1,
    "eval_metrics": ["stoi"],
}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    return path


def _command(recipe, features, run, *extra):
    return [
        sys.executable,
        "-m",
        "tf_gantts.train",
        f"--hparams={recipe}",
        f"--features={features}",
        f"--run={run}",
        *extra,
    ]


def _run(*arguments):
    return subprocess.run(
        _command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


def _train(*arguments) -> str:
    result = _run(*arguments)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stderr


def _arrays(run, step):
    return open_checkpoint(run, step).arrays()


def _assert_equal(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.fixture(scope="module")
def unbroken(recipe, small_store, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "unbroken"
    _train(recipe, small_store, run)
    return run


def test_a_run_leaves_what_it_promises(unbroken):
    assert checkpoint_steps(unbroken)[-1] == 12
    checkpoint = open_checkpoint(unbroken)
    assert checkpoint.meta.phase == "adversarial"
    groups = {name.split("/")[0] for name in checkpoint.arrays()}
    assert groups == {
        "generator",
        "discriminator",
        "generator_optimizer",
        "discriminator_optimizer",
        "generator_average",
        "skipped_steps",
    }
    scalars = read_scalars(unbroken / "scalars.csv")
    names = {name for _, name, _ in scalars}
    expected = {"train/discriminator_loss", "train/input_wait_share", "train/cpu_seconds_per_step"}
    assert expected | {"eval/mel_loss", "eval/stoi"} <= names
    phases = [value for _, name, value in scalars if name == "train/phase"]
    assert phases == [0, 0, 1, 1, 1, 1]
    assert list((unbroken / "tensorboard").glob("events.*"))
    samples = sorted((unbroken / "samples" / "step-00000012").iterdir())
    assert [path.suffix for path in samples] == [".png", ".wav"]


def test_sigkill_and_resume_equal_an_unbroken_run(recipe, small_store, unbroken, tmp_path):
    run = tmp_path / "killed"
    with subprocess.Popen(
        _command(recipe, small_store, run), cwd=ROOT, stderr=subprocess.DEVNULL
    ) as process:
        while not (run / "checkpoints" / "step-00000008").exists():
            assert process.poll() is None, "finished before it could be killed"
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert checkpoint_steps(run)[-1] == 8
    _train(recipe, small_store, run, "--resume")
    _assert_equal(_arrays(run, 12), _arrays(unbroken, 12))
    assert read_scalars(run / "scalars.csv")[-1][0] == 12


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(recipe, small_store, unbroken, tmp_path, number):
    run = tmp_path / "stopped"
    with subprocess.Popen(
        _command(recipe, small_store, run), cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        while not (run / "checkpoints").exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.002)
        process.send_signal(number)
        output = process.stderr.read()
    assert process.returncode == 0
    stopped_at = checkpoint_steps(run)[-1]
    assert 4 <= stopped_at < 12
    assert f"stopped by {number.name} after step {stopped_at}" in output
    assert "--resume" in output
    _train(recipe, small_store, run, "--resume")
    _assert_equal(_arrays(run, 12), _arrays(unbroken, 12))


def test_two_replicas_equal_one(recipe, small_store, unbroken, tmp_path):
    run = tmp_path / "mirrored"
    _train(recipe, small_store, run, "--strategy=mirrored", "--replicas=2")
    one, two = _arrays(unbroken, 12), _arrays(run, 12)
    assert one.keys() == two.keys()
    for name in one:
        if "_optimizer/" not in name:
            np.testing.assert_allclose(one[name], two[name], atol=1e-5, rtol=0, err_msg=name)
    a, b = ({(s, n): v for s, n, v in read_scalars(r / "scalars.csv")} for r in (unbroken, run))
    for key, value in a.items():
        if key[1].endswith("_loss"):
            assert b[key] == pytest.approx(value, rel=1e-4, abs=1e-5), key


def test_a_run_is_not_overwritten(recipe, small_store, unbroken):
    before = _arrays(unbroken, 12)
    result = _run(recipe, small_store, unbroken)
    assert result.returncode == 2
    assert result.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "--resume" in result.stderr
    _assert_equal(before, _arrays(unbroken, 12))


def test_only_one_process_trains_in_a_run(recipe, small_store, unbroken):
    with locked(unbroken, "training", CheckpointError):
        result = _run(recipe, small_store, unbroken, "--resume")
    assert result.returncode == 2
    assert "another training is at work here" in result.stderr.strip().splitlines()[-1]
    assert checkpoint_steps(unbroken)[-1] == 12


def test_a_recipe_that_does_not_fit_changes_nothing(recipe, small_store, unbroken):
    before = (unbroken / "hparams.yaml").read_bytes()
    wider = "--set=generator_params.channels=32"
    result = _run(recipe, small_store, unbroken, "--resume", wider)
    assert result.returncode == 2
    assert "error: " in result.stderr.strip().splitlines()[-1]
    assert (unbroken / "hparams.yaml").read_bytes() == before


def test_wandb_offline(recipe, small_store, tmp_path):
    pytest.importorskip("wandb", reason='wandb is not installed (pip install "tf_gantts[wandb]")')
    run = tmp_path / "wandb"
    environment = os.environ | {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    subprocess.run(
        _command(recipe, small_store, run, "--set=logger=[wandb]", "--set=train_max_steps=6"),
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=300,
        check=True,
    )
    stored = list((run / "wandb").glob("offline-run-*/*.wandb"))
    assert len(stored) == 1
    assert b"generator_loss" in stored[0].read_bytes()
    assert not (run / "tensorboard").exists()
