"""HiFi-GAN's generator and discriminators: sizes, options, receptive field, spectral norm."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts import networks
from tf_gantts.errors import HparamsError
from tf_gantts.hparams import load_hparams, parse_hparams
from tf_gantts.systems import build_system
from tf_gantts.systems.vocoder_gan import ADVERSARIAL

HPARAMS = Path(__file__).resolve().parent.parent / "hparams"
SMALL = {
    "in_channels": 12,
    "channels": 16,
    "upsample_scales": [4, 3],
    "upsample_kernel_sizes": [8, 7],
    "resblock_kernel_sizes": [3, 5],
    "resblock_dilations": [[1, 3], [1, 2]],
}
PERIODS = {"channels": 2, "max_downsample_channels": 8, "downsample_scales": [3, 2, 1]}
SCALES = {"channels": 16, "max_downsample_channels": 16, "downsample_scales": [2, 4]}
SMALL_D = {
    "scales": 2,
    "periods": [2, 5],
    "scale_discriminator_params": SCALES,
    "period_discriminator_params": PERIODS,
}


def noise(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


@pytest.mark.parametrize(
    ("version", "weights", "context"),
    [("v1", 13_926_017, (13, 13)), ("v2", 925_985, (13, 13)), ("v3", 1_462_273, (11, 11))],
)
def test_generators_of_the_recipes_have_the_published_sizes(version, weights, context):
    hparams = load_hparams(HPARAMS / f"hifigan_{version}.yaml")
    generator = networks.build(hparams.generator_type, hparams.generator_params)
    assert networks.count_parameters(generator) == weights
    assert generator.upsample_factor == hparams.hop_size == 256
    assert generator.context_frames == context


def test_discriminators_of_the_recipe_have_the_published_sizes():
    hparams = load_hparams(HPARAMS / "hifigan_v1.yaml")
    discriminator = networks.build(hparams.discriminator_type, hparams.discriminator_params)
    assert networks.count_parameters(discriminator.multi_period) == 41_092_165
    assert networks.count_parameters(discriminator.multi_scale) == 29_610_627
    assert networks.count_parameters(discriminator) == 41_092_165 + 29_610_627
    channels = [[f.shape[-1] for f in maps] for maps in discriminator(tf.zeros((1, 300, 1)))]
    assert channels[:3] == [[128, 128, 256, 512, 1024, 1024, 1024, 1]] * 3
    assert channels[3:] == [[32, 128, 512, 1024, 1024, 1]] * 5


def test_default_arguments_are_those_of_the_v1_recipe():
    hparams = load_hparams(HPARAMS / "hifigan_v1.yaml")
    written = networks.build(hparams.generator_type, hparams.generator_params)
    assert networks.build("HiFiGANGenerator").get_config() == written.get_config()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"channels": 6}, "multiple of 4"),
        ({"upsample_kernel_sizes": [8]}, "2 upsample_scales but 1 upsample_kernel_sizes"),
        ({"upsample_kernel_sizes": [8, 2]}, "must not be below"),
        ({"resblock_dilations": [[1]]}, "2 resblock_kernel_sizes but 1 resblock_dilations"),
        ({"resblock_kernel_sizes": [3, 4]}, "must be odd"),
        ({"use_causal_conv": True}, "must be twice upsample_scales"),
        ({"upsample_scale": [8]}, "'upsample_scales'"),
    ],
)
def test_wrong_generator_parameters_are_named(params, message):
    with pytest.raises(HparamsError, match=message):
        networks.build("HiFiGANGenerator", SMALL | params)


def test_wrong_discriminator_parameters_are_named():
    name = "HiFiGANMultiScaleMultiPeriodDiscriminator"
    with pytest.raises(HparamsError, match="did you mean 'channels'"):
        networks.build(name, SMALL_D | {"period_discriminator_params": {"chanels": 2}})
    with pytest.raises(HparamsError, match="did you mean 'max_groups'"):
        networks.build(name, SMALL_D | {"scale_discriminator_params": {"max_group": 2}})
    with pytest.raises(HparamsError, match="must be four odd numbers"):
        networks.build(name, SMALL_D | {"scale_discriminator_params": {"kernel_sizes": [5, 3]}})
    with pytest.raises(HparamsError, match="must be two odd numbers"):
        networks.build(name, SMALL_D | {"period_discriminator_params": {"kernel_sizes": [4, 3]}})
    with pytest.raises(HparamsError, match="not both"):
        networks.build(
            "HiFiGANMultiPeriodDiscriminator",
            {"discriminator_params": PERIODS | {"use_spectral_norm": True}},
        )


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"use_additional_convs": False, "upsample_kernel_sizes": [4, 4]},
        {"use_causal_conv": True, "upsample_kernel_sizes": [8, 6]},
        {"pad": "ReflectionPad1d"},
    ],
)
def test_context_frames_are_exactly_what_an_output_frame_depends_on(params):
    generator = networks.build("HiFiGANGenerator", SMALL | params)
    before, after = generator.context_frames
    frame, frames, hop = 30, 61, generator.upsample_factor
    mel = noise(1, frames, 12)
    with tf.GradientTape() as tape:
        tape.watch(mel)
        wave = generator(mel)[0, frame * hop : (frame + 1) * hop]
        total = tf.reduce_sum(wave * noise(hop, 1, seed=1))
    used = np.flatnonzero(np.any(tape.gradient(total, mel)[0].numpy() != 0, axis=-1))
    assert (frame - used.min(), used.max() - frame) == (before, after)
    assert generator.receptive_field == before + 1 + after
    assert wave.shape == (hop, 1)
    if params.get("use_causal_conv"):
        assert after == 0


def test_a_window_with_its_context_gives_the_samples_of_the_whole():
    generator = networks.build("HiFiGANGenerator", SMALL)
    (before, after), hop = generator.context_frames, generator.upsample_factor
    mel = noise(1, 60, 12)
    window = generator(mel[:, 20 - before : 30 + after])[:, before * hop : (before + 10) * hop]
    np.testing.assert_allclose(window, generator(mel)[:, 20 * hop : 30 * hop], atol=1e-5)


def test_padding_at_inference_repeats_the_edges():
    generator = networks.build("HiFiGANGenerator", SMALL | {"inference_padding": 3})
    mel = noise(2, 10, 12)
    repeated = tf.concat([mel[:, :1]] * 3 + [mel] + [mel[:, -1:]] * 3, axis=1)
    np.testing.assert_array_equal(generator.inference(mel), generator(repeated))
    assert generator(mel).shape == (2, 10 * 12, 1)


def test_removing_weight_norm_keeps_the_output():
    network = networks.build("HiFiGANGenerator", SMALL)
    for variable in network.trainable_variables:  # so that weight_g differs from ||weight_v||
        variable.assign(variable + 0.1 * noise(*variable.shape, seed=len(variable.path)))
    folded = networks.fold_weight_norm(network)
    np.testing.assert_allclose(folded(noise(2, 9, 12)), network(noise(2, 9, 12)), atol=1e-5)
    assert not any("weight_g" in variable.path for variable in folded.variables)
    assert networks.count_parameters(folded) == networks.count_parameters(network)


@pytest.mark.parametrize(
    ("name", "params"),
    [("HiFiGANGenerator", SMALL), ("HiFiGANMultiScaleMultiPeriodDiscriminator", SMALL_D)],
)
def test_variable_paths_are_unique_and_rebuilt_from_the_configuration(name, params):
    network = networks.build(name, params)
    paths = [variable.path for variable in network.variables]
    assert len(set(paths)) == len(paths)
    rebuilt = networks.NETWORKS[name].from_config(network.get_config())
    assert [variable.path for variable in rebuilt.variables] == paths
    assert rebuilt.get_config() == network.get_config()


def test_a_period_discriminator_sees_each_column_alone():
    """Samples of one column change that column only, and the reflection fills the last row."""
    network = networks.build(
        "HiFiGANMultiPeriodDiscriminator", {"periods": [5], "discriminator_params": PERIODS}
    )
    wave = noise(2, 60, 1)
    changed = wave + tf.reshape(tf.tile(tf.one_hot([2], 5), (12, 1)), (1, 60, 1))
    for a, b in zip(network(wave)[0], network(changed)[0], strict=True):
        assert a.shape[2] == 5
        moved = np.any(a.numpy() != b.numpy(), axis=(0, 1, 3))
        assert moved.tolist() == [False, False, True, False, False]
    short = wave[:, :57]
    filled = tf.concat([short, short[:, -2:-5:-1]], axis=1)
    np.testing.assert_allclose(network(short)[0][-1], network(filled)[0][-1], atol=1e-6)


def _spectral_convs(discriminator):
    return discriminator.multi_scale.discriminators[0].convs


def test_training_brings_the_largest_singular_value_to_one():
    discriminator = networks.build("HiFiGANMultiScaleMultiPeriodDiscriminator", SMALL_D)
    wave = noise(1, 200, 1)
    for conv in _spectral_convs(discriminator):
        conv.kernel.weight_u.assign(tf.one_hot(0, conv.kernel.weight_u.shape[0]))
    frozen = [conv.kernel.weight_u.numpy() for conv in _spectral_convs(discriminator)]
    discriminator(wave)
    for conv, before in zip(_spectral_convs(discriminator), frozen, strict=True):
        np.testing.assert_array_equal(conv.kernel.weight_u, before)
    first = tf.function(
        lambda wave: discriminator.multi_scale.discriminators[0](wave, training=True)
    )
    for _ in range(60):
        first(wave)
    for conv in _spectral_convs(discriminator):
        kernel = conv.kernel.value("float32").numpy()
        matrix = kernel.reshape(-1, kernel.shape[-1])
        assert np.linalg.svd(matrix, compute_uv=False)[0] == pytest.approx(1.0, abs=0.03)
    trained = {variable.path for variable in discriminator.trainable_variables}
    assert not any("scale_0" in path and path.endswith(("_u", "_v")) for path in trained)


def test_two_replicas_keep_the_singular_vectors_of_one():
    """In a process of its own: logical devices must be made before TensorFlow starts."""
    script = textwrap.dedent(
        """
        import numpy as np
        import tensorflow as tf
        from tf_gantts.layers.conv import Conv1D

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )
        strategy = tf.distribute.MirroredStrategy(
            ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
        )
        wave = tf.ones((1, 20, 3))
        with strategy.scope():
            conv = Conv1D(8, 5, use_spectral_norm=True)
            conv.build((None, None, 3))
        alone = Conv1D(8, 5, use_spectral_norm=True)
        alone.build((None, None, 3))
        first = np.eye(8)[0]  # far from the end of the iteration
        conv.kernel.weight_u.assign(first)
        for a, b in zip(alone.variables, conv.variables, strict=True):
            a.assign(b)
        step = tf.function(lambda: strategy.run(lambda: conv(wave, training=True)))
        for _ in range(2):
            outputs = strategy.experimental_local_results(step())
            expected = alone(wave, training=True)
            for output in outputs:
                np.testing.assert_allclose(output, expected, atol=1e-6)
        for a, b in zip(alone.variables, conv.variables, strict=True):
            one, two = strategy.experimental_local_results(b.value)
            np.testing.assert_array_equal(one, two)
            np.testing.assert_allclose(a, one, atol=1e-6)
        assert np.abs(first - conv.kernel.weight_u.numpy()).max() > 1e-3
        print("equal")
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == "equal", done.stderr[-2000:]


def test_mixed_precision_keeps_variables_waveform_first_map_and_score_in_float32():
    generator = networks.build("HiFiGANGenerator", SMALL, dtype="mixed_bfloat16")
    reference = networks.build("HiFiGANGenerator", SMALL)
    for variable, value in zip(reference.variables, generator.variables, strict=True):
        variable.assign(value)
    discriminator = networks.build(
        "HiFiGANMultiScaleMultiPeriodDiscriminator", SMALL_D, dtype="mixed_bfloat16"
    )
    assert {v.dtype for v in (*generator.variables, *discriminator.variables)} == {"float32"}
    mel = noise(2, 20, 12)
    with tf.GradientTape() as tape:
        wave = generator(mel, training=True)
        maps = discriminator(wave, training=True)
        loss = sum(tf.reduce_mean(tf.cast(scale[-1], tf.float32) ** 2) for scale in maps)
    for features in maps:
        assert features[0].dtype == features[-1].dtype == tf.float32
        assert features[1].dtype == tf.bfloat16
    np.testing.assert_allclose(wave, reference(mel), atol=0.02)
    for gradient in tape.gradient(loss, generator.trainable_variables):
        assert np.all(np.isfinite(gradient))


def test_dynamic_batch_and_length_trace_once():
    generator = networks.build("HiFiGANGenerator", SMALL)
    discriminator = networks.build("HiFiGANMultiScaleMultiPeriodDiscriminator", SMALL_D)
    call = tf.function(
        lambda mel: discriminator(generator(mel)),
        input_signature=[tf.TensorSpec((None, None, 12))],
    )
    for batch, frames in ((1, 17), (3, 20)):
        mel = noise(batch, frames, 12)
        eager = discriminator(generator(mel))
        for a, b in zip(tf.nest.flatten(call(mel)), tf.nest.flatten(eager), strict=True):
            largest = np.abs(b).max()  # some untrained maps reach a thousand and cancel to less
            np.testing.assert_allclose(a, b, atol=1e-5 * max(largest, 1.0))
    assert call.experimental_get_tracing_count() == 1


def test_one_training_step_of_the_recipe_at_reduced_width():
    recipe = load_hparams(HPARAMS / "hifigan_v1.yaml").model_dump(mode="json")
    recipe["generator_params"] |= {
        "channels": 16,
        "upsample_scales": [16, 16],
        "upsample_kernel_sizes": [32, 32],
        "resblock_kernel_sizes": [3],
        "resblock_dilations": [[1, 3]],
    }
    recipe["discriminator_params"] |= SMALL_D | {"scales": 1, "periods": [3]}
    hparams = parse_hparams(recipe | {"batch_size": 2}, "test")
    system = build_system(hparams, hparams.mel_spec, None)
    system.prepare_training()
    before = {name: [v.numpy() for v in group] for name, group in system.state().items()}
    batch = {"mel": noise(2, 32, 80), "audio": 0.3 * noise(2, 8192, 1)}
    phase = system.phase(0, 809)
    assert phase == ADVERSARIAL
    scalars = tf.function(system.train_step, autograph=False)(batch, phase)
    total = (
        45 * scalars["mel_spectrogram_loss"]
        + scalars["adversarial_loss"]
        + 2 * scalars["feature_matching_loss"]
    )
    assert float(scalars["generator_loss"]) == pytest.approx(float(total), rel=1e-5)
    assert int(system.skipped_steps) == 0
    for name in ("generator", "discriminator"):
        for old, new in zip(before[name], system.state()[name], strict=True):
            if new.trainable:  # singular vectors of a single column stay as they are
                assert np.any(old != new.numpy()), new.name
    rates = [
        float(system.generator_optimizer._schedule(tf.constant(n, tf.int64))) for n in (808, 809)
    ]
    assert rates == pytest.approx([2e-4, 2e-4 * 0.999])
