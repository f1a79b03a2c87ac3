"""GAN-TTS as a system: what evaluation, synthesis and exports hear of it."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_gan_tts import (
    FRONT_END,
    N_MELS,
    assert_same,
    build,
    build_training,
    differ,
    make_batch,
    make_store,
    save,
)

from tf_gantts.serving import saved_model
from tf_gantts.systems import load_acoustic
from tf_gantts.systems.gan_tts import ADVERSARIAL, RECONSTRUCTION

ALL = {"generator_params": {"use_pitch": True, "use_energy": True, "dropout": 0.1}}
TEXTS = ["Yes.", "Well, no - it is (not) so."]


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    return make_batch(make_store(tmp_path_factory.mktemp("gan_tts") / "features"))


def test_averaged_weights_and_the_scale_of_durations_are_restored_for_synthesis(batch, tmp_path):
    system = build_training(generator_ema_decay=0.5)
    for _ in range(3):
        system.train_step(batch, RECONSTRUCTION)
    save(tmp_path, system)
    loaded, _ = load_acoustic(tmp_path)
    trained = [v.numpy() for v in system.generator.trainable_variables]
    averages = [v.numpy() for v in system.average.averages]
    assert differ(trained, averages)
    assert not differ(averages, [v.numpy() for v in loaded.generator.trainable_variables])
    with system.synthesis_weights():
        assert not differ(averages, [v.numpy() for v in system.generator.trainable_variables])
        spoken = speak(system, TEXTS)
    assert not differ(trained, [v.numpy() for v in system.generator.trainable_variables])
    assert float(loaded.duration_scale) == float(system.duration_scale) != 1.0
    assert_same(
        {k: [v] for k, v in speak(loaded, TEXTS).items()}, {k: [v] for k, v in spoken.items()}
    )


def test_the_scale_of_durations_makes_predictions_as_long_as_recordings(batch):
    dropped = {"noise_dim": 0, "dropout": 0.3, "predictor_dropout": 0.5}
    system = build_training(generator_params=dropped)
    spoken, predicted = 1.0, 1.0
    for _ in range(3):
        system.train_step(batch, RECONSTRUCTION)
        outputs = system._spoken(batch, False, None)  # nothing is dropped
        valid = np.arange(batch["ids"].shape[1]) < batch["id_lengths"].numpy()[:, None]
        frames = np.maximum(np.expm1(outputs["log_durations"]), 0.0)[valid].sum() / 4
        spoken = 0.99 * spoken + 0.01 * np.mean(batch["mel_lengths"])
        predicted = 0.99 * predicted + 0.01 * frames
    assert float(system.duration_scale) == pytest.approx(min(spoken / predicted, 2.0), rel=1e-3)


def test_held_out_utterances_correct_the_scale_of_durations(batch, monkeypatch):
    system = build()
    durations = tf.cast(batch["durations"], tf.float32)
    short = {"log_durations": tf.math.log1p(0.8 * durations)}  # four frames of five
    call = type(system.generator).__call__
    monkeypatch.setattr(
        type(system.generator), "__call__", lambda *args, **named: call(*args, **named) | short
    )
    assert float(system.forced(batch)[1]["length_ratio"]) == pytest.approx(0.8, rel=1e-4)
    system.calibrate({"length_ratio": 0.8})
    assert float(system.duration_scale) == pytest.approx(1.25, rel=1e-4)
    assert float(system.forced(batch)[1]["length_ratio"]) == pytest.approx(1.0, rel=1e-4)
    system._duration_scale.totals.assign([1.2, 1.0])  # training goes on
    system.calibrate({"length_ratio": 1.2})
    assert float(system.duration_scale) == pytest.approx(1.25, rel=1e-4)
    system.calibrate({"length_ratio": 0.0})  # nothing was predicted: as far as is allowed
    assert float(system.duration_scale) == 2.0


def test_forced_speech_has_the_recording_s_timing_and_ends_in_silence(batch):
    system = build(**ALL)
    outputs, losses = system.forced(batch)
    assert set(losses) == {"mel_loss", "duration_loss", "pitch_loss", "energy_loss", "length_ratio"}
    assert outputs["mel"].shape == batch["mel"].shape
    silent = np.float32(system.mel_spec.silence)
    for row, length in zip(outputs["mel"].numpy(), batch["mel_lengths"].numpy(), strict=True):
        assert np.all(row[length:] == silent) and not np.any(row[:length] == silent)
    shares = tf.reduce_sum(outputs["alignments"], axis=1)
    np.testing.assert_array_equal(shares, batch["durations"])
    assert not np.any(np.diff(np.argmax(outputs["alignments"], axis=2)[0, :20]) < 0)
    again = system.evaluation_step(batch, ADVERSARIAL)  # without noise and dropout
    assert all(float(again[name]) == float(value) for name, value in losses.items())


@pytest.fixture(scope="module")
def speaker():
    """Speaks some three frames a symbol."""
    system = build(inference=True)
    _speak_slowly(system, 1.4)
    return system


def _speak_slowly(system, log_durations):
    projection = system.generator.predictors["duration"].projection
    projection.weight.assign(0.3 * projection.weight)
    projection.bias.assign([log_durations])


def text_of(texts):
    ids = [FRONT_END(x) for x in texts]
    padded = np.full((len(ids), max(map(len, ids))), FRONT_END.pad_id, np.int32)
    for row, values in zip(padded, ids, strict=True):
        row[: len(values)] = values
    return {"ids": tf.constant(padded), "id_lengths": tf.constant([len(x) for x in ids])}


def speak(system, texts):
    return {k: v.numpy() for k, v in system.speak(text_of(texts), tf.zeros([2], tf.int32)).items()}


def test_a_batch_is_spoken_as_each_text_alone_and_ends_in_silence(speaker):
    both = speak(speaker, TEXTS)
    assert both["mel"].shape == (2, both["lengths"].max(), N_MELS) and both["finished"].all()
    silent = np.float32(speaker.mel_spec.silence)
    for row, text in enumerate(TEXTS):
        alone = speak(speaker, [text])
        length, symbols = int(alone["lengths"][0]), len(FRONT_END(text))
        assert length == both["lengths"][row]
        np.testing.assert_allclose(both["mel"][row, :length], alone["mel"][0], atol=1e-5)
        assert np.all(both["mel"][row, length:] == silent)
        alignment = both["alignments"][row]
        np.testing.assert_array_equal(alignment[:length, :symbols], alone["alignments"][0])
        assert not alignment[length:].any() and not alignment[:, symbols:].any()
        assert alignment.sum() == length


def test_pauses_may_be_left_out_and_spoken_symbols_never():
    system = build(inference=True)
    _speak_slowly(system, -1.0)
    spoken = speak(system, TEXTS)
    for row, text in enumerate(TEXTS):
        expected = np.isin(FRONT_END(text), list(FRONT_END.spoken_ids)).astype(np.float32)
        frames = spoken["alignments"][row].sum(axis=0)[: len(expected)]
        np.testing.assert_array_equal(frames, expected)
    _speak_slowly(system, 2.0)
    frames = speak(system, TEXTS)["alignments"][1].sum(axis=0)
    assert np.all(frames > 0)  # a pause that is predicted is made


def test_an_export_speaks_as_the_system(speaker, tmp_path):
    speaker._duration_scale.totals.assign([3.0, 2.0])
    expected = speak(speaker, TEXTS)
    module = speaker.serving_module()
    saved_model.write_saved_model(module, {}, tmp_path / "1")
    loaded = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    for serve in (module.signatures()["serving_default"], loaded):
        served = serve(text=tf.constant([TEXTS[0], "", TEXTS[1]]))
        np.testing.assert_array_equal(
            served["lengths"], [*expected["lengths"][:1], 0, *expected["lengths"][1:]]
        )
        np.testing.assert_allclose(served["mel"].numpy()[[0, 2]], expected["mel"], atol=1e-5)
