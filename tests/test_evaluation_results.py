"""The results of an evaluation: from memory to a file and back."""

import dataclasses
import json
import math

import pytest
from tiny_results import make_results

from tf_gantts.errors import EvaluationError
from tf_gantts.evaluation.bootstrap import Estimate
from tf_gantts.evaluation.results import Timing, read_results, write_results


@pytest.fixture
def results():
    return make_results()


def test_results_come_back_exactly(results, tmp_path):
    path = write_results(tmp_path / "out", results)
    assert path == tmp_path / "out" / "results.json"
    for given in (path, path.parent):
        back = read_results(given)
        # A NaN differs from itself, so what is shown is compared; it holds all digits and reasons.
        assert repr(back) == repr(results)
    assert json.loads(path.read_text())["rows"][1]["values"]["mcd"] == [
        0.1 + 0.2,
        {"missing": "cut short"},
    ]


def test_a_number_and_its_reason_are_found_by_name(results):
    assert results.natural is results.rows[0]
    assert results.main.source.title == "Modèle"
    assert results.column("wer").title == "WER"
    assert results.missing("model", "mcd") == {"cut short": ["b"]}
    assert results.missing("natural", "mcd") == {}
    assert str(results.failures[0]) == "model, b: cut short"
    with pytest.raises(EvaluationError, match=r"row 'x' is not .* natural, model"):
        results.row("x")
    with pytest.raises(EvaluationError, match=r"column 'x' is not .* mcd, wer, utmos"):
        results.column("x")


def test_only_columns_with_a_number_are_measured(results):
    row = results.natural
    nothing = dict(row.estimates) | {"mcd": Estimate(math.nan, math.nan, math.nan, 0)}
    without = dataclasses.replace(results, rows=(dataclasses.replace(row, estimates=nothing),))
    assert [column.name for column in without.measured_columns()] == ["wer", "utmos"]


def test_waveforms_lie_beside_the_results(results, tmp_path):
    assert results.audio_file(tmp_path, "model", 0) == tmp_path / "audio" / "model" / "a" / "1.wav"


def test_the_cost_is_per_hour_of_audio(results):
    (timing,) = results.timings
    assert (timing.wall_per_hour, timing.cpu_per_hour) == (7200.0, 14400.0)
    assert math.isnan(dataclasses.replace(timing, audio_seconds=0.0).cpu_per_hour)
    more = dataclasses.replace(results, timings=(timing, timing))
    assert more.total == Timing("everything", 2 * (1.5 + 0.75), 18.0, 36.0)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "other", "version": 1}', "5"])
def test_another_file_is_refused(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(EvaluationError, match=r"results.json: not the results of an evaluation"):
        read_results(tmp_path)


def test_an_absent_file_says_how_it_is_made(tmp_path):
    with pytest.raises(EvaluationError, match=r"no such file; `python -m tf_gantts.evaluate"):
        read_results(tmp_path)
