"""discriminator_realism on waveforms: what it hears, what learns from it, what is refused."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tiny_acoustic import make_acoustic_run
from tiny_gan_tts import assert_same, build, build_training, make_batch, make_store, save, state_of
from tiny_vocoder import make_vocoder

from tf_gantts.audio.files import read_audio
from tf_gantts.audio.griffin_lim import griffin_lim
from tf_gantts.data.store import open_store
from tf_gantts.errors import CheckpointError, MelSpecMismatchError
from tf_gantts.networks import count_parameters
from tf_gantts.serving.synthesis import VocoderSynthesis
from tf_gantts.systems import load_vocoder
from tf_gantts.systems.frozen_vocoder import make_audible
from tf_gantts.systems.gan_tts import ADVERSARIAL, RECONSTRUCTION, WARM_UP
from tf_gantts.systems.gan_tts_critics import Speech
from tf_gantts.training.checkpoint import open_checkpoint, restore
from tf_gantts.training.loggers import Loggers
from tf_gantts.training.plan import print_plan

ALONE = {"use_utterance_discriminator": False, "text_encoder": None}


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    return make_batch(make_store(tmp_path_factory.mktemp("gan_tts") / "features"))


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Recipe keys that name a vocoder."""
    return ALONE | make_vocoder(tmp_path_factory.mktemp("vocoder") / "run")


def speech_of(system, batch):
    return Speech(system.normalization(batch["mel"]), batch["mel_lengths"])


def test_the_generator_learns_from_the_window_and_the_vocoder_from_nothing(batch, judged):
    system = build_training(**judged)
    critics, vocoder = system.critics, system.critics._vocoder
    before = [v.numpy() for v in vocoder.network.variables]
    real = speech_of(system, batch)
    starts = tf.constant([[0, 5]] * 4)
    with tf.GradientTape(persistent=True) as tape:
        mel = 0.5 * real.mel
        tape.watch(mel)
        natural, spoken = (critics.vocoded(s, starts) for s in (real, Speech(mel, real.lengths)))
        losses = critics.generator_losses(natural, spoken, batch, starts)
    for name in ("waveform_loss", "waveform_feature_matching_loss"):
        pull = np.any(tape.gradient(losses[name], mel).numpy() != 0, axis=2)
        np.testing.assert_array_equal(pull, [np.isin(np.arange(mel.shape[1]), range(5, 13))] * 4)
    scalars = system.train_step(batch, ADVERSARIAL)
    assert float(scalars["generator_grad_norm"]) > 0.0
    for old, new in zip(before, vocoder.network.variables, strict=True):
        np.testing.assert_array_equal(new, old)
    # Nor is it part of a checkpoint.
    plain = build_training(**ALONE)
    added = len(critics.waveform.variables)
    assert len(system.state()["critics"]) == len(plain.state()["critics"]) + added > added
    assert system.synthesis_state().keys() == plain.synthesis_state().keys()
    assert [v.shape for v in system.critics.realism.variables] == [
        v.shape for v in plain.critics.realism.variables
    ]


def test_what_is_judged_is_what_the_vocoder_synthesises(batch, tmp_path):
    """Also of another logarithm, without statistics; rounds of projections are left out."""
    other = {"mel_profile": "hifigan", "mel_padding": "center_reflect", "fmin": 80, "fmax": 7600}
    for name, values in {"same": {}, "other": other | {"normalized": False}}.items():
        run = tmp_path / name
        system = build(**ALONE | make_vocoder(run, mel_projections=2, **values))
        module, _ = load_vocoder(make_plain(tmp_path / f"{name}_plain", **values))
        real = speech_of(system, batch)
        wave = system.critics.vocoded(real, tf.constant([[0, 3]] * 4)).wave
        raw = batch["mel"][:, 3:11]
        if values:  # decadic to natural, and a higher floor
            raw = tf.maximum(raw * np.log(10.0), np.log(1e-5))
        expected = module.synthesize(raw)["audio"]
        np.testing.assert_allclose(wave[..., 0], expected, atol=1e-5 * np.abs(expected).max())


def make_plain(run, **values):
    make_vocoder(run, **values)
    return run


def test_samples_are_heard_through_the_vocoder_of_the_recipe(judged, tmp_path):
    run = judged["realism_vocoder"]
    system = build(**ALONE, sample_vocoder=run, num_save_intermediate_results=1)
    with open_store(make_store(tmp_path / "features")) as store:
        held_out = system.held_out(store, tf.distribute.get_strategy())
        held_out.evaluate(RECONSTRUCTION)
        held_out.save_samples(tmp_path, 3, Loggers([]))
    (path,) = (tmp_path / "samples").glob("*/*.wav")
    mel = held_out._spoken["mel"][0, : held_out._spoken["lengths"][0]]
    module, _ = load_vocoder(run)
    expected = VocoderSynthesis(module)([mel])[0][0]
    np.testing.assert_allclose(read_audio(path)[0], expected.clip(-1.0, 1.0), atol=1e-4)
    assert np.abs(griffin_lim(mel, system.mel_spec)[: len(expected)] - expected).max() > 1e-3


def test_the_window_lies_within_the_utterance(judged):
    critics = build(**judged, realism_discriminator_params={"window_sizes": [16]}).critics
    lengths = tf.constant([10, 8, 5] * 200)
    starts = critics.draw_windows(lengths, tf.constant([3, 1]))
    assert starts.shape == (600, 2)
    assert set(starts[::3, 1].numpy()) == {0, 1, 2} and not np.any(starts[:, 0])
    assert not np.any(starts[1::3, 1]) and not np.any(starts[2::3, 1])
    again = critics.draw_windows(lengths, tf.constant([3, 1]))
    other = critics.draw_windows(lengths, tf.constant([3, 2]))
    assert np.array_equal(starts, again) and not np.array_equal(starts, other)
    # What lies beyond a short utterance is the same for natural and generated speech.
    mel = tf.random.stateless_normal((2, 9, 8), [0, 0])
    beyond = tf.concat([mel[:, :5], tf.zeros((2, 4, 8))], axis=1)
    waves = [
        critics.vocoded(Speech(m, tf.constant([5, 5])), tf.zeros([2, 2], tf.int32)).wave
        for m in (mel, beyond)
    ]
    np.testing.assert_array_equal(*waves)


def test_it_learns_to_tell_speech_from_one_sound(batch, judged):
    system = build_training(**judged)
    critics = system.critics
    real = speech_of(system, batch)
    flat = Speech(tf.zeros_like(real.mel), real.lengths)

    @tf.function(autograph=False)
    def step(starts):
        speech = [critics.vocoded(s, starts) for s in (real, flat)]
        with tf.GradientTape() as tape:
            losses, accuracies = critics.own_losses(*speech, batch, starts)
            loss = losses["discriminator_waveform_loss"]
        system.update_discriminator(tape, loss)
        return loss, accuracies

    history = [step(critics.draw_windows(real.lengths, tf.constant([0, i]))) for i in range(100)]
    assert np.mean([loss for loss, _ in history[-10:]]) < 0.25  # 0.5 where it cannot tell
    for side in ("real", "fake"):
        assert np.mean([a[f"waveform_accuracy_{side}"] for _, a in history[-10:]]) > 0.8


def test_losses_are_weighted_and_logged_where_they_are_used(batch, judged):
    values = judged | {"lambda_waveform": 0.3, "lambda_realism": 0.2, "lambda_feat_match": 3.0}
    system = build_training(**values)
    assert system.critics.share == pytest.approx(0.5)
    assert build(**values | {"realism_vocoder": None}).critics.share == pytest.approx(0.2)
    off = build(**values | {"use_realism_discriminator": False}).critics
    assert off.waveform is None and off.share == 0.0
    own = {f"waveform_accuracy_{side}" for side in ("real", "fake")}
    own |= {"discriminator_waveform_loss"}
    heard = {"waveform_loss", "waveform_feature_matching_loss"}
    assert not {*own, *heard} & set(system.train_step(batch, RECONSTRUCTION))
    warm_up = set(system.train_step(batch, WARM_UP))
    assert own <= warm_up and not heard & warm_up
    scalars = {k: float(v) for k, v in system.train_step(batch, ADVERSARIAL).items()}
    assert scalars.keys() >= {*own, *heard}
    weights = {
        "mel_loss": 1.0,
        "duration_loss": 0.1,
        "realism_loss": 0.2,
        "feature_matching_loss": 0.2 * 3.0,
        "waveform_loss": 0.3,
        "waveform_feature_matching_loss": 0.3 * 3.0,
    }
    expected = sum(weight * scalars[name] for name, weight in weights.items())
    assert scalars["generator_loss"] == pytest.approx(expected, rel=1e-5)


def test_training_goes_on_exactly_with_the_vocoder_of_the_run(batch, judged, tmp_path):
    whole = build_training(**judged)
    whole.train_step(batch, ADVERSARIAL)
    save(tmp_path / "run", whole)
    whole.train_step(batch, ADVERSARIAL)
    resumed = build_training(**judged)
    restore(resumed.state(), open_checkpoint(tmp_path / "run"))
    resumed.train_step(batch, ADVERSARIAL)
    assert_same(state_of(resumed), state_of(whole), atol=0)


def test_compiled_and_half_precision_steps_are_the_plain_one(batch, judged):
    # Starts of windows and noise are drawn otherwise under XLA: here there is one place and none.
    still = judged | {
        "generator_params": {"noise_dim": 0},
        "realism_discriminator_params": {"window_sizes": [48]},
        "waveform_window": 40,
    }
    plain, compiled = (build_training(**still) for _ in range(2))
    expected = plain.train_step(batch, ADVERSARIAL)
    step = tf.function(compiled.train_step, autograph=False, jit_compile=True)
    scalars = step(batch, ADVERSARIAL)
    for name, value in expected.items():
        np.testing.assert_allclose(scalars[name], value, rtol=1e-3, atol=1e-5, err_msg=name)
    assert_same(state_of(compiled), state_of(plain), atol=1e-4)
    mixed = build_training(**still, mixed_precision="bfloat16")
    scalars = mixed.train_step(batch, ADVERSARIAL)
    assert int(mixed.skipped_steps) == 0
    assert mixed.critics._vocoder.network.compute_dtype == "bfloat16"
    for name in ("waveform_feature_matching_loss", "discriminator_waveform_loss"):
        assert float(scalars[name]) == pytest.approx(float(expected[name]), rel=0.1), name


def test_a_vocoder_that_does_not_fit_is_answered(judged, tmp_path):
    def refused(error, message, **values):
        with pytest.raises(error, match=message):
            build(**judged | values)

    gone = str(tmp_path / "gone")
    refused(CheckpointError, f"realism_vocoder: {gone}: no such run", realism_vocoder=gone)
    with pytest.raises(CheckpointError, match=f"sample_vocoder: {gone}: no such run"):
        make_audible(gone, build(**ALONE).mel_spec)
    make_acoustic_run(tmp_path / "speaks")
    acoustic = {"realism_vocoder": str(tmp_path / "speaks")}
    refused(CheckpointError, "speaks: a tacotron2, not a vocoder", **acoustic)
    other = make_vocoder(tmp_path / "other", fmin=50)
    both = f"the hyper-parameters and realism_vocoder {tmp_path}/other .*fmin: 80.0 != 50.0"
    refused(MelSpecMismatchError, both, **other)
    # Synthesis needs no vocoder.
    assert build(**judged | {"realism_vocoder": gone}, inference=True).inference


def test_the_plan_counts_the_critics(judged, capsys):
    system = build(**judged)
    print_plan(system, Path("a.yaml"), "none", Path("run"), "command")
    printed = capsys.readouterr().out
    for network in (system.critics.realism, system.critics.waveform):
        count = f"{type(network).__name__}: {count_parameters(network):,} parameters"
        assert f"{network.name:15} {count}" in printed
