import json

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts import porting
from tf_gantts.hparams import parse_hparams
from tf_gantts.systems import build_system
from tf_gantts.systems.vocoder_gan import ADVERSARIAL, GENERATOR, REVERSED

RECIPE = {
    "generator_params": {"in_channels": 80, "channels": 32, "upsample_scales": [8, 8, 2, 2]},
    "discriminator_params": {
        "channels": 4,
        "max_downsample_channels": 16,
        "downsample_scales": [4, 4],
    },
    "generator_optimizer_type": "Adam",
    "generator_optimizer_params": {"lr": 1e-3},
    "discriminator_optimizer_type": "Adam",
    "discriminator_optimizer_params": {"lr": 1e-3},
    "use_feat_match_loss": True,
    "lambda_feat_match": 25.0,
    "lambda_adv": 4.0,
    "generator_grad_norm": 10.0,
    "discriminator_grad_norm": 1.0,
    "batch_size": 2,
    "batch_max_steps": 4096,
}


def _system(**values):
    hparams = parse_hparams(RECIPE | values, "test")
    system = build_system(hparams, hparams.mel_spec, None)
    system.prepare_training()
    return system


def _batch(rows=2):
    rng = np.random.default_rng(0)
    mel = rng.normal(size=(rows, 16, 80)).astype(np.float32)
    audio = (0.3 * rng.normal(size=(rows, 4096, 1))).astype(np.float32)
    return {"mel": tf.constant(mel), "audio": tf.constant(audio)}


def _state(system):
    return {name: [v.numpy() for v in group] for name, group in system.state().items()}


def test_one_adversarial_step_equals_parallel_wavegan(shared):
    fixture = np.load(shared / "reference" / "pwg_losses.npz")
    config = json.loads(str(fixture["config_json"]))["step"]
    params = {k: config[k]["params"] for k in "GD"}
    adam = config["adam"]
    system = _system(
        num_mels=params["G"]["in_channels"],
        hop_size=int(np.prod(params["G"]["upsample_scales"])),
        generator_params=params["G"],
        discriminator_params=params["D"],
        generator_optimizer_params={"lr": adam["lrG"], "eps": adam["eps"]},
        discriminator_optimizer_params={"lr": adam["lrD"], "eps": adam["eps"]},
    )
    sources = {
        "G": (system.generator, "parallel_wavegan_melgan"),
        "D": (system.discriminator, "parallel_wavegan_melgan_discriminator"),
    }
    for letter, (network, source) in sources.items():
        prefix = f"step/sd{letter}/"
        prefix = f"step/{letter}/sd/"
        weights = {k.removeprefix(prefix): fixture[k] for k in fixture if k.startswith(prefix)}
        porting.load_state_dict(network, weights, source)
    batch = {
        "mel": tf.constant(fixture["step/in/mel"].transpose(0, 2, 1)),
        "audio": tf.constant(fixture["step/in/wav"].transpose(0, 2, 1)),
    }
    scalars = tf.function(system.train_step, autograph=False)(batch, ADVERSARIAL)
    names = {
        "spectral_convergence_loss": "sc",
        "log_stft_magnitude_loss": "mag",
        "adversarial_loss": "adv",
        "feature_matching_loss": "fm",
        "generator_loss": "gen_loss",
        "generator_grad_norm": "gnorm",
        "discriminator_loss": "dis_loss",
        "discriminator_grad_norm": "dnorm",
    }
    for ours, theirs in names.items():
        expected = float(fixture[f"step/out/{theirs}"])
        assert float(scalars[ours]) == pytest.approx(expected, rel=2e-5), ours
    for letter, (network, source) in sources.items():
        weights = porting.to_state_dict(network, source)
        prefix = f"step/out/new{letter}/"
        expected = {k.removeprefix(prefix): fixture[k] for k in fixture if k.startswith(prefix)}
        assert set(weights) == set(expected)
        errors = np.concatenate([np.abs(weights[k] - expected[k]).ravel() for k in expected])
        # The rest are elements whose gradient is near Adam's epsilon. With the STFT loss in float64
        # 0.9983 of the generator's elements agree: the fixture's own float32 noise.
        assert np.mean(errors <= 2e-6) >= (0.998 if letter == "G" else 0.999)
        assert errors.max() <= 2.1 * adam[f"lr{letter}"]  # a first Adam step moves by lr


def test_generator_phase_leaves_the_discriminator_alone():
    system = _system()
    before = _state(system)
    scalars = system.train_step(_batch(), GENERATOR)
    after = _state(system)
    assert "discriminator_loss" not in scalars
    for group in ("discriminator", "discriminator_optimizer"):
        for old, new in zip(before[group], after[group], strict=True):
            np.testing.assert_array_equal(old, new)
    assert any(np.any(o != n) for o, n in zip(before["generator"], after["generator"], strict=True))


@pytest.mark.parametrize("which", ["D", "D+G"])
def test_class_reversal_exchanges_the_labels(which):
    batch = _batch()
    normal, reversed_ = (
        _system(class_reversal={"enabled": True, "which": which}) for _ in range(2)
    )
    a = normal.train_step(batch, ADVERSARIAL)
    b = reversed_.train_step(batch, REVERSED)
    same_target = np.isclose(float(a["adversarial_loss"]), float(b["adversarial_loss"]))
    assert same_target == (which == "D")
    assert float(a["feature_matching_loss"]) == pytest.approx(
        float(b["feature_matching_loss"]), rel=1e-6
    )
    # The discriminator's own loss after its labels are exchanged, from the very same scores.
    real = reversed_.discriminator(batch["audio"])
    fake = reversed_.discriminator(reversed_.generator(batch["mel"]))
    swapped = reversed_._criteria.discriminator(real, fake, True)
    assert float(swapped) == pytest.approx(
        float(reversed_._criteria.discriminator(fake, real, False)), rel=1e-6
    )


def test_phases_follow_the_recipe():
    system = _system(
        discriminator_train_start_steps=10,
        class_reversal={"enabled": True, "period_epochs": 3, "duration_epochs": 1},
    )
    steps_per_epoch = 5
    names = [system.phase(step, steps_per_epoch) for step in range(60)]
    assert names[:10] == [GENERATOR] * 10
    assert names[10:25] == [ADVERSARIAL] * 15
    assert names[25:30] == [REVERSED] * 5
    assert names[30:45] == [ADVERSARIAL] * 15
    for first, last in ((0, 60), (7, 28), (26, 27), (12, 12)):
        counted = system.phase_steps(first, last, steps_per_epoch)
        for phase in system.PHASES:
            assert counted[phase] == names[first:last].count(phase)


def test_a_step_that_is_not_finite_is_skipped_and_counted():
    system = _system(generator_ema_decay=0.9)
    system.train_step(_batch(), ADVERSARIAL)
    before = _state(system)
    batch = _batch()
    batch["audio"] = tf.where(tf.range(4096)[None, :, None] == 7, np.nan, batch["audio"])
    system.train_step(batch, ADVERSARIAL)
    after = _state(system)
    assert after.pop("skipped_steps")[0] == before.pop("skipped_steps")[0] + 1 == 1
    for group, values in before.items():
        for old, new in zip(values, after[group], strict=True):
            np.testing.assert_array_equal(old, new, err_msg=group)


def test_averaged_weights_are_used_for_synthesis_and_given_back():
    system = _system(generator_ema_decay=0.5)
    for _ in range(3):
        system.train_step(_batch(), GENERATOR)
    trained = [v.numpy() for v in system.generator.trainable_variables]
    with system.synthesis_weights():
        inside = [v.numpy() for v in system.generator.trainable_variables]
    averages = [v.numpy() for v in system.average.averages]
    for value, average in zip(inside, averages, strict=True):
        np.testing.assert_array_equal(value, average)
    assert any(np.any(a != b) for a, b in zip(trained, inside, strict=True))
    for old, variable in zip(trained, system.generator.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, variable.numpy())


def test_bfloat16_stays_close_to_float32():
    reference, mixed = _system(), _system(mixed_precision="bfloat16")
    a = reference.train_step(_batch(), ADVERSARIAL)
    b = mixed.train_step(_batch(), ADVERSARIAL)
    # Not the log-magnitude loss: before training its bins are emptier than bfloat16's rounding.
    for name in ("spectral_convergence_loss", "feature_matching_loss", "discriminator_loss"):
        assert float(b[name]) == pytest.approx(float(a[name]), rel=0.03), name
    assert all(v.dtype == "float32" for v in mixed.generator.trainable_variables)
    assert int(mixed.skipped_steps) == 0


def test_float16_finds_its_loss_scale():
    system = _system(mixed_precision="float16")
    before = _state(system)
    for _ in range(12):  # a scale of 2^15 overflows at first; each overflow halves it
        system.train_step(_batch(), ADVERSARIAL)
    skipped, scale = int(system.skipped_steps), float(system._generator_scale.scale)
    assert skipped < 12
    assert scale <= 2**15
    after = _state(system)
    for group in ("generator", "discriminator"):
        assert any(np.any(a != b) for a, b in zip(before[group], after[group], strict=True))
        assert all(np.all(np.isfinite(value)) for value in after[group])


def test_the_discriminator_may_see_a_part_of_the_batch():
    system, batch = _system(adversarial_batch_size=1), _batch()
    fake = system.discriminator(system.generator(batch["mel"][:1]))
    real = system.discriminator(batch["audio"][:1])
    losses = system._criteria.adversarial(real, fake, False)
    expected = float(losses["feature_matching_loss"])
    part = tf.function(system.train_step, autograph=False)(batch, ADVERSARIAL)
    whole = tf.function(_system().train_step, autograph=False)(batch, ADVERSARIAL)
    assert float(part["feature_matching_loss"]) == pytest.approx(expected, rel=1e-5)
    assert float(whole["feature_matching_loss"]) != pytest.approx(expected, rel=1e-4)
    # The generator's other losses are those of the whole batch.
    name = "log_stft_magnitude_loss"
    assert float(whole[name]) == pytest.approx(float(part[name]), rel=1e-5)


def test_phase_and_autocorrelation_enter_the_loss_with_their_weights():
    batch = _batch()
    plain = _system().train_step(batch, GENERATOR)
    weights = {"lambda_phase": 3.0, "lambda_autocorrelation": 5.0}
    scalars = _system(**weights).train_step(batch, GENERATOR)
    assert not {"phase_loss", "autocorrelation_loss"} & set(plain)
    added = 3.0 * scalars["phase_loss"] + 5.0 * scalars["autocorrelation_loss"]
    assert float(added) > 0.5
    assert float(scalars["generator_loss"] - plain["generator_loss"]) == pytest.approx(
        float(added), rel=1e-4
    )


def test_projected_audio_has_nearly_the_mel_that_it_was_made_from():
    plain, projected = _system(), _system(mel_projections=3)
    for a, b in zip(plain.generator.variables, projected.generator.variables, strict=True):
        a.assign(1.9 * a if a.name == "weight_g" else a)  # untrained it is nearly silent
        b.assign(a)
    batch = _batch()
    batch["mel"] = plain._log_mel(batch["audio"][..., 0])[:, :16]
    before, after = (s.evaluation_step(batch, GENERATOR)["mel_loss"] for s in (plain, projected))
    assert float(after) < 0.3 * float(before)
    served = projected.serving_module().synthesize(batch["mel"])["audio"]
    np.testing.assert_allclose(served, projected.synthesize(batch["mel"])[..., 0], atol=1e-4)
