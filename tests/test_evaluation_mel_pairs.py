"""Masked errors of mel-spectrograms, worked out by hand; missing values."""

import pickle

import numpy as np
import pytest

from tf_gantts.audio.statistics import Statistics
from tf_gantts.errors import AudioError
from tf_gantts.evaluation.bootstrap import bootstrap_mean
from tf_gantts.evaluation.mel_pairs import (
    COLUMNS,
    NORMALIZED_COLUMNS,
    score_mels,
    score_normalized,
)
from tf_gantts.evaluation.missing import Missing


def test_errors_worked_out_by_hand():
    natural = np.zeros((2, 3, 2), np.float32)
    generated = natural.copy()
    generated[0, 0] = [1.0, -3.0]
    generated[1, 2] = 100.0
    mask = np.array([[1, 1, 1], [1, 0, 0]])
    # Four frames of two bands count: squares 1 + 9, absolutes 1 + 3.
    assert score_mels(natural, generated, mask) == {"mel_mse": 10 / 8, "mel_mae": 4 / 8}
    assert list(score_mels(natural, natural)) == [column.name for column in COLUMNS]
    assert score_mels(natural, natural) == {"mel_mse": 0.0, "mel_mae": 0.0}


def test_what_the_padding_holds_does_not_matter():
    rng = np.random.default_rng(0)
    natural, generated = rng.normal(size=(2, 5, 4)), rng.normal(size=(2, 5, 4))
    mask = np.arange(5) < np.array([[5], [2]])
    expected = score_mels(natural, generated, mask)
    generated[1, 2:] = np.nan
    assert score_mels(natural, generated, mask) == expected
    alone = np.concatenate([generated[0], generated[1, :2]])
    assert score_mels(np.concatenate([natural[0], natural[1, :2]]), alone) == expected
    with pytest.raises(AudioError, match="12 of 40 mel values are not finite"):
        score_mels(natural, generated)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(AudioError, match=r"\(5, 4\) and \(6, 4\)"):
        score_mels(np.zeros((5, 4)), np.zeros((6, 4)))
    with pytest.raises(AudioError, match="mask of shape"):
        score_mels(np.zeros((5, 4)), np.zeros((5, 4)), np.ones(4))


def test_a_missing_value_keeps_its_reason_and_stays_out_of_means():
    missing = score_mels(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros(2))["mel_mse"]
    assert isinstance(missing, Missing) and np.isnan(missing)
    assert pickle.loads(pickle.dumps(missing)).reason == missing.reason
    assert "mask" in repr(missing)
    assert bootstrap_mean([1.0, missing, 3.0]).count == 2


def test_normalised_errors_are_in_units_of_each_band_s_spread():
    statistics = Statistics(np.array([5.0, -5.0]), np.array([2.0, 0.5]))
    natural = np.zeros((3, 2), np.float32)
    numbers = score_normalized(natural, natural + np.float32(1.0), statistics)
    assert list(numbers) == [column.name for column in NORMALIZED_COLUMNS]
    # A difference of 1 is half a scale in one band and two in the other.
    assert list(numbers.values()) == [(0.25 + 4.0) / 2, (0.5 + 2.0) / 2]
