"""Confidence intervals over clips."""

import numpy as np
import pytest

from tf_gantts.evaluation import bootstrap
from tf_gantts.evaluation.bootstrap import bootstrap_difference, bootstrap_mean


def test_the_interval_is_the_textbook_one():
    values = np.random.default_rng(3).normal(5.0, 2.0, 400)
    estimate = bootstrap_mean(values)
    half = 1.96 * values.std() / 20
    assert estimate.mean == pytest.approx(values.mean())
    assert estimate.low == pytest.approx(values.mean() - half, abs=0.05 * half)
    assert estimate.high == pytest.approx(values.mean() + half, abs=0.05 * half)
    assert estimate.count == 400


def test_it_covers_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(300):
        estimate = bootstrap_mean(rng.normal(0.0, 1.0, 40), confidence=0.8, resamples=400)
        hits += estimate.low <= 0.0 <= estimate.high
    assert 0.73 <= hits / 300 <= 0.86


def test_equal_values_have_an_interval_of_width_zero():
    estimate = bootstrap_mean([2.0, 2.0, 2.0])
    assert (estimate.mean, estimate.low, estimate.high) == (2.0, 2.0, 2.0)


def test_the_same_values_give_the_same_interval():
    values = [1.0, 4.0, 2.0, 8.0]
    assert bootstrap_mean(values) == bootstrap_mean(values)
    many = [float(value**0.5) for value in range(30)]
    assert bootstrap_mean(many, seed=1) != bootstrap_mean(many)


def test_values_that_are_not_finite_are_left_out():
    estimate = bootstrap_mean([1.0, np.nan, 3.0])
    assert (estimate.mean, estimate.count) == (2.0, 2)


def test_one_clip_has_no_interval_and_none_has_no_mean():
    one, none = bootstrap_mean([3.0]), bootstrap_mean([])
    assert (one.mean, one.count) == (3.0, 1)
    assert np.isnan([one.low, one.high, none.mean]).all()
    assert none.count == 0


def test_a_difference_is_paired():
    rng = np.random.default_rng(2)
    first = rng.normal(5.0, 10.0, 50)  # what makes clips hard is common to both
    second = first - 0.5 + rng.normal(0.0, 0.1, 50)
    estimate, p = bootstrap_difference(first, second)
    assert estimate.mean == pytest.approx(np.mean(second - first))
    assert -0.55 < estimate.low < estimate.mean < estimate.high < -0.45
    assert estimate.count == 50 and p < 0.001
    opposite, same_p = bootstrap_difference(second, first)
    assert (opposite.mean, opposite.low) == pytest.approx((-estimate.mean, -estimate.high))
    assert same_p == p


def test_no_difference_is_zero_with_certainty():
    values = [3.0, 1.0, 2.0]
    estimate, p = bootstrap_difference(values, values)
    assert (estimate.mean, estimate.low, estimate.high, estimate.count) == (0.0, 0.0, 0.0, 3)
    assert p == 1.0


def test_few_clips_are_little_evidence():
    _, p = bootstrap_difference([0.0, 0.0, 0.0], [1.0, 1.1, 1.2])
    assert p == 0.25  # two of the eight sign assignments
    _, p = bootstrap_difference([0.0] * 4, [1.0, 2.0, 3.0, -4.0])
    # |sum| >= 2 of +-1+-2+-3+-4: all but the sum 0 of 1 + 4 - 2 - 3 and its opposite
    assert p == 14 / 16


def test_it_finds_nothing_in_nothing_as_often_as_it_says():
    rng = np.random.default_rng(5)
    found = [
        bootstrap_difference(np.zeros(20), rng.normal(0.0, 1.0, 20), resamples=400)[1] <= 0.1
        for _ in range(300)
    ]
    assert 0.06 <= np.mean(found) <= 0.14


def test_weights_make_a_difference_of_rates():
    # 1 of 10 words wrong and 0 of 2; then 2 of 10 and 1 of 2: 1/12 and 3/12
    estimate, _ = bootstrap_difference([0.1, 0.0, 7.0], [0.2, 0.5, 9.0], weights=[10, 2, 0])
    assert estimate.mean == pytest.approx(2 / 12)
    assert (estimate.low, estimate.high) == pytest.approx((0.1, 0.5))
    assert estimate.count == 2


def test_clips_without_both_numbers_are_left_out():
    nan = float("nan")
    estimate, p = bootstrap_difference([1.0, nan, 3.0], [2.0, 5.0, nan])
    assert (estimate.mean, estimate.count) == (1.0, 1)
    assert np.isnan(estimate.low) and np.isnan(p)
    estimate, p = bootstrap_difference([nan], [1.0])
    assert estimate.count == 0 and np.isnan(estimate.mean) and np.isnan(p)


def test_a_large_corpus_is_resampled_piece_by_piece(monkeypatch):
    first, second = np.random.default_rng(5).normal(3.0, 1.0, (2, 70))
    whole = bootstrap_mean(first), bootstrap_difference(first, second)
    monkeypatch.setattr(bootstrap, "_MOST_DRAWS", 1000)
    pieces = bootstrap_mean(first), bootstrap_difference(first, second)
    assert pieces == whole
    draws = np.random.default_rng(0).integers(70, size=(10_000, 70))
    assert whole[0].low == pytest.approx(np.quantile(first[draws].mean(axis=1), 0.025))
