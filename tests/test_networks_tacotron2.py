"""Tacotron 2: its loop against one written out; padding, stopping, noise, precision."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts import networks
from tf_gantts.errors import HparamsError

SMALL = {
    "n_symbols": 20,
    "symbols_embedding_dim": 8,
    "encoder_n_convolutions": 2,
    "encoder_embedding_dim": 12,
    "n_mel_channels": 5,
    "prenet_dim": 6,
    "attention_rnn_dim": 10,
    "decoder_rnn_dim": 9,
    "attention_dim": 7,
    "attention_location_n_filters": 3,
    "attention_location_kernel_size": 5,
    "postnet_embedding_dim": 8,
    "postnet_n_convolutions": 3,
    "max_decoder_steps": 9,
}
SILENT = {"prenet_dropout": 0.0}
IDS = tf.constant([[3, 1, 4, 1, 5, 9], [2, 6, 5, 0, 0, 0]])
ID_LENGTHS = tf.constant([6, 3])
MEL_LENGTHS = tf.constant([8, 5])
NAMES = ("mel", "mel_postnet", "gate", "alignments")


def noise(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


def build(**params):
    """A small network whose biases and statistics are not at their initial values."""
    network = networks.build("Tacotron2", SMALL | params)
    for i, variable in enumerate(network.variables):
        value = variable + 0.3 * noise(*variable.shape, seed=i)
        variable.assign(tf.abs(value) if variable.name == "running_var" else value)
    return network


MEL = noise(2, 8, 5)


def forced(network, **options):
    return network(IDS, ID_LENGTHS, MEL, MEL_LENGTHS, **options)


def step_by_step(network, memory, mask, frames):
    """The decoder as the paper has it: one step after the other, nothing before or after them."""
    decoder = network.decoder
    batch = memory.shape[0]
    query, query_cell = decoder.attention_rnn.zero_state(batch)
    hidden, cell = decoder.decoder_rnn.zero_state(batch)
    context, alignment = tf.zeros_like(memory[:, 0]), tf.zeros(mask.shape)
    cumulative, mels, gates, alignments = alignment, [], [], []
    for frame in tf.unstack(frames, axis=1):
        joined = tf.concat([frame, context], axis=1)
        query, query_cell = decoder.attention_rnn(joined, query, query_cell)
        context, alignment = decoder.attention(query, memory, mask, alignment, cumulative)
        cumulative += alignment
        joined = tf.concat([query, context], axis=1)
        hidden, cell = decoder.decoder_rnn(joined, hidden, cell)
        features = tf.concat([hidden, context], axis=1)
        mels.append(decoder.projection(features))
        gates.append(decoder.gate(features)[:, 0])
        alignments.append(alignment)
    return tuple(tf.stack(values, axis=1) for values in (mels, gates, alignments))


def test_the_loop_and_its_gradients_are_those_of_one_step_after_the_other():
    network = build(**SILENT, p_zoneout=0.2, attention_query_bias=True)
    memory, mask = network.encode(IDS, ID_LENGTHS)
    frames = noise(2, 4, 6)
    weights = [noise(2, 4, 5, seed=1), noise(2, 4, seed=2), noise(2, 4, 6, seed=3)]
    sources = [memory, frames, *network.decoder.trainable_variables]

    def with_gradients(decode, memory, mask, frames):
        with tf.GradientTape() as tape:
            tape.watch([memory, frames])
            outputs = decode(memory, mask, frames)
            loss = tf.add_n([tf.reduce_sum(w * y) for w, y in zip(weights, outputs, strict=True)])
        gradients = tape.gradient(loss, [memory, frames, *(v.value for v in sources[2:])])
        return outputs, gradients

    prenet = {variable.path for variable in network.decoder.prenet.variables}
    inputs = (memory, mask, frames)
    expected = with_gradients(lambda *given: step_by_step(network, *given), *inputs)
    shapes = [tf.TensorSpec((None, None, x.shape[2])) for x in (memory, frames)]
    signature = [shapes[0], tf.TensorSpec((None, None), tf.bool), shapes[1]]
    for options in ({"input_signature": signature}, {"jit_compile": True}):
        compiled = tf.function(lambda *given: with_gradients(network.decoder, *given), **options)
        ours = compiled(*inputs)
        for a, b in zip(ours[0], expected[0], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)
        for source, a, b in zip(sources, ours[1], expected[1], strict=True):
            if getattr(source, "path", None) in prenet:  # its output was given
                assert a is None and b is None
            else:
                np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(b).max())


@pytest.mark.parametrize("per_step", [1, 2])
def test_teacher_forcing_on_its_own_speech_says_the_same(per_step):
    network = build(**SILENT, n_frames_per_step=per_step, max_decoder_steps=7, gate_threshold=1.0)
    spoken = network.infer(IDS, ID_LENGTHS)
    assert spoken["mel"].shape == (2, 7 * per_step, 5)
    again = network(IDS, ID_LENGTHS, spoken["mel"], spoken["lengths"])
    for name in NAMES:
        np.testing.assert_allclose(again[name], spoken[name], atol=1e-5)


def test_an_odd_number_of_frames_at_two_per_step():
    network = build(**SILENT, n_frames_per_step=2)
    mel = MEL[:, :7]
    outputs = network(IDS, ID_LENGTHS, mel, tf.constant([7, 4]))
    assert outputs["mel"].shape == outputs["mel_postnet"].shape == (2, 7, 5)
    assert outputs["gate"].shape == (2, 4) and outputs["alignments"].shape == (2, 4, 6)
    np.testing.assert_array_equal(outputs["gate"][1, 2:], [1000.0, 1000.0])
    # Frame 6 is in the last step, which sees frames 4 and 5 but no later one.
    other = tf.concat([mel[:, :6], mel[:, 6:] + 1.0], axis=1)
    changed = network(IDS, ID_LENGTHS, other, tf.constant([7, 4]))
    np.testing.assert_array_equal(changed["mel"], outputs["mel"])
    frames = network.previous_frames(mel).numpy()
    np.testing.assert_array_equal(frames[:, 0], np.zeros((2, 10)))
    np.testing.assert_array_equal(frames[:, 3], tf.reshape(mel[:, 4:6], (2, 10)))


def test_padding_changes_nothing_for_the_shorter_utterance():
    network = build(**SILENT)
    short = IDS[1:, :3], ID_LENGTHS[1:]
    both, alone = forced(network), network(*short, MEL[1:, :5], MEL_LENGTHS[1:])
    for name in NAMES:
        ours = both[name][1:, :5]
        ours = ours[..., :3] if name == "alignments" else ours
        np.testing.assert_allclose(ours, alone[name], atol=1e-5)
    assert np.all(both["alignments"][1, :, 3:].numpy() == 0)
    assert np.all(both["mel"][1, 5:].numpy() == 0) and np.all(both["gate"][1, 5:].numpy() == 1e3)
    both, alone = network.infer(IDS, ID_LENGTHS), network.infer(*short)
    assert both["lengths"][1] == alone["lengths"][0]
    length = int(alone["lengths"][0])
    for name in ("mel", "mel_postnet", "gate"):
        np.testing.assert_allclose(both[name][1:, :length], alone[name], atol=1e-5)
    np.testing.assert_allclose(both["alignment_score"][1], alone["alignment_score"][0], atol=1e-5)


def test_padding_reaches_the_convolutions_of_the_reference_only():
    network = build(**SILENT, mask_convolutions=False)
    outputs = forced(network)
    other = network(tf.where(IDS == 0, 7, IDS), ID_LENGTHS, MEL, MEL_LENGTHS)
    assert np.abs(outputs["mel"][1] - other["mel"][1]).max() > 1e-3


def set_gate(network, logit):
    network.decoder.gate.weight.assign(tf.zeros_like(network.decoder.gate.weight))
    network.decoder.gate.bias.assign([logit])


def test_speech_ends_within_the_bounds_that_the_text_gives():
    network = build(**SILENT)
    set_gate(network, 3.0)  # always ends
    spoken = network.infer(IDS, ID_LENGTHS, min_frames_per_symbol=1.2)
    np.testing.assert_array_equal(spoken["lengths"], [8, 4])
    np.testing.assert_array_equal(spoken["finished"], [True, True])
    assert spoken["mel"].shape == (2, 8, 5)
    assert np.all(spoken["mel_postnet"][1, 4:].numpy() == 0)
    assert np.all(spoken["alignments"][1, 4:].numpy() == 0)
    np.testing.assert_array_equal(network.infer(IDS, ID_LENGTHS)["lengths"], [1, 1])
    set_gate(network, -3.0)  # never ends
    for options, lengths in (
        ({}, [9, 9]),
        ({"max_frames": 6}, [6, 6]),
        ({"max_frames_per_symbol": 1.1}, [7, 4]),
        ({"max_frames": 5, "max_frames_per_symbol": 1.1}, [5, 4]),
    ):
        spoken = network.infer(IDS, ID_LENGTHS, **options)
        np.testing.assert_array_equal(spoken["lengths"], lengths)
        np.testing.assert_array_equal(spoken["finished"], [False, False])


def test_the_attention_stays_within_its_window():
    network = build(**SILENT, gate_threshold=1.0)
    free = network.infer(IDS, ID_LENGTHS)["alignments"].numpy()
    alignments = network.infer(IDS, ID_LENGTHS, attention_window=(0, 1))["alignments"].numpy()
    assert np.any(free[0, 0, 2:] > 0)
    centre = 0
    for row in alignments[0]:
        assert np.all(row[:centre] == 0) and np.all(row[centre + 2 :] == 0)
        np.testing.assert_allclose(row.sum(), 1.0, atol=1e-6)
        centre = int(np.argmax(row))


def test_noise_is_a_function_of_the_seed():
    network = build(gate_threshold=1.0)
    one, two = tf.constant([1, 2]), tf.constant([1, 3])
    for say in (
        lambda seed: network.infer(IDS, ID_LENGTHS, seed=seed)["mel"],
        lambda seed: forced(network, seed=seed)["mel"],  # the prenet's, also without training
    ):
        np.testing.assert_array_equal(say(one), say(one))
        assert np.abs(say(one) - say(two)).max() > 1e-3
    first = network.decoder.prenet.layers[0]
    first.weight.assign(tf.ones_like(first.weight))
    network.decoder.prenet.layers = [first]
    steps = network.decoder.prenet(tf.ones((300, 5)), one).numpy()
    assert set(np.unique(steps)) == {0.0, 10.0} and 0.4 < np.mean(steps == 0) < 0.6


def test_speech_does_not_depend_on_what_is_spoken_beside_it():
    network = build(gate_threshold=1.0)
    both, alone = network.infer(IDS, ID_LENGTHS), network.infer(IDS[1:, :3], ID_LENGTHS[1:])
    np.testing.assert_allclose(both["mel"][1:], alone["mel"], atol=1e-5)
    still = build(**SILENT, gate_threshold=1.0).infer(IDS, ID_LENGTHS)  # there is dropout above
    assert np.abs(both["mel"] - still["mel"]).max() > 1e-2


def test_training_drops_out_zones_out_and_moves_the_statistics():
    network = build(**SILENT, p_attention_dropout=0.4, p_decoder_dropout=0.4, p_zoneout=0.3)
    norm = network.encoder_convs.convs[0].norm
    before = norm.running_mean.numpy()
    one = network.decoder(*network.encode(IDS, ID_LENGTHS), noise(2, 8, 6), tf.constant([1, 2]))
    other = network.decoder(*network.encode(IDS, ID_LENGTHS), noise(2, 8, 6), tf.constant([2, 2]))
    assert np.abs(one[0] - other[0]).max() > 1e-3
    np.testing.assert_array_equal(before, norm.running_mean)
    a = forced(network, training=True, seed=tf.constant([1, 2]))
    assert np.abs(before - norm.running_mean).max() > 1e-3
    b = forced(network, training=True, seed=tf.constant([1, 2]))
    np.testing.assert_allclose(a["mel_postnet"], b["mel_postnet"], atol=1e-5)


def gradients(network, *inputs):
    with tf.GradientTape() as tape:
        outputs = network(*inputs, training=True, seed=tf.constant([0, 1]))
        parts = [tf.reduce_mean(tf.square(outputs[name])) for name in ("mel_postnet", "alignments")]
        loss = tf.add_n([*parts, tf.reduce_mean(tf.nn.sigmoid(outputs["gate"]))])
    return loss, tape.gradient(loss, network.trainable_variables)


def test_static_shapes_compile_without_a_difference():
    network = build(**SILENT, encoder_n_convolutions=1, postnet_n_convolutions=2)
    compiled = tf.function(lambda: forced(network), jit_compile=True)()
    for name, expected in forced(network).items():
        np.testing.assert_allclose(compiled[name], expected, atol=1e-5)


def test_one_trace_serves_every_shape():
    network = build(encoder_n_convolutions=1, postnet_n_convolutions=2)
    vector, matrix = tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None, None), tf.int32)
    specs = [matrix, vector, tf.TensorSpec((None, None, 5)), vector]
    call = tf.function(
        lambda *inputs: network(*inputs, training=True)["gate"], input_signature=specs
    )
    for rows, symbols, frames in ((2, 6, 8), (1, 4, 3)):
        lengths = tf.fill((rows,), symbols), tf.fill((rows,), frames)
        gate = call(IDS[:rows, :symbols], lengths[0], MEL[:rows, :frames], lengths[1])
        assert gate.shape == (rows, frames)
    assert call.experimental_get_tracing_count() == 1
    speak = tf.function(network.infer, input_signature=specs[:2])
    for ids, lengths in ((IDS, ID_LENGTHS), (IDS[:1, :4], ID_LENGTHS[1:])):
        expected = network.infer(ids, lengths)
        for name, value in speak(ids, lengths).items():
            np.testing.assert_allclose(
                tf.cast(value, tf.float32), tf.cast(expected[name], tf.float32), atol=1e-4
            )
    assert speak.experimental_get_tracing_count() == 1


def test_mixed_precision_keeps_variables_attention_and_outputs_in_float32():
    network = networks.build("Tacotron2", SMALL, dtype="mixed_bfloat16")
    reference = networks.build("Tacotron2", SMALL)
    for variable, value in zip(reference.variables, network.variables, strict=True):
        variable.assign(value)
    assert {variable.dtype for variable in network.variables} == {"float32"}
    ours, theirs = forced(network), forced(reference)
    for name in NAMES:
        assert ours[name].dtype == tf.float32
        np.testing.assert_allclose(ours[name], theirs[name], atol=0.1)
    weights = tf.reduce_sum(ours["alignments"], axis=2)
    np.testing.assert_allclose(weights, np.ones((2, 8)), atol=1e-6)
    assert network.encode(IDS, ID_LENGTHS)[0].dtype == tf.bfloat16
    assert network.infer(IDS, ID_LENGTHS)["mel"].dtype == tf.float32
    for gradient in gradients(network, IDS, ID_LENGTHS, MEL, MEL_LENGTHS)[1]:
        assert gradient.dtype == tf.float32 and np.all(np.isfinite(gradient))


def test_speaker_and_style_are_added_to_what_the_encoder_returns():
    network = build(**SILENT, n_speakers=3, n_styles=2, condition_embedding_dim=4)
    plain = build(**SILENT)
    assert len(network.trainable_variables) == len(plain.trainable_variables) + 4
    for variable in plain.encoder_convs.variables + plain.encoder_lstm.variables:
        theirs = {v.path.split("/", 1)[1]: v for v in network.variables}
        theirs[variable.path.split("/", 1)[1]].assign(variable)
    network.embedding.weight.assign(plain.embedding.weight)
    given = {"speaker": tf.constant([2, 0]), "style": tf.constant([1, 1])}
    memory, _ = network.encode(IDS, ID_LENGTHS, **given)
    added = network.conditions["speaker"](given["speaker"])
    added += network.conditions["style"](given["style"])
    expected = plain.encode(IDS, ID_LENGTHS)[0] + added
    np.testing.assert_allclose(memory[0], expected[0], atol=1e-5)
    np.testing.assert_allclose(memory[1, :3], expected[1, :3], atol=1e-5)
    assert np.all(memory[1, 3:].numpy() == 0)
    assert network.infer(IDS, ID_LENGTHS, **given)["mel"].shape[2] == 5
    with pytest.raises(HparamsError, match="style is needed"):
        network.infer(IDS, ID_LENGTHS, speaker=given["speaker"])
    with pytest.raises(HparamsError, match="speaker is given, but the model has none"):
        plain.infer(IDS, ID_LENGTHS, speaker=given["speaker"])


def test_a_network_rebuilds_from_its_configuration():
    network = build(n_frames_per_step=2, n_styles=2, p_zoneout=0.1)
    rebuilt = networks.Network.from_config.__func__(type(network), network.get_config())
    assert rebuilt.get_config() == network.get_config()
    paths = [variable.path for variable in network.variables]
    assert [variable.path for variable in rebuilt.variables] == paths
    assert len(set(paths)) == len(paths)


def test_the_full_size_is_the_first_seed_s():
    # Logged by its training; NVIDIA/tacotron2 has 128 fewer for the query and 81 more symbols.
    network = networks.build("Tacotron2", {"n_symbols": 67, "attention_query_bias": True})
    assert networks.count_parameters(network) == 28_151_809


def test_wrong_arguments_are_answered():
    for params, message in (
        ({"encoder_kernel_size": 4}, "encoder_kernel_size 4 must be odd"),
        ({"encoder_embedding_dim": 7}, "must be even"),
        ({"n_frames_per_step": 0}, "n_frames_per_step 0 must be at least 1"),
        ({"n_mel_channel": 80}, "'n_mel_channels'"),
    ):
        with pytest.raises(HparamsError, match=message):
            networks.build("Tacotron2", SMALL | params)
