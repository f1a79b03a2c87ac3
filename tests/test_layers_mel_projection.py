"""Mel projection: closer to the mel, differentiable, and with the context that it tells."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.audio.mel import frame_align
from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.errors import HparamsError
from tf_gantts.layers.mel_projection import MelProjection

HOP, BANDS = 16, 8
SMALL = {"fft_size": 64, "win_length": 64, "hop_size": HOP, "num_mels": BANDS}
NAMES = ["parallel_wavegan", "hifigan", "vocos_24k", "gan_tts", "hifigan_db"]


def small(name):
    return dataclasses.replace(PROFILES[name], **SMALL)


def noise(*shape, seed=0, scale=0.05):
    rng = np.random.default_rng(seed)
    return (scale * rng.standard_normal(shape)).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
def test_the_mel_of_another_clip_comes_nearer_and_its_own_changes_nothing(name):
    spec = small(name)
    clip, other = noise(40 * HOP), noise(40 * HOP, seed=1, scale=0.02)
    mel = frame_align(clip, spec)[1]
    unchanged = MelProjection(spec, 2)(other[None, :, None], frame_align(other, spec)[1][None])
    np.testing.assert_allclose(unchanged[0, :, 0], other, atol=1e-5)

    def distance(wave):
        return np.abs(frame_align(np.asarray(wave), spec)[1] - mel).mean()

    waves = [other] + [
        MelProjection(spec, n)(other[None, :, None], mel[None])[0, :, 0] for n in (1, 3)
    ]
    before, once, thrice = map(distance, waves)
    assert once < 0.5 * before
    assert thrice < 0.75 * once


@pytest.mark.parametrize("rounds", [1, 2])
@pytest.mark.parametrize("name", ["parallel_wavegan", "hifigan"])
def test_context_frames_hold_all_that_a_frame_depends_on(name, rounds):
    projection = MelProjection(small(name), rounds)
    before, after = projection.context_frames(0, 0)
    wave = tf.constant(noise(1, 41 * HOP, 1))
    mel = tf.constant(noise(1, 41, BANDS, seed=1) - 2.0)
    with tf.GradientTape() as tape:
        tape.watch([wave, mel])
        frame = projection(wave, mel)[0, 20 * HOP : 21 * HOP]
        total = tf.reduce_sum(frame * noise(HOP, 1, seed=2))
    by_wave, by_mel = tape.gradient(total, [wave, mel])
    samples = np.flatnonzero(by_wave[0, :, 0])
    assert (20 - samples.min() // HOP, samples.max() // HOP - 20) == (before, after)
    frames = np.flatnonzero(np.any(by_mel[0].numpy() != 0, axis=1))
    assert frames.min() >= 20 - before
    assert frames.max() <= 20 + after


def test_silence_has_a_finite_gradient_and_gives_silence():
    spec = small("parallel_wavegan")
    projection = MelProjection(spec, 4)
    wave = tf.zeros((1, 10 * HOP, 1))
    for mel in (tf.fill((1, 10, BANDS), spec.silence), tf.zeros((1, 10, BANDS))):
        with tf.GradientTape() as tape:
            tape.watch(wave)
            projected = projection(wave, mel)
        assert np.all(np.isfinite(tape.gradient(projected, wave)))
        np.testing.assert_allclose(projected, 0.0, atol=1e-6)


def test_definitions_without_a_way_back_are_refused():
    for name in ("tacotron2_db", "tacotron_gan"):
        with pytest.raises(HparamsError, match="centred logarithmic mel"):
            MelProjection(PROFILES[name], 1)
    with pytest.raises(HparamsError, match="hann of 600"):
        MelProjection(dataclasses.replace(PROFILES["parallel_wavegan"], win_length=600), 1)
