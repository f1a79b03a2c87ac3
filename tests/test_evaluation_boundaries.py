"""Boundary errors of an alignment."""

import numpy as np
import pytest

from tf_gantts.errors import EvaluationError
from tf_gantts.evaluation.boundaries import score_boundaries


def test_errors_are_between_inner_boundaries():
    durations = [np.array([10, 5, 5]), np.zeros(0, int), np.array([1, 9])]
    ends = [np.array([0.1, 0.18, 0.9]), np.array([1.0, 2.0]), np.array([0.06, 0.1])]
    score = score_boundaries(durations, ends, 0.01)  # errors 0, -0.03 and -0.05
    assert score.boundaries == 3
    assert score.mean == pytest.approx(0.08 / 3)
    assert score.median == pytest.approx(0.03)
    assert score.bias == pytest.approx(-0.03)
    assert (score.within_20_ms, score.within_40_ms) == pytest.approx((1 / 3, 2 / 3))


def test_what_does_not_fit_is_named():
    with pytest.raises(EvaluationError, match="utterance 0: durations of 2 symbols, but 3"):
        score_boundaries([np.array([1, 2])], [np.array([0.1, 0.2, 0.3])], 0.01)
    with pytest.raises(EvaluationError, match="no boundaries"):
        score_boundaries([np.array([3])], [np.array([0.1])], 0.01)
