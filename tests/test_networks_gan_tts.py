"""GAN-TTS' generator: timing, padding, context, gradients, precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_gantts import networks
from tf_gantts.errors import HparamsError
from tf_gantts.losses import DurationLoss, MaskedLoss

SMALL = {
    "n_symbols": 20,
    "n_mel_channels": 5,
    "text_state_dim": 7,
    "encoder_channels": 12,
    "encoder_layers": 2,
    "decoder_channels": 8,
    "decoder_layers": 2,
    "predictor_channels": 6,
}
FULL = {
    "text_encoder": "bert",
    "utterance_dim": 3,
    "noise_dim": 4,
    "conditioning": "film",
    "encoder_heads": 3,
    "decoder_heads": 2,
    "use_pitch": True,
    "use_energy": True,
}
IDS = tf.constant([[3, 1, 4, 1, 5, 9], [2, 6, 5, 0, 0, 0]])
ID_LENGTHS = tf.constant([6, 3])
DURATIONS = tf.constant([[2, 1, 3, 1, 4, 2], [2, 3, 2, 0, 0, 0]])
LEAST = tf.constant([[1, 0, 1, 0, 1, 1], [1, 0, 1, 0, 0, 0]])  # 0: a pause


def noise(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


GIVEN = {
    "text_states": noise(2, 6, 7),
    "utterance": noise(2, 3, seed=1),
    "noise": noise(2, 4, seed=2),
}
HEARD = {"pitch": noise(2, 6, seed=3), "energy": noise(2, 6, seed=4)}


def build(dtype="float32", **params):
    """A small network that speaks some three frames per symbol, with no value at its start."""
    keras.utils.set_random_seed(0)
    network = networks.build("GANTTSGenerator", SMALL | params, dtype=dtype)
    for i, variable in enumerate(network.variables):
        variable.assign(variable + 0.2 * noise(*variable.shape, seed=i))
    projection = network.predictors["duration"].projection
    projection.weight.assign(0.2 * projection.weight)
    projection.bias.assign([1.4])
    return network


@pytest.fixture(scope="module")
def plain():
    return build()


@pytest.fixture(scope="module")
def full():
    return build(**FULL)


def test_the_small_size_is_that_of_the_prototype():
    network = networks.build("GANTTSGenerator", {"n_symbols": 55})
    # Symbols, encoder, durations; to the decoder, positions, decoder, mel.
    encoder = 55 * 128 + 3 * (5 * 128 * 128 + 3 * 128) + 2 * (3 * 128 * 128 + 128) + 129
    decoder = 129 * 160 + 6 * 160 + 4 * (5 * 160 * 160 + 3 * 160) + 2 * 160 + 161 * 80
    assert networks.count_parameters(network) == encoder + decoder == 901_361


@pytest.mark.parametrize("name", ["plain", "full"])
def test_shapes_and_padding(name, request):
    network = request.getfixturevalue(name)
    given, heard = (GIVEN, HEARD) if name == "full" else ({}, {})
    both = network(IDS, ID_LENGTHS, DURATIONS, frames=15, **given, **heard)
    assert both["mel"].shape == (2, 15, 5)
    np.testing.assert_array_equal(tf.reduce_sum(tf.cast(both["frame_mask"], tf.int32), 1), [13, 7])
    np.testing.assert_array_equal(both["symbol"][1, :7], [0, 0, 1, 1, 1, 2, 2])
    assert np.all(both["mel"][0, 13:].numpy() == 0) and np.all(both["mel"][1, 7:].numpy() == 0)
    predicted = ["log_durations", *heard]
    for name in predicted:
        assert both[name].shape == (2, 6) and np.all(both[name][1, 3:].numpy() == 0)

    def cut(values, rank):
        return {k: v[1:, :3] if len(v.shape) == rank else v[1:] for k, v in values.items()}

    short = IDS[1:, :3], ID_LENGTHS[1:], DURATIONS[1:, :3]
    alone = network(*short, frames=7, **cut(given, 3), **cut(heard, 2))
    np.testing.assert_allclose(both["mel"][1:, :7], alone["mel"], atol=1e-5)
    for name in predicted:
        np.testing.assert_allclose(both[name][1:, :3], alone[name], atol=1e-5)
    both = network.infer(IDS, ID_LENGTHS, **given, least=LEAST)
    alone = network.infer(*short[:2], **cut(given, 3), least=LEAST[1:, :3])
    np.testing.assert_array_equal(both["durations"][1:, :3], alone["durations"])
    length = int(alone["lengths"][0])
    assert length == both["lengths"][1] < both["lengths"][0] == both["mel"].shape[1]
    np.testing.assert_allclose(both["mel"][1:, :length], alone["mel"], atol=1e-5)
    assert np.all(both["mel"][1, length:].numpy() == 0)


def test_pace_and_scale_set_the_length():
    network = build()
    network.predictors["duration"].projection.bias.assign([2.5])
    normal = network.infer(IDS, ID_LENGTHS)
    log_durations = network.predict(network.encode(IDS, ID_LENGTHS))["log_durations"]
    exact = np.expm1(log_durations) * (IDS.numpy() > 0)
    exact = exact.sum(axis=1)
    assert np.abs(exact - normal["lengths"].numpy()).max() <= 0.5
    np.testing.assert_array_equal(tf.reduce_sum(normal["durations"], axis=1), normal["lengths"])
    for options in ({"pace": 0.5}, {"duration_scale": 2.0}, {"pace": tf.constant([0.5, 0.5])}):
        slow = network.infer(IDS, ID_LENGTHS, **options)
        assert np.abs(2 * exact - slow["lengths"].numpy()).max() <= 0.5
    mixed = network.infer(IDS, ID_LENGTHS, pace=tf.constant([1.0, 0.5]))
    assert mixed["lengths"][0] == normal["lengths"][0]
    assert mixed["lengths"][1] == slow["lengths"][1]
    fast = network.infer(IDS, ID_LENGTHS, pace=1e6)
    np.testing.assert_array_equal(fast["lengths"], ID_LENGTHS)  # one frame each
    cut = network.infer(IDS, ID_LENGTHS, frames=20)
    assert cut["mel"].shape == (2, 20, 5) and cut["lengths"][0] == 20
    np.testing.assert_array_equal(cut["durations"], normal["durations"])


def test_a_pause_may_have_no_frame_and_a_spoken_symbol_never(plain):
    fast = plain.infer(IDS, ID_LENGTHS, pace=1e6, least=LEAST)
    np.testing.assert_array_equal(fast["durations"], LEAST)
    np.testing.assert_array_equal(fast["symbol"][0], [0, 2, 4, 5])  # of the frames, pauses left out
    np.testing.assert_array_equal(fast["symbol"][1, :2], [0, 2])
    slow = plain.infer(IDS, ID_LENGTHS, pace=0.5, least=LEAST)
    assert np.all(slow["durations"].numpy()[DURATIONS.numpy() > 0] > 0)  # pauses that are made
    for row, (symbol, length) in enumerate(zip(slow["symbol"], slow["lengths"], strict=True)):
        expected = np.repeat(np.arange(6), slow["durations"][row])
        np.testing.assert_array_equal(symbol[:length], expected)
    silent = plain.infer(IDS, ID_LENGTHS, pace=1e6, least=tf.zeros_like(LEAST))
    assert not np.any(silent["lengths"]) and not np.any(silent["mel"])
    assert silent["mel"].shape == (2, 1, 5)  # no network takes an empty row


def test_given_timing_speaks_as_the_network_s_own(full):
    spoken = full.infer(IDS, ID_LENGTHS, **GIVEN)
    frames = spoken["mel"].shape[1]
    heard = {name: spoken[name] for name in HEARD}
    again = full(IDS, ID_LENGTHS, spoken["durations"], frames=frames, **GIVEN, **heard)
    np.testing.assert_allclose(again["mel"], spoken["mel"], atol=1e-5)
    np.testing.assert_allclose(again["pitch"], spoken["pitch"], atol=1e-5)


def test_pitch_energy_and_noise_are_heard(full):
    plain = full.infer(IDS, ID_LENGTHS, **GIVEN)
    for name, options in (
        ("pitch", {"pitch_shift": 1.5}),
        ("energy", {"energy_shift": tf.constant([1.5, 1.5])}),
    ):
        shifted = full.infer(IDS, ID_LENGTHS, **GIVEN, **options)
        np.testing.assert_array_equal(shifted["durations"], plain["durations"])
        difference = (shifted[name] - plain[name]).numpy()
        np.testing.assert_allclose(difference[0], 1.5, atol=1e-5)
        assert np.all(difference[1, 3:] == 0)
        assert np.abs(shifted["mel"] - plain["mel"]).max() > 1e-2
    silent = full.infer(IDS, ID_LENGTHS, **(GIVEN | {"noise": None}))
    zeros = full.infer(IDS, ID_LENGTHS, **(GIVEN | {"noise": tf.zeros((2, 4))}))
    np.testing.assert_array_equal(silent["mel"], zeros["mel"])
    call = [
        full(IDS, ID_LENGTHS, DURATIONS, frames=13, **g, **HEARD)
        for g in (GIVEN, GIVEN | {"noise": -GIVEN["noise"]})
    ]
    assert np.abs(call[0]["mel"] - call[1]["mel"]).max() > 1e-2
    assert np.abs(call[0]["log_durations"] - call[1]["log_durations"]).max() > 1e-3


def test_film_starts_as_no_modulation():
    params = FULL | {"encoder_heads": 0, "decoder_heads": 0}
    network = networks.build("GANTTSGenerator", SMALL | params)
    block = network.decoder[0]
    assert not np.any(block.modulation.weight) and not np.any(block.modulation.bias)
    assert build(**(params | {"conditioning": "add"})).decoder[0].modulation is None


def gradients(network, names, training=True):
    given = GIVEN if network.uses_bert else {name: GIVEN[name] for name in network.conditions}
    heard = {name: HEARD[name] for name in network.variance_embeddings}
    with tf.GradientTape() as tape:
        outputs = network(
            IDS,
            ID_LENGTHS,
            DURATIONS,
            frames=13,
            **given,
            **heard,
            training=training,
            seed=tf.constant([0, 1]),
        )
        losses = {
            "mel": lambda x: MaskedLoss()(x, tf.ones_like(x), outputs["frame_mask"]),
            "log_durations": lambda x: DurationLoss()(x, DURATIONS, DURATIONS > 0),
            "pitch": lambda x: MaskedLoss("mse")(x, HEARD["pitch"], DURATIONS > 0),
        }
        loss = tf.add_n([losses[name](outputs[name]) for name in names])
    values = tape.gradient(loss, [v.value for v in network.trainable_variables])
    paths = [variable.path.split("/", 1)[1] for variable in network.trainable_variables]
    return loss, {p: g for p, g in zip(paths, values, strict=True) if g is not None}


def test_gradients_reach_what_they_should_and_nothing_else(full):
    paths = {variable.path.split("/", 1)[1] for variable in full.trainable_variables}
    predictors = {p for p in paths if "predictor" in p}
    assert set(gradients(full, ["log_durations"])[1]) == {
        p for p in paths if p.startswith("duration_predictor")
    }
    mel = gradients(full, ["mel"])[1]
    assert set(mel) == paths - predictors
    assert all(np.any(tf.convert_to_tensor(g).numpy() != 0) for g in mel.values())
    pitch = set(gradients(full, ["pitch"])[1])
    assert {p for p in pitch if "predictor" in p} == {p for p in paths if "pitch_predictor" in p}
    assert "embedding/weight" in pitch and not any(p.startswith("decoder") for p in pitch)


def test_dropout_is_a_function_of_the_seed():
    network = build(dropout=0.3)

    def speak(seed, training=True):
        outputs = network(
            IDS, ID_LENGTHS, DURATIONS, frames=13, training=training, seed=tf.constant(seed)
        )
        return outputs["mel"].numpy(), outputs["log_durations"].numpy()

    for a, b, c in zip(speak([1, 2]), speak([1, 2]), speak([1, 3]), strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.abs(a - c).max() > 1e-3
    for a, b in zip(speak([1, 2], training=False), speak([1, 3], training=False), strict=True):
        np.testing.assert_array_equal(a, b)


def test_mixed_precision_keeps_variables_sums_and_outputs_in_float32(full):
    ours, theirs = build("mixed_bfloat16", **FULL), full
    for variable, value in zip(ours.variables, theirs.variables, strict=True):
        variable.assign(value)
    assert {variable.dtype for variable in ours.variables} == {"float32"}
    text = ours.encode(IDS, ID_LENGTHS, **GIVEN)
    assert text.states.dtype == tf.float32
    assert ours.encoder[0].conv(text.states).dtype == tf.bfloat16
    assert ours.norm(text.states[..., :8]).dtype == tf.float32
    a, b = (x(IDS, ID_LENGTHS, DURATIONS, frames=13, **GIVEN, **HEARD) for x in (ours, theirs))
    for name in ("mel", "log_durations", "pitch", "energy"):
        assert a[name].dtype == tf.float32
        difference, spread = a[name] - b[name], tf.math.reduce_std(b[name])
        assert 0 < float(tf.math.reduce_std(difference)) < 0.05 * float(spread), name
    values = gradients(ours, ["mel", "log_durations", "pitch"])[1].values()
    for gradient in values:
        gradient = tf.convert_to_tensor(gradient)
        assert gradient.dtype == tf.float32 and np.all(np.isfinite(gradient))


def test_static_shapes_compile_without_a_difference():
    shallow = {"encoder_layers": 1, "decoder_layers": 1, "predictor_layers": 1}
    shallow |= {"dropout": 0.0, "predictor_dropout": 0.0}
    network = build(**shallow, noise_dim=4, conditioning="film")

    def step():
        _, values = gradients(network, ["mel", "log_durations"])
        return {p: tf.convert_to_tensor(g) for p, g in values.items()}

    for run in (step, lambda: network.infer(IDS, ID_LENGTHS, frames=20, least=LEAST)):
        expected, compiled = run(), tf.function(run, jit_compile=True)()
        for name, value in compiled.items():
            np.testing.assert_allclose(value, expected[name], atol=1e-5)


def test_one_trace_serves_every_shape(plain):
    vector, matrix = tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None, None), tf.int32)
    speak = tf.function(
        lambda ids, lengths, least: plain.infer(ids, lengths, least=least),
        input_signature=[matrix, vector, matrix],
    )
    for given in ((IDS, ID_LENGTHS, LEAST), (IDS[:1, :4], ID_LENGTHS[1:], LEAST[:1, :4])):
        expected = plain.infer(*given[:2], least=given[2])
        for name, value in speak(*given).items():
            np.testing.assert_allclose(value, expected[name], atol=1e-5)
    assert speak.experimental_get_tracing_count() == 1


def test_a_network_rebuilds_from_its_configuration(full):
    rebuilt = type(full).from_config(full.get_config())
    assert rebuilt.get_config() == full.get_config()
    paths = [variable.path for variable in full.variables]
    assert [variable.path for variable in rebuilt.variables] == paths
    assert len(set(paths)) == len(paths)
    for ours, theirs in zip(rebuilt.variables, full.variables, strict=True):
        ours.assign(theirs)
    a, b = (x.infer(IDS, ID_LENGTHS, **GIVEN)["mel"] for x in (rebuilt, full))
    np.testing.assert_array_equal(a, b)


def test_wrong_arguments_are_answered(plain, full):
    for params, message in (
        ({"text_encoder": "gpt2"}, "'gpt2' is unknown: one of symbols, bert"),
        ({"conditioning": "concat"}, "'concat' is unknown: one of add, film"),
        ({"conditioning": "film"}, "film needs utterance_dim or noise_dim"),
        ({"decoder_kernel_size": 4}, "decoder_kernel_size 4 must be odd"),
        ({"predictor_layers": 0}, "predictor_layers 0 must be at least 1"),
        ({"dropout": 1.0}, "must be in"),
        ({"encoder_heads": 5}, "5 attention heads"),
        ({"n_mel_channel": 80}, "'n_mel_channels'"),
    ):
        with pytest.raises(HparamsError, match=message):
            networks.build("GANTTSGenerator", SMALL | params)
    with pytest.raises(HparamsError, match="text_states is needed"):
        full.infer(IDS, ID_LENGTHS, utterance=GIVEN["utterance"])
    with pytest.raises(HparamsError, match="noise is given, but the model has none"):
        plain.infer(IDS, ID_LENGTHS, noise=GIVEN["noise"])
    with pytest.raises(HparamsError, match="pitch is needed"):
        full(IDS, ID_LENGTHS, DURATIONS, frames=13, **GIVEN)
