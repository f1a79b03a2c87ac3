"""Vocos' generator and discriminators: frames, context, precision, and training on recordings."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts import networks
from tf_gantts.errors import HparamsError
from tf_gantts.hparams import load_hparams

ROOT = Path(__file__).resolve().parent.parent
SMALL = {
    "in_channels": 12,
    "dim": 16,
    "intermediate_dim": 24,
    "num_layers": 2,
    "fft_size": 32,
    "hop_size": 8,
}
SMALL_MRD = {"fft_sizes": [64, 32], "channels": 4}
SMALL_BOTH = {
    "periods": [2, 3],
    "period_discriminator_params": {"channels": 4, "downsample_scales": [3, 1]},
    "resolution_discriminator_params": SMALL_MRD,
}


def noise(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


def shaken(network):
    """A network whose biases, scales and lengths are not at their initial values."""
    for i, variable in enumerate(network.trainable_variables):
        variable.assign(variable + 0.2 * noise(*variable.shape, seed=i))
    return network


OPTIONS = [
    {},
    {"padding": "same"},
    {"fft_size": 40, "hop_size": 16, "kernel_size": 5},
    {"use_causal_conv": True, "kernel_size": 4, "num_layers": 3},
]


@pytest.mark.parametrize("params", OPTIONS)
def test_context_frames_are_exactly_what_an_output_frame_depends_on(params):
    generator = shaken(networks.build("VocosGenerator", SMALL | params))
    before, after = generator.context_frames
    frame, frames, hop = 30, 61, generator.upsample_factor
    mel = noise(1, frames, 12)
    with tf.GradientTape() as tape:
        tape.watch(mel)
        wave = generator(mel)
        total = tf.reduce_sum(wave[0, frame * hop : (frame + 1) * hop] * noise(hop, 1, seed=1))
    assert wave.shape == (1, frames * hop, 1)
    used = np.flatnonzero(np.any(tape.gradient(total, mel)[0].numpy() != 0, axis=-1))
    assert (frame - used.min(), used.max() - frame) == (before, after)
    assert generator.receptive_field == before + 1 + after


@pytest.mark.parametrize("params", OPTIONS)
def test_chunks_with_context_equal_the_whole(params):
    generator = shaken(networks.build("VocosGenerator", SMALL | params))
    before, after = generator.context_frames
    hop, mel = generator.upsample_factor, noise(1, 70, 12)
    whole, pieces = generator(mel), []
    for start in range(0, 70, 9):
        first, last = max(0, start - before), min(70, start + 9 + after)
        wave = generator(mel[:, first:last])
        pieces.append(wave[:, (start - first) * hop : (min(start + 9, 70) - first) * hop])
    np.testing.assert_allclose(tf.concat(pieces, axis=1), whole, atol=1e-5)


def test_the_head_puts_the_spectrum_of_frame_t_around_its_sample():
    """A cosine of phase 0 in frame t alone, and only there: its peak is at t * hop_size."""
    generator = networks.build("VocosGenerator", SMALL)
    weight, bias = np.zeros((16, 34), np.float32), np.zeros(34, np.float32)
    bias[:17], weight[0, :17] = -20.0, 20.0  # magnitude 1 where the first feature is 1
    bias[17:] = np.pi * np.arange(17)  # the middle of the window is sample 16 of 32
    generator.spectrum.weight.assign(weight)
    generator.spectrum.bias.assign(bias)
    features = np.zeros((1, 9, 16), np.float32)
    features[0, 4, 0] = 1.0
    wave = generator.head(tf.constant(features))[0, :, 0].numpy()
    assert np.argmax(np.abs(wave)) == 4 * 8


def test_a_huge_magnitude_is_limited_and_has_a_finite_gradient():
    generator = networks.build("VocosGenerator", SMALL)
    features = tf.fill((1, 5, 16), 1e4)
    with tf.GradientTape() as tape:
        tape.watch(features)
        wave = generator.head(features)
    assert np.abs(wave).max() <= 100 * 32
    assert np.all(np.isfinite(tape.gradient(wave, features)))


def test_mixed_precision_keeps_variables_sum_and_head_in_float32():
    generator = networks.build("VocosGenerator", SMALL, dtype="mixed_bfloat16")
    reference = networks.build("VocosGenerator", SMALL)
    for variable, value in zip(reference.variables, generator.variables, strict=True):
        variable.assign(value)
    assert {variable.dtype for variable in generator.variables} == {"float32"}
    mel = noise(2, 40, 12)
    with tf.GradientTape() as tape:
        features = generator.backbone(mel)
        wave = generator.head(features)
        loss = tf.reduce_mean(tf.square(wave))
    assert (features.dtype, wave.dtype) == (tf.float32, tf.float32)
    assert generator.blocks[0].expansion(features).dtype == tf.bfloat16
    assert generator.spectrum(features).dtype == tf.float32
    difference = wave - reference(mel)
    assert 0 < float(tf.math.reduce_std(difference)) < 0.02 * float(tf.math.reduce_std(wave))
    for gradient in tape.gradient(loss, generator.trainable_variables):
        assert gradient.dtype == tf.float32
        assert np.all(np.isfinite(gradient))


def test_dynamic_batch_and_length_trace_once_and_compile():
    generator = networks.build("VocosGenerator", SMALL)
    spec = [tf.TensorSpec((None, None, 12))]
    call = tf.function(generator, input_signature=spec)
    for batch, frames in ((1, 1), (3, 20)):
        mel = noise(batch, frames, 12)
        np.testing.assert_allclose(call(mel), generator(mel), atol=1e-5)
    assert call.experimental_get_tracing_count() == 1
    static = tf.function(generator, jit_compile=True).get_concrete_function(
        tf.TensorSpec((2, 9, 12))
    )
    assert static.structured_outputs.shape == (2, 72, 1)
    mel = noise(2, 9, 12)
    np.testing.assert_allclose(static(mel), generator(mel), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("VocosGenerator", SMALL),
        ("MultiResolutionDiscriminator", SMALL_MRD),
        ("MultiPeriodMultiResolutionDiscriminator", SMALL_BOTH),
    ],
)
def test_networks_rebuild_and_fold_with_the_same_output(name, params):
    network = shaken(networks.build(name, params))
    x = noise(2, 11, 12) if name == "VocosGenerator" else noise(2, 300, 1)
    paths = [variable.path for variable in network.variables]
    assert len(set(paths)) == len(paths)
    rebuilt = networks.NETWORKS[name].from_config(network.get_config())
    assert [variable.path for variable in rebuilt.variables] == paths
    assert rebuilt.get_config() == network.get_config()
    if name != "MultiPeriodMultiResolutionDiscriminator":  # its option is the discriminators'
        folded = networks.fold_weight_norm(network)
        for a, b in zip(tf.nest.flatten(network(x)), tf.nest.flatten(folded(x)), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4)


def test_resolutions_see_bands_whatever_the_loudness():
    network = networks.build("MultiResolutionDiscriminator", SMALL_MRD)
    wave = noise(2, 300, 1)
    maps = network(wave)
    assert [len(scale) for scale in maps] == [5 * 5 + 1] * 2
    # 33 and 17 bins in bands 0-0.1-0.25-0.5-0.75-1, halved (up) three times.
    for scale, frames, widths in ((maps[0], 19, [1, 1, 1, 1, 2]), (maps[1], 38, [1] * 5)):
        assert [scale[5 * i + 4].shape for i in range(5)] == [(2, frames, w, 4) for w in widths]
        assert scale[-1].shape == (2, frames, sum(widths), 1)
    for a, b in zip(tf.nest.flatten(maps), tf.nest.flatten(network(3 * wave + 1)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    silence = tf.zeros((1, 300, 1))
    with tf.GradientTape() as tape:
        tape.watch(silence)
        score = tf.add_n([tf.reduce_sum(scale[-1]) for scale in network(silence)])
    assert np.all(np.isfinite(tape.gradient(score, silence)))


def test_the_spectrogram_is_the_stft_of_the_centred_peak_normalised_clip():
    network = networks.build("MultiResolutionDiscriminator", {"fft_sizes": [32], "channels": 2})
    wave = noise(1, 100).numpy()[0].astype(np.float64) + 0.5
    spectrogram = network.discriminators[0].spectrogram(tf.constant(wave[None], tf.float32))[0]
    clip = wave - wave.mean()
    clip *= 0.8 / np.abs(clip).max()
    padded = np.pad(clip, 16, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(32) / 32)
    expected = [np.fft.rfft(padded[t : t + 32] * window) for t in range(0, 101, 8)]
    np.testing.assert_allclose(spectrogram[..., 0], np.real(expected), atol=1e-5)
    np.testing.assert_allclose(spectrogram[..., 1], np.imag(expected), atol=1e-5)


def test_mixed_precision_discriminators_read_and_score_in_float32():
    network = networks.build(
        "MultiPeriodMultiResolutionDiscriminator", SMALL_BOTH, dtype="mixed_bfloat16"
    )
    for scale in network(noise(2, 300, 1)):
        assert scale[0].dtype == scale[-1].dtype == tf.float32
        assert scale[1].dtype == tf.bfloat16


def test_wrong_arguments_are_answered():
    for name, params, message in (
        ("VocosGenerator", {"kernel_size": 6}, "must be odd"),
        ("VocosGenerator", {"num_layers": 0}, "at least 1"),
        ("VocosGenerator", {"padding": "valid"}, "'center' or 'same'"),
        ("VocosGenerator", {"hop_length": 256}, "'hop_size'"),
        ("MultiResolutionDiscriminator", {"hop_sizes": [8]}, "3 fft_sizes and 1 hop_sizes"),
        ("MultiResolutionDiscriminator", {"fft_sizes": [8], "bands": [[0, 0.1]]}, "holds no bin"),
        (
            "MultiPeriodMultiResolutionDiscriminator",
            {"resolution_discriminator_params": {"channel": 1}},
            "'channels'",
        ),
    ):
        with pytest.raises(HparamsError, match=message):
            networks.build(name, params)


def test_the_full_recipe_has_the_published_sizes():
    hparams = load_hparams(ROOT / "hparams" / "vocos.yaml")
    generator = networks.build(hparams.generator_type, hparams.generator_params)
    assert generator.upsample_factor == hparams.mel_spec.hop_size
    # gemelo-ai/vocos at 100 mel bands: 13,531,650.
    assert networks.count_parameters(generator) == 13_531_650 - 20 * 7 * 512
    tiny = load_hparams(ROOT / "hparams" / "vocos_tiny.yaml")
    generator = networks.build(tiny.generator_type, tiny.generator_params)
    assert networks.count_parameters(generator) == 2_790_658


def test_the_tiny_recipe_learns_from_recordings(small_store):
    from tf_gantts.data.segments import SegmentSource
    from tf_gantts.data.store import open_store
    from tf_gantts.systems import build_system
    from tf_gantts.systems.vocoder_gan import ADVERSARIAL, GENERATOR

    overrides = ["generator_params.num_layers=2", "batch_size=4", "batch_max_steps=4096"]
    overrides += ["generator_params.dim=64", "generator_scheduler_params.warmup_steps=5"]
    overrides += ["discriminator_params.period_discriminator_params.max_downsample_channels=16"]
    overrides += ["discriminator_params.periods=[3]"]
    overrides += ["discriminator_params.resolution_discriminator_params.fft_sizes=[512]"]
    hparams = load_hparams(ROOT / "hparams" / "vocos_tiny.yaml", overrides)
    with open_store(small_store) as store:
        source = SegmentSource(store, frames_per_segment=hparams.segment_frames, batch_size=4)
        batches = iter(source.dataset())
        system = build_system(hparams, store.spec, store.statistics)
        system.prepare_training()
        assert system.phase(hparams.train_max_steps - 1, 1) == GENERATOR
        step = tf.function(system.train_step, autograph=False)
        losses = [float(step(next(batches), GENERATOR)["generator_loss"]) for _ in range(30)]
        scalars = system.train_step(next(batches), ADVERSARIAL)
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:3])
    assert np.isfinite(float(scalars["generator_loss"]))
    assert np.isfinite(float(scalars["discriminator_loss"]))
    assert int(system.skipped_steps) == 0
