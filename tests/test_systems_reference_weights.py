"""Weights go out under a reference's names and come back equal."""

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from tiny_run import STATISTICS, make_run

from tf_gantts import command, export, import_checkpoint
from tf_gantts.systems.initialization import stored_discriminator
from tf_gantts.systems.reference_weights import WeightFiles
from tf_gantts.training.checkpoint import open_checkpoint

HIFIGAN = {
    "mel_profile": "hifigan",
    "fmin": 0,
    "fmax": 8000,
    "generator_type": "HiFiGANGenerator",
    "generator_params": {
        "channels": 16,
        "resblock_kernel_sizes": [3],
        "resblock_dilations": [[1, 3]],
    },
    "discriminator_type": "HiFiGANMultiScaleMultiPeriodDiscriminator",
    "discriminator_params": {
        "scales": 2,
        "periods": [2, 3],
        "scale_discriminator_params": {"channels": 16, "max_downsample_channels": 16},
        "period_discriminator_params": {"channels": 2, "max_downsample_channels": 4},
    },
}
VOCOS = {
    "generator_type": "VocosGenerator",
    "generator_params": {
        "dim": 8,
        "intermediate_dim": 16,
        "num_layers": 1,
        "nonlinear_activation_params": {"approximate": "tanh"},
    },
}


def call(main, *arguments):
    return command.run(main, [str(argument) for argument in arguments])


def exported(run, out, *more):
    return call(export.main, "--run", run, "--format", "safetensors", "--out", out, *more)


@pytest.mark.parametrize(
    ("source", "recipe", "statistics"),
    [
        ("parallel_wavegan_melgan", {}, STATISTICS),
        ("parallel_wavegan_melgan", {"generator_ema_decay": 0.5}, STATISTICS),
        ("hifigan", HIFIGAN, None),
        ("vocos", VOCOS | {"mel_projections": 2}, STATISTICS),
    ],
    ids=["melgan", "averaged", "hifigan", "vocos"],
)
def test_out_and_in_again_gives_equal_tensors(tmp_path, capsys, source, recipe, statistics):
    system = make_run(tmp_path / "run", statistics=statistics, **recipe)
    out = tmp_path / "weights.safetensors"
    assert exported(tmp_path / "run", out, "--licence", "CC0-1.0") == 0
    printed = capsys.readouterr().out
    files = WeightFiles.beside(out)
    assert f"{out}: " in printed and f"{source}'s names" in printed
    if source != "vocos":  # it has no weight normalisation
        assert {"weight_g", "weight_v"} <= {key.rpartition(".")[2] for key in load_file(out)}
    assert ("approximate" in printed) == (source == "vocos")
    assert ("no mel projection, here 2 follow" in printed) == (source == "vocos")
    words = ["--source", source, "--checkpoint", out, "--run", tmp_path / "back"]
    words += ["--hparams", tmp_path / "run/checkpoints/step-00000007/hparams.yaml"]
    words += ["--discriminator", files.discriminator] if files.discriminator.exists() else []
    words += ["--statistics", files.statistics] if statistics else []
    assert call(import_checkpoint.main, *words) == 0

    back = open_checkpoint(tmp_path / "back")
    assert back.meta.statistics == statistics
    average = system.average
    expected = average.averages if average else [v.value for v in system.generator.variables]
    found = back.arrays(["generator"])
    for (name, value), variable in zip(sorted(found.items()), expected, strict=True):
        np.testing.assert_array_equal(value, variable.numpy(), err_msg=name)
    if source == "vocos":
        assert "without the discriminator" in printed and not files.discriminator.exists()
    else:
        ours, theirs = system.discriminator, stored_discriminator(back)
        for a, b in zip(ours.variables, theirs.variables, strict=True):
            np.testing.assert_array_equal(a, b)
    with safe_open(out, framework="np") as file:
        assert file.metadata()["licence"] == "CC0-1.0" and file.metadata()["step"] == "7"


def test_wrong_requests_are_answered_in_one_line(tmp_path, capsys):
    make_run(tmp_path / "run")
    (tmp_path / "there.safetensors").write_text("")
    for out, more, message in (
        ("there.safetensors", (), "there.safetensors: exists already; replace it with --force"),
        ("weights.pth", (), "ends in .safetensors"),
        ("new.safetensors", ("--source", "vocos"), "the run's generator is a MelGANGenerator"),
        ("new.safetensors", ("--checkpoint", 9), "no checkpoint of step 9"),
    ):
        assert exported(tmp_path / "run", tmp_path / out, *more) == 2
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 1 and message in said[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "there.safetensors"]
    assert exported(tmp_path / "run", tmp_path / "there.safetensors", "--force") == 0
    with pytest.raises(SystemExit):
        call(export.main, "--run", tmp_path, "--out", tmp_path / "1", "--source", "vocos")
