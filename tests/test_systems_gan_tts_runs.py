"""GAN-TTS as a system: compiled steps, exact resume, replicas, half precision."""

import numpy as np
import pytest
import tensorflow as tf
from child_process import train_in_child, training_words
from tiny_gan_tts import assert_same, build_training, make_batch, make_store, recipe, state_of

from tf_gantts.evaluation.curves import read_curves
from tf_gantts.systems.gan_tts import ADVERSARIAL, RECONSTRUCTION, WARM_UP
from tf_gantts.training.checkpoint import open_checkpoint

# Starts of windows and noise are drawn otherwise under XLA: here there is one place and no noise.
STILL = {
    "generator_params": {"noise_dim": 0},
    "realism_discriminator_params": {"window_sizes": [48]},
}


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("gan_tts") / "features")


@pytest.fixture(scope="module")
def batch(features):
    return make_batch(features)


@pytest.mark.parametrize("phase", [RECONSTRUCTION, WARM_UP, ADVERSARIAL])
def test_compiled_steps_are_the_plain_ones(batch, phase):
    plain, compiled = (build_training(use_adaptive_weight=True, **STILL) for _ in range(2))
    expected = plain.train_step(batch, phase)
    step = tf.function(compiled.train_step, autograph=False, jit_compile=True)
    scalars = step(batch, phase)
    assert scalars.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(scalars[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
    assert_same(state_of(compiled), state_of(plain), atol=1e-5)


@pytest.fixture(scope="module")
def runs(features, tmp_path_factory):
    """`whole` and, by two replicas, `two`: four steps of three phases; `half` stops after two."""
    folder = tmp_path_factory.mktemp("runs")
    values = recipe(
        discriminator_train_start_steps=1,
        adversarial_start_steps=2,
        use_adaptive_weight=True,
        generator_ema_decay=0.9,
        train_max_steps=4,
        log_interval_steps=1,
        save_interval_steps=2,
        eval_interval_steps=4,
    )
    commands = [
        training_words(folder, features, "two", values, "--strategy=mirrored", "--replicas=2"),
        training_words(folder, features, "whole", values, "--strategy=cpu"),
        training_words(folder, features, "half", values, "--set=train_max_steps=2"),
        training_words(folder, features, "half", values, "--resume"),
    ]
    train_in_child(*commands)
    return folder


def test_a_resumed_run_is_the_unbroken_one_bit_for_bit(runs):
    """Over the phases, with noise and averages."""
    whole, half = (open_checkpoint(runs / name, 4).arrays() for name in ("whole", "half"))
    groups = {name.split("/")[0] for name in whole}
    assert groups >= {"generator", "critics", "generator_optimizer", "discriminator_optimizer"}
    assert groups >= {"generator_average", "speaking", "skipped_steps"}
    assert whole.keys() == half.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(value, half[name], err_msg=name)


def test_two_replicas_train_as_one(runs):
    """Also noise, windows, counts of what is not padding, durations, and the adaptive weight."""
    one, two = (open_checkpoint(runs / name).arrays() for name in ("whole", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        if "_optimizer/" not in name:
            np.testing.assert_allclose(two[name], value, rtol=0, atol=1e-5, err_msg=name)
    one, two = (read_curves(runs / name / "scalars.csv") for name in ("whole", "two"))
    assert {"train/adversarial_weight", "train/utterance_loss", "eval/mel_loss"} <= one.keys()
    for name in one:
        if name.endswith(("_loss", "grad_norm", "_weight")):
            np.testing.assert_allclose(two[name].values, one[name].values, rtol=1e-4, err_msg=name)


def test_bfloat16_stays_close_to_float32(batch):
    full, mixed = build_training(), build_training(mixed_precision="bfloat16")
    a, b = (system.train_step(batch, ADVERSARIAL) for system in (full, mixed))
    for name in ("mel_loss", "duration_loss", "discriminator_loss", "feature_matching_loss"):
        assert float(b[name]) == pytest.approx(float(a[name]), rel=0.05), name
    assert {v.dtype for v in mixed.generator.trainable_variables} == {"float32"}
    assert int(mixed.skipped_steps) == 0
