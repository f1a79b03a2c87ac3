"""tools/quality_curve.py on a few recordings and a generator that knows nothing."""

import csv
import re

import numpy as np
from tiny_run import RECIPE, make_run
from tiny_speech import make_run as make_acoustic

from tf_gantts import command, quality_curve
from tf_gantts.audio.files import from_int16, to_int16
from tf_gantts.audio.griffin_lim import griffin_lim
from tf_gantts.data.store import open_store
from tf_gantts.evaluation import pesq
from tf_gantts.hparams import parse_hparams
from tf_gantts.serving.synthesis import VocoderSynthesis
from tf_gantts.systems import load_vocoder


def call(*arguments):
    return command.run(quality_curve.main, [str(argument) for argument in arguments])


def make_logged_run(run, lines, **values):
    make_run(run, steps=(5, 20), **values)
    (run / "scalars.csv").write_text("step,name,value\n" + "\n".join(lines) + "\n")
    return run


def cost_lines(**seconds):
    return [f"{step[1:]},train/cpu_seconds_per_step,{value}" for step, value in seconds.items()]


def test_every_checkpoint_is_scored_against_its_cost(small_store, tmp_path, capsys):
    first = make_logged_run(tmp_path / "a" / "run", cost_lines(_10=2.0, _20=0.5))
    second = make_logged_run(tmp_path / "b" / "run", cost_lines(_20=1.0))
    out = tmp_path / "out"
    words = ("--features", small_store, "--split", "train", "--clips", 2, "--jobs", 1)
    assert call("--run", first, second, *words, "--out", out) == 0
    rows = list(csv.DictReader((out / "quality_curve.csv").open()))
    found = [(row["run"], int(row["step"]), float(row["cpu_seconds"])) for row in rows]
    assert found == [
        ("griffin_lim", 0, 0.0),
        (str(first), 5, 10.0),
        (str(first), 20, 25.0),
        (str(second), 5, 5.0),
        (str(second), 20, 20.0),
    ]
    scores = [[], [], []]
    with open_store(small_store) as store:
        networks = [VocoderSynthesis(load_vocoder(first, step)[0]) for step in (5, 20)]
        for index in store.splits["train"][:2]:
            natural, mel = from_int16(store.read(index, "audio")), store.read(index, "mel")
            made = [griffin_lim(mel, store.spec), *(one([mel])[0][0] for one in networks)]
            for row, audio in zip(scores, made, strict=True):
                heard = from_int16(to_int16(np.clip(audio, -1, 1)))
                row.append(pesq.score(natural, heard, store.spec)["pesq_wb"])
    expected = np.mean(scores, axis=1)
    np.testing.assert_allclose([float(row["mean"]) for row in rows[:3]], expected, atol=1e-6)
    assert expected[0] > 2.0 > expected[1] > 1.0 and abs(expected[1] - expected[2]) > 1e-4
    assert {row["count"] for row in rows} == {"2"}
    assert (out / "quality_curve.md").read_text() == capsys.readouterr().out
    assert (out / "quality_curve.png").read_bytes().startswith(b"\x89PNG")


def test_what_has_no_curve_is_told(small_store, tmp_path, capsys):
    words = ("--features", small_store, "--split", "train", "--out", tmp_path / "out")
    unlogged = make_logged_run(tmp_path / "unlogged", ["20,train/mel_loss,0.5"])
    assert call("--run", unlogged, *words) == command.EXIT_BAD_INPUT
    assert "holds no train/cpu_seconds_per_step" in capsys.readouterr().err
    make_acoustic(tmp_path / "acoustic")
    (tmp_path / "acoustic" / "scalars.csv").write_text("\n".join(cost_lines(_9=1.0)) + "\n")
    assert call("--run", tmp_path / "acoustic", *words) == command.EXIT_BAD_INPUT
    assert "a tacotron2, not a vocoder" in capsys.readouterr().err
    other = make_logged_run(tmp_path / "other", cost_lines(_20=1.0), fmax=8000)
    assert call("--run", other, *words) == command.EXIT_BAD_INPUT
    assert "fmax" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_help_names_the_hyper_parameter_that_keeps_checkpoints():
    (name,) = re.findall(r"(\w+)=N", quality_curve.parser().description)
    assert (
        name.startswith("keep_") and getattr(parse_hparams(RECIPE | {name: 5}, "test"), name) == 5
    )
