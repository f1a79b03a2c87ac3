from pathlib import Path

import pytest

from tf_gantts import cli, command, train

ROOT = Path(__file__).resolve().parent.parent
MELGAN = ROOT / "hparams" / "melgan.yaml"


def _run(*arguments) -> int:
    return command.run(train.main, [str(a) for a in arguments])


def test_dry_run_prints_the_plan_without_features(tmp_path, capsys):
    run = tmp_path / "run"
    status = _run("--hparams", MELGAN, "--features", tmp_path / "none", "--run", run, "--dry-run")
    printed = capsys.readouterr().out
    assert status == 0
    assert "MelGANGenerator: 4,260,257 parameters" in printed
    assert "MelGANMultiScaleDiscriminator: 16,913,859 parameters" in printed
    assert "generator       100,000 steps" in printed
    assert "adversarial     1,900,000 steps" in printed
    assert "missing" in printed
    assert "tools/preprocess.py" in printed
    assert not run.exists()


def test_dry_run_counts_the_steps_of_an_epoch(small_store, tmp_path, capsys):
    arguments = ("--hparams", MELGAN, "--features", small_store, "--run", tmp_path, "--dry-run")
    assert _run(*arguments, "--set", "batch_size=2", "train_max_steps=7", "--set=seed=3") == 0
    printed = capsys.readouterr().out
    assert "6 train, 1 valid, 1 test; 3 steps per epoch" in printed
    assert "generator       7 steps" in printed
    assert "ready" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "lamda_adv=1"], "did you mean 'lambda_adv'?"),
        (["--set", "hop_size=128"], "256 samples per frame come out, hop_size is 128"),
        (["--set", "num_mels=40"], "in_channels 80 must equal num_mels 40"),
        (["--set", "generator_params.chanels=3"], "did you mean 'channels'?"),
        (["--set", "stft_loss_params.fft_size=3"], "unexpected keyword argument 'fft_size'"),
    ],
)
def test_dry_run_finds_mistakes(arguments, message, tmp_path, capsys):
    assert _run("--hparams", MELGAN, "--run", tmp_path / "run", "--dry-run", *arguments) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert message in said[-1]
    assert said[-1].startswith("error: ")


def test_features_of_another_mel_definition_are_refused(small_store, tmp_path, capsys):
    arguments = ["--hparams", MELGAN, "--features", small_store, "--run", tmp_path / "run"]
    assert _run(*arguments, "--set", "fmax=8000") == 2
    assert "fmax: 8000.0 != 7600.0" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_console_script_lists_and_runs_the_verbs(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("sys.argv", ["tf-gantts"])
    assert cli.main() == 0
    listed = capsys.readouterr().out
    assert all(verb in listed for verb in ("preprocess", "train", "synthesize", "export"))
    monkeypatch.setattr("sys.argv", ["tf-gantts", "train", "--hparams", str(tmp_path / "no.yaml")])
    assert cli.main() == 2
    assert "no such hyper-parameter file" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["tf-gantts", "sing"])
    assert cli.main() == 2
