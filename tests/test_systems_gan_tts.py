"""GAN-TTS as a system: phases, what each trains, losses, mistakes."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_gan_tts import (
    FRONT_END,
    assert_same,
    build,
    build_training,
    differ,
    make_batch,
    make_store,
    state_of,
)

from tf_gantts.data.store import open_store
from tf_gantts.data.symbol_tracks import UTTERANCE
from tf_gantts.data.utterances import OTHER_UTTERANCE
from tf_gantts.errors import FeatureStoreError, HparamsError
from tf_gantts.systems.gan_tts import ADVERSARIAL, RECONSTRUCTION, WARM_UP
from tf_gantts.systems.gan_tts_critics import Speech

ALL = {"generator_params": {"use_pitch": True, "use_energy": True, "dropout": 0.1}}


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    return make_batch(make_store(tmp_path_factory.mktemp("gan_tts") / "features"))


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ({"discriminator_train_start_steps": 4, "adversarial_start_steps": 6}, [4, 2, 3]),
        ({"discriminator_train_start_steps": 5, "adversarial_start_steps": 5}, [5, 0, 4]),
        ({}, [0, 0, 9]),
        ({"use_realism_discriminator": False, "use_utterance_discriminator": False}, [9, 0, 0]),
    ],
)
def test_phases_follow_the_recipe_and_their_steps_add_up(values, counts):
    system = build(**values)
    names = [system.phase(step, 3) for step in range(9)]
    assert [names.count(phase) for phase in system.PHASES] == counts
    assert names == sorted(names, key=system.PHASES.index)
    for first, last in ((0, 9), (3, 5), (5, 8), (7, 7)):
        counted = system.phase_steps(first, last, 3)
        for phase in system.PHASES:
            assert counted.get(phase, 0) == names[first:last].count(phase)


def test_each_phase_trains_what_it_should_and_nothing_else(batch):
    after = {}
    for phase in (RECONSTRUCTION, WARM_UP, ADVERSARIAL):
        system = build_training(**ALL)
        before = state_of(system)
        scalars = system.train_step(batch, phase)
        after[phase] = state_of(system)
        assert ("discriminator_loss" in scalars) == (phase != RECONSTRUCTION)
        assert ("realism_loss" in scalars) == (phase == ADVERSARIAL)
        assert differ(before["generator"], after[phase]["generator"])
    for group in ("critics", "discriminator_optimizer"):
        assert not differ(before[group], after[RECONSTRUCTION][group])
        # They see the generator before its update, whatever that is.
        assert not differ(after[ADVERSARIAL][group], after[WARM_UP][group])
    for group in ("generator", "generator_optimizer"):
        assert not differ(after[RECONSTRUCTION][group], after[WARM_UP][group])
        assert differ(after[WARM_UP][group], after[ADVERSARIAL][group])
    paths = [variable.path for variable in system.critics.variables]
    old, new = before["critics"], after[WARM_UP]["critics"]
    for name in ("realism", "utterance", "speech_encoder"):
        network = getattr(system.critics, name)
        places = [paths.index(variable.path) for variable in network.variables]
        assert differ([old[i] for i in places], [new[i] for i in places]), name


def test_the_speech_encoder_learns_from_recordings_alone(batch):
    system = build_training()
    real = Speech(system.normalization(batch["mel"]), batch["mel_lengths"])
    fake = Speech(0.5 * real.mel, real.lengths)
    critics, starts = system.critics, tf.zeros([4, 1], tf.int32)
    encoder = [v.value for v in critics.speech_encoder.trainable_variables]
    judge = [v.value for v in critics.utterance.trainable_variables]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(fake.mel)
        own, _ = critics.own_losses(real, fake, batch, starts)
        heard = critics.generator_losses(real, fake, batch, starts)["utterance_loss"]
    judged, learnt = own["discriminator_utterance_loss"], own["speech_encoder_loss"]
    assert all(g is None for g in tape.gradient(judged, [*encoder, fake.mel]))
    assert all(g is not None for g in tape.gradient(judged, judge))
    assert all(g is None for g in tape.gradient(learnt, [*judge, fake.mel]))
    assert all(g is not None for g in tape.gradient(learnt, encoder))
    pull = tape.gradient(heard, fake.mel).numpy()  # through the encoder, to what is not padding
    inside = np.arange(pull.shape[1]) < batch["mel_lengths"].numpy()[:, None]
    assert np.any(pull[inside]) and not np.any(pull[~inside])
    recovered = critics.speech_encoder(real.mel, real.lengths)
    expected = np.mean((recovered - batch[UTTERANCE]) ** 2)
    assert float(learnt) == pytest.approx(expected, rel=1e-5)


def test_losses_and_accuracies_are_named_and_summed(batch):
    weights = {
        "mel_loss": 1.5,
        "duration_loss": 0.2,
        "pitch_loss": 0.3,
        "energy_loss": 0.4,
        "realism_loss": 0.5,
        "feature_matching_loss": 0.5 * 3.0,
        "utterance_loss": 0.7,
    }
    lambdas = {f"lambda_{name[:-5]}": w for name, w in weights.items() if "feature" not in name}
    system = build_training(**ALL, **lambdas, lambda_feat_match=3.0)
    scalars = {k: float(v) for k, v in system.train_step(batch, ADVERSARIAL).items()}
    own = ["discriminator_realism_loss", "speech_encoder_loss", "discriminator_utterance_loss"]
    kinds = ["realism_{}_real", "realism_{}_fake", "utterance_{}_real", "utterance_{}_fake"]
    kinds += ["utterance_{}_recorded", "utterance_{}_mismatched"]
    accuracies = [kind.format("accuracy") for kind in kinds]
    totals = ["generator_loss", "discriminator_loss", "generator_grad_norm"]
    assert set(scalars) == {*weights, *own, *accuracies, *totals, "discriminator_grad_norm"}
    assert scalars["generator_loss"] == pytest.approx(
        sum(weight * scalars[name] for name, weight in weights.items()), rel=1e-5
    )
    assert scalars["discriminator_loss"] == pytest.approx(sum(scalars[k] for k in own), rel=1e-5)
    assert all(0.0 <= scalars[name] <= 1.0 for name in accuracies)
    single = build_training(utterance_discriminator_params={"judges_pairs": False})
    left = set(single.train_step(batch, WARM_UP)) & {*accuracies, *weights}
    assert left == {*accuracies[:4], "mel_loss", "duration_loss"}


def test_mismatched_pairs_count_as_generated(batch):
    critics = build_training().critics
    real = Speech(batch["mel"], batch["mel_lengths"])
    fake = Speech(0.5 * real.mel, real.lengths)
    losses, accuracies = critics.own_losses(real, fake, batch, tf.zeros([4, 1], tf.int32))
    text, other = batch[UTTERANCE], batch[OTHER_UTTERANCE]
    recovered, generated = (critics.speech_encoder(*speech) for speech in (real, fake))
    pairs = {
        "real": (text, text, 1.0),
        "recorded": (recovered, text, 1.0),
        "fake": (generated, text, 0.0),
        "mismatched": (recovered, other, 0.0),
    }
    expected = 0.0
    for name, (embedding, beside, target) in pairs.items():
        score = critics.utterance(embedding, beside)[0][-1].numpy()
        expected += 0.5 * np.mean((score - target) ** 2)
        right = np.mean((score > 0.5) == (target == 1.0))
        assert float(accuracies[f"utterance_accuracy_{name}"]) == pytest.approx(right), name
    assert float(losses["discriminator_utterance_loss"]) == pytest.approx(expected, rel=1e-5)


def test_the_adaptive_weight_is_the_recipe_s_share_of_the_reconstruction_s_pull(batch):
    lambdas = {"lambda_realism": 0.3, "lambda_utterance": 0.2}
    adaptive = build_training(use_adaptive_weight=True, **lambdas)
    weight = float(adaptive.train_step(batch, ADVERSARIAL)["adversarial_weight"])
    # The same update as with fixed weights that are so much larger ...
    scaled = {name: weight * value for name, value in lambdas.items()}
    fixed, plain = build_training(**scaled), build_training(**lambdas)
    for system in (fixed, plain):
        system.train_step(batch, ADVERSARIAL)
    states = [[v.numpy() for v in s.generator.variables] for s in (adaptive, fixed, plain)]
    assert_same({"generator": states[0]}, {"generator": states[1]}, atol=1e-6)
    assert differ(states[1], states[2])
    # ... of which the pull at the mel is 0.3 + 0.2 of the reconstruction's.
    system = build_training(**scaled)
    real = Speech(system.normalization(batch["mel"]), batch["mel_lengths"])
    noise, windows = tf.unstack(tf.random.split(tf.constant([3, 0]), 2))
    spoken = system._spoken(batch, True, tf.random.stateless_normal((4, 2), noise))
    starts = system.critics.draw_windows(real.lengths, windows)
    mask = spoken["frame_mask"]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(spoken["mel"])
        fake = Speech(spoken["mel"], real.lengths)
        losses = system.critics.generator_losses(real, fake, batch, starts)
        judged = system.critics.weighted_sum(losses)
        difference = tf.boolean_mask(tf.abs(spoken["mel"] - real.mel), mask)
        mel_loss = tf.reduce_mean(difference)
    norms = [np.linalg.norm(tape.gradient(x, spoken["mel"])) for x in (judged, mel_loss)]
    assert norms[0] == pytest.approx(0.5 * norms[1], rel=1e-3)


@pytest.mark.parametrize("broken", ["mel", UTTERANCE])
def test_a_step_that_is_not_finite_is_skipped_and_counted(batch, broken):
    system = build_training(generator_ema_decay=0.9)
    system.train_step(batch, ADVERSARIAL)
    before = state_of(system)
    system.train_step(batch | {broken: batch[broken] * np.nan}, ADVERSARIAL)
    after = state_of(system)
    assert after.pop("skipped_steps")[0] == before.pop("skipped_steps")[0] + 1 == 1
    assert_same(after, before, atol=0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text_encoder": None}, "use_utterance_discriminator needs a text_encoder"),
        (
            {
                "text_encoder": None,
                "use_utterance_discriminator": False,
                "generator_params": {"text_encoder": "bert"},
            },
            "the generator reads a BERT, but text_encoder names none",
        ),
        ({"generator_params": {"n_symbols": 148}}, "n_symbols is 148, .* ask for 67; leave it out"),
        (
            {"adversarial_start_steps": 2, "discriminator_train_start_steps": 3},
            "must not be before",
        ),
        ({"generator_params": {"encoder_dim": 8}}, "GANTTSGenerator has no parameter"),
        ({"batch_size": 1}, "batch_size must be at least 2"),
    ],
)
def test_values_that_contradict_each_other_are_answered(values, message):
    with pytest.raises(HparamsError, match=message):
        build(**values)


def test_a_store_without_the_tracks_or_of_another_front_end_is_answered(tmp_path):
    system = build(**ALL)
    assert system.tracks == ["durations", "pitch", "energy", UTTERANCE]
    for missing in ("durations", "energy", UTTERANCE):
        folder = make_store(tmp_path / missing, without=[missing])
        first = "pitch" if missing == "energy" else missing
        message = f"no track '{first}', .*; run tools/preprocess.py with this hyper-parameter file"
        with open_store(folder) as store, pytest.raises(FeatureStoreError, match=message):
            system.training_source(store)
    other = FRONT_END.description() | {"name": "espeak", "revision": "0" * 16}
    folder = make_store(tmp_path / "other", front_end=other)
    message = (
        r"'durations' is of front end 'espeak' \(revision 0{16}\), the recipe's is 'characters'"
    )
    with open_store(folder) as store, pytest.raises(FeatureStoreError, match=message):
        system.training_source(store)
