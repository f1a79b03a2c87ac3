import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.hparams import OptimizerParams, SchedulerParams
from tf_gantts.training.optimizers import build_optimizer, build_schedule, clip_scale

# Eight updates of torch.optim (2.13.0, float64) from linspace(-1, 1, 4) with lr 0.01, betas
# (0.9, 0.99), eps 1e-6, weight_decay 0.01 (RAdam: 0) and the gradients of `_gradients`.
TORCH = {
    "Adam": [-1.0314087, -0.2645241, 0.3534653, 0.9336456],
    "AdamW": [-1.0312143, -0.2643669, 0.3534273, 0.9331343],
    "RAdam": [-1.0318879, -0.3022197, 0.3572099, 0.9627950],
}


def _gradients() -> np.ndarray:
    return np.sin(np.arange(1, 33, dtype=float) * 1.7).reshape(8, 4).astype(np.float32)


def _optimizer(kind, variable, **params):
    fields = {"lr": 0.01, "betas": (0.9, 0.99), "eps": 1e-6} | params
    return build_optimizer(
        kind, OptimizerParams(**fields), "StepLR", SchedulerParams(), [variable], "test"
    )


@pytest.mark.parametrize("kind", list(TORCH))
def test_equals_torch(kind):
    variable = tf.Variable(np.linspace(-1, 1, 4).astype(np.float32))
    optimizer = _optimizer(kind, variable, weight_decay=0.0 if kind == "RAdam" else 0.01)
    for gradient in _gradients():
        optimizer.apply([tf.constant(gradient)], tf.constant(1.0), tf.constant(True))
    np.testing.assert_allclose(variable.numpy(), TORCH[kind], atol=3e-7)


@pytest.mark.parametrize("kind", list(TORCH))
def test_a_skipped_step_changes_nothing(kind):
    variable = tf.Variable(np.linspace(-1, 1, 4).astype(np.float32))
    optimizer = _optimizer(kind, variable, weight_decay=0.01)
    for gradient in _gradients():
        optimizer.apply([tf.constant(gradient)], tf.constant(1.0), tf.constant(True))
    before = [v.numpy() for v in [variable, *optimizer.state]]
    bad = tf.constant([np.nan, np.inf, 1.0, -np.inf], tf.float32)
    optimizer.apply([bad], tf.constant(np.nan, tf.float32), tf.constant(False))
    for old, new in zip(before, [variable, *optimizer.state], strict=True):
        np.testing.assert_array_equal(old, new.numpy())


def test_clipping_scales_to_the_norm():
    assert float(clip_scale(tf.constant(20.0), 10.0)) == pytest.approx(0.5, rel=1e-6)
    assert float(clip_scale(tf.constant(5.0), 10.0)) == 1.0
    assert float(clip_scale(tf.constant(5e9), 0.0)) == 1.0


@pytest.mark.parametrize(
    ("kind", "params", "expected"),
    [
        ("StepLR", {"step_size": 10, "gamma": 0.5}, {0: 1, 9: 1, 10: 0.5, 25: 0.25}),
        ("MultiStepLR", {"milestones": [5, 8], "gamma": 0.1}, {4: 1, 5: 0.1, 8: 0.01}),
        ("ExponentialLR", {"decay_steps": 10, "gamma": 0.9}, {0: 1, 10: 0.9, 5: 0.9**0.5}),
        (
            "ExponentialLR",
            {"decay_start_steps": 20, "decay_steps": 10, "gamma": 0.1, "final_ratio": 0.05},
            {0: 1, 20: 1, 25: 0.1**0.5, 30: 0.1, 33: 0.1**1.3, 34: 0.05, 99: 0.05},
        ),
        ("CosineLR", {"decay_steps": 10, "final_ratio": 0.1}, {0: 1, 5: 0.55, 10: 0.1, 20: 0.1}),
        ("StepLR", {"warmup_steps": 4}, {0: 0.25, 3: 1, 4: 1}),
    ],
)
def test_schedules(kind, params, expected):
    schedule = build_schedule(kind, 1.0, SchedulerParams(**params))
    for step, rate in expected.items():
        assert float(schedule(tf.constant(step, tf.int64))) == pytest.approx(rate)
