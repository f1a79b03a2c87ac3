"""Comparison of two rows: which clips and columns count, and in which direction."""

import dataclasses

import numpy as np
import pytest

from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.errors import EvaluationError
from tf_gantts.evaluation.bootstrap import bootstrap_mean
from tf_gantts.evaluation.comparison import compare, markdown_text, read_row
from tf_gantts.evaluation.metric import Column
from tf_gantts.evaluation.missing import Missing
from tf_gantts.evaluation.results import Bootstrap, Clip, Results, Row, Source, write_results

COUNT = 8
COLUMNS = (
    Column("mcd", "MCD13", "dB", "distortion", 2),
    Column("stoi", "STOI", "", "correlation", 3, True),
    Column("wer", "WER", "", "errors"),
    Column("variance_ratio", "Variance ratio", "", "liveliness", 2, ideal=1.0),
)


def make(title="Model", recogniser="ears", clips=range(COUNT), **values):
    """An evaluation of one row; clip n has n + 1 words."""
    values = {
        column.name: tuple(values.get(column.name, [0.5] * COUNT)[n] for n in clips)
        for column in COLUMNS
    }
    estimates = {name: bootstrap_mean(numbers, resamples=10) for name, numbers in values.items()}
    row = Row(Source("model", title, main=True), values, estimates)
    return Results(
        mel_spec=PROFILES["parallel_wavegan"],
        clips=tuple(Clip(f"c{n}", f"text {n}", "a", 1.0) for n in clips),
        columns=COLUMNS,
        rows=(dataclasses.replace(row, source=Source("natural", "Recording")), row),
        weights={"wer": tuple(n + 1.0 for n in clips)},
        recogniser=recogniser,
    )


def main_rows(*results):
    return [(one, one.main) for one in results]


def differences(a, b):
    found = compare(*main_rows(a, b), Bootstrap(resamples=500))
    return {one.column.name: one for one in found.differences}


def test_what_has_an_ideal_is_better_near_it():
    spread = 0.01 * np.arange(COUNT)
    for near, far in ((0.9, 1.3), (0.9, 0.7), (1.2, 0.5)):
        (a, b) = (make(variance_ratio=value + spread) for value in (near, far))
        assert differences(a, b)["variance_ratio"].better == "first"
        assert differences(b, a)["variance_ratio"].better == "second"
    far = differences(make(variance_ratio=0.8 - spread), make(variance_ratio=1.2 + spread))
    assert far["variance_ratio"].difference.mean == pytest.approx(0.0)
    assert far["variance_ratio"].first_mean < 0.8 < 1.2 < far["variance_ratio"].second_mean


def test_less_distortion_and_more_correlation_are_better():
    up = [1.0 + 0.01 * n for n in range(COUNT)]
    a, b = make(mcd=up, stoi=up), make(mcd=np.add(up, 1.0), stoi=np.add(up, 1.0))
    there, back = differences(a, b), differences(b, a)
    assert there["mcd"].difference.mean == pytest.approx(1.0)
    assert (there["mcd"].better, there["stoi"].better, there["wer"].better) == (
        "first",
        "second",
        "",
    )
    assert (back["mcd"].better, back["stoi"].better) == ("second", "first")
    assert there["mcd"].p == 2 / 2**COUNT
    assert there["mcd"].first_mean == pytest.approx(1.035)
    text = markdown_text(compare(*main_rows(a, b), Bootstrap(resamples=500)))
    assert "| 1.00 [1.00, 1.00] | 0.0078 | 8 | Model (first) |" in text


def test_error_rates_weigh_by_words():
    rates = [0.0] * COUNT
    more = [0.0] * (COUNT - 1) + [0.5]  # 4 errors more, in 36 words
    found = differences(make(wer=rates), make(wer=more))["wer"]
    assert found.difference.mean == pytest.approx(4 / 36)
    assert found.second_mean == pytest.approx(4 / 36) and found.first_mean == 0.0


def test_only_shared_clips_with_both_numbers_count():
    mcd = [1.0] * COUNT
    missing = [Missing("why"), *mcd[1:]]
    a, b = make(mcd=missing), make(mcd=np.add(mcd, 2.0), clips=range(3))
    comparison = compare(*main_rows(a, b), Bootstrap(resamples=500))
    assert comparison.clips == ("c0", "c1", "c2")
    found = {one.column.name: one for one in comparison.differences}
    assert found["mcd"].difference.count == 2 and found["mcd"].difference.mean == 2.0
    assert found["mcd"].better == ""  # two clips prove nothing
    assert "The evaluations have 8 and 3 clips." in comparison.notes


def test_different_recognisers_and_definitions_are_said():
    other = dataclasses.replace(make(recogniser="other"), mel_spec=PROFILES["hifigan"])
    comparison = compare(*main_rows(make(), other), Bootstrap(resamples=500))
    assert [one.column.name for one in comparison.differences] == ["mcd", "stoi", "variance_ratio"]
    assert "The recognisers are ears and other" in comparison.notes[0]
    assert "log-mel L1" in comparison.notes[1] and "fmin" in comparison.notes[1]


def test_other_clips_are_refused():
    renamed = dataclasses.replace(make(), clips=tuple(Clip(f"d{n}", "", "", 1.0) for n in range(8)))
    with pytest.raises(EvaluationError, match=r"no clip in common .*c0, d0"):
        differences(make(), renamed)
    other = tuple(Clip(f"c{n}", "something else", "a", 1.0) for n in range(COUNT))
    with pytest.raises(EvaluationError, match="c0 is not the same recording"):
        differences(make(), dataclasses.replace(make(), clips=other))


def test_rows_are_found_by_folder_file_and_name(tmp_path):
    folder = tmp_path / "a:b"
    file = write_results(folder, make())
    assert read_row(str(folder))[1].source.name == "model"
    assert read_row(f"{file}:natural")[1].source.name == "natural"
    with pytest.raises(EvaluationError, match="row 'x' is not"):
        read_row(f"{folder}:x")
