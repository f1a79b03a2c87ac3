"""python -m tf_gantts.evaluate on acoustic runs: errors of their teacher-forced mels."""

import csv

import numpy as np
import pytest
import tensorflow as tf
from tiny_speech import make_run

from tf_gantts import command, evaluate
from tf_gantts.data.store import open_store
from tf_gantts.data.utterances import batch_of
from tf_gantts.evaluation.results import read_results

SILENT = ("--recogniser", "none", "--naturalness", "none", "--no-griffin-lim")
NAMES = ["mel_mse", "mel_mae", "mel_mse_normalized", "mel_mae_normalized"]


def call(*arguments):
    return command.run(evaluate.main, [str(argument) for argument in arguments])


@pytest.fixture
def run(tmp_path):
    # Without the prenet's noise a mel does not depend on the batch that it is made in.
    system = make_run(tmp_path / "spoken", 12000, model_params={"prenet_dropout": 0.0})
    return tmp_path / "spoken", system


def test_the_masked_errors_of_a_run(spoken_store, run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(evaluate.judges, "measure_signal", lambda table, own, jobs: None)
    folder, system = run
    words = ("--features", spoken_store, "--split", "train", "--out", tmp_path / "out")
    assert call("--run", folder, *words, "--jobs", 1, *SILENT) == 0
    results = read_results(tmp_path / "out")
    row = results.row("spoken")
    assert row.source.title == "tacotron2 (spoken), teacher-forced"
    assert [column.name for column in results.measured_columns()] == NAMES
    with open_store(spoken_store) as store:
        transcripts = system.transcripts(store, "train")
        assert row.estimates["mel_mse"].count == len(transcripts.utterances) > 1
        utterance = int(transcripts.utterances[0])
        natural = store.read(utterance, "mel")
        shape = (1, int(transcripts.symbols[0]), len(natural) + 25)  # with padding
        batch = batch_of(store, transcripts, [0], shape, system.front_end.pad_id)
        outputs, _ = system.forced({name: tf.constant(value) for name, value in batch.items()})
        error = outputs["mel"][0, : len(natural)].numpy() - natural
        scaled = error / store.statistics.scale
        clip = store.splits["train"].index(utterance)
    expected = [np.mean(e) for x in (error, scaled) for e in (x**2, np.abs(x))]
    found = [row.values[name][clip] for name in NAMES]
    assert found == pytest.approx(expected, rel=1e-3)
    mean, printed = row.estimates["mel_mse"], capsys.readouterr().out
    assert f"| Mel MSE | - | {mean.mean:.4f} [{mean.low:.4f}, {mean.high:.4f}] |" in printed
    with (tmp_path / "out" / "results.csv").open(newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["row"] == "spoken"]
    assert float(lines[clip]["mel_mae"]) == found[1]


def test_broken_forms_are_of_vocoders_only(spoken_store, run, tmp_path, capsys):
    words = ("--features", spoken_store, "--split", "train", "--out", tmp_path / "out")
    assert call("--run", run[0], *words, *SILENT, "--broken", "shuffled") == 2
    assert "a run of tacotron2; --broken is for vocoders only" in capsys.readouterr().err
