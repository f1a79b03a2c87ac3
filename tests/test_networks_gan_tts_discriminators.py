"""GAN-TTS' two discriminators and the encoder from speech to text embeddings."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts import networks
from tf_gantts.errors import HparamsError
from tf_gantts.losses import DiscriminatorAdversarialLoss, FeatureMatchLoss

WINDOWS = {
    "window_sizes": [4, 8],
    "channels": [3, 4],
    "kernel_sizes": [[3, 5], [3, 3]],
    "strides": [[1, 2], [2, 2]],
}
SPEECH = {"n_mel_channels": 6, "embedding_dim": 5, "channels": 8, "layers": 2, "pooling_heads": 2}
UTTERANCE = {"embedding_dim": 5, "channels": [6, 4]}


def noise(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


def build(name, params, dtype="float32"):
    network = networks.build(name, params, dtype=dtype)
    for i, variable in enumerate(network.variables):
        variable.assign(variable + 0.2 * noise(*variable.shape, seed=i))
    return network


def test_windows_are_judged_at_their_places():
    network = build("MelWindowDiscriminator", WINDOWS)
    mel, starts = noise(2, 20, 6), tf.constant([[3, 0], [16, 12]])
    maps = network(mel, starts)
    assert [[tuple(x.shape) for x in part] for part in maps] == [
        [(2, 4, 3, 3), (2, 2, 2, 4), (2, 2, 2, 1)],
        [(2, 8, 3, 3), (2, 4, 2, 4), (2, 4, 2, 1)],
    ]
    for i, (size, judge) in enumerate(zip((4, 8), network.discriminators, strict=True)):
        for row in range(2):
            first = int(starts[row, i])
            alone = judge(mel[row : row + 1, first : first + size])
            for ours, theirs in zip(maps[i], alone, strict=True):
                np.testing.assert_allclose(ours[row : row + 1], theirs, atol=1e-5)
    # The gradient goes where the windows are, and nowhere else.
    with tf.GradientTape() as tape:
        tape.watch(mel)
        total = tf.add_n([tf.reduce_sum(part[-1]) for part in network(mel, starts)])
    seen = np.any(tape.gradient(total, mel).numpy() != 0, axis=2)
    np.testing.assert_array_equal(np.flatnonzero(seen[0]), np.arange(8))
    np.testing.assert_array_equal(np.flatnonzero(seen[1]), np.arange(12, 20))


def test_window_starts_reach_every_place_in_the_row_and_no_other():
    network = networks.build("MelWindowDiscriminator", WINDOWS)
    shares = np.random.default_rng(0).uniform(size=(600, 2)).astype(np.float32)
    shares[0] = np.nextafter(np.float32(1), np.float32(0))
    lengths = tf.constant([9, 8, 3] * 200)
    starts = network.window_starts(lengths, shares).numpy()
    assert set(starts[::3, 0]) == set(range(6)) and set(starts[::3, 1]) == {0, 1}
    assert set(starts[1::3, 0]) == set(range(5)) and set(starts[1::3, 1]) == {0}
    assert not starts[2::3].any()


def test_what_lies_beyond_a_row_is_zero_for_both_sides():
    network = build("MelWindowDiscriminator", WINDOWS)
    mel, lengths = noise(2, 6, 6), tf.constant([6, 3])
    starts = network.window_starts(lengths, tf.fill((2, 2), 0.99))
    np.testing.assert_array_equal(starts, [[2, 0], [0, 0]])
    other = tf.concat([mel[:, :3], tf.concat([mel[:1, 3:], noise(1, 3, 6, seed=9)], 0)], axis=1)
    a, b = network(mel, starts, lengths), network(other, starts, lengths)
    for ours, theirs in zip(tf.nest.flatten(a), tf.nest.flatten(b), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    short, long = network.cut(mel, starts, lengths)
    np.testing.assert_array_equal(long[0], tf.pad(mel[0], [[0, 2], [0, 0]]))
    np.testing.assert_array_equal(short[1], tf.pad(mel[1, :3], [[0, 1], [0, 0]]))


def test_the_recipe_s_windows_have_the_prototype_s_size():
    network = networks.build("MelWindowDiscriminator", {"window_sizes": [64]})
    sizes = 16 * (15 + 1), 32 * (15 * 16 + 1), 32 * (15 * 32 + 1), 32 * (9 * 32 + 1), 9 * 32 + 1
    assert networks.count_parameters(network) == sum(sizes)
    scores = network(noise(1, 64, 80), tf.constant([[0]]))[0][-1]
    assert scores.shape == (1, 16, 5, 1)


def test_an_embedding_does_not_depend_on_the_lengths_beside_it():
    network = build("SpeechTextEncoder", SPEECH)
    mel, lengths = noise(2, 13, 6), tf.constant([13, 7])
    both, alone = network(mel, lengths), network(mel[1:, :7], lengths[1:])
    assert both.shape == (2, 5) and both.dtype == tf.float32
    np.testing.assert_allclose(both[1:], alone, atol=1e-5)
    changed = network(mel + tf.pad(tf.ones((2, 1, 6)), [[0, 0], [6, 6], [0, 0]]), lengths)
    assert np.all(np.abs(changed - both).max(axis=1) > 1e-4)  # the last frame counts
    dropped = [network(mel, lengths, training=True, seed=tf.constant([0, i])) for i in (1, 1, 2)]
    np.testing.assert_array_equal(dropped[0], dropped[1])
    assert np.abs(dropped[0] - dropped[2]).max() > 1e-4


def test_an_embedding_can_be_recovered_from_speech():
    """Two texts, each in one frequency band: a few steps tell them apart."""
    network = networks.build("SpeechTextEncoder", SPEECH | {"dropout": 0.0})
    band = np.repeat(np.eye(2), 3, axis=1)[:, np.newaxis]
    mel, lengths = noise(8, 12, 6) + np.tile(3 * band, (4, 1, 1)), tf.constant([12, 9] * 4)
    texts = tf.tile(noise(2, 5, seed=1), [4, 1])
    optimizer = tf.keras.optimizers.Adam(0.01)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(network(mel, lengths, training=True) - texts))
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    first, *_, last = (float(step()) for _ in range(30))
    assert last < 0.1 * first


def test_utterances_are_judged_alone_or_beside_their_text():
    # The first seed's size: 229,889.
    single = networks.build("UtteranceDiscriminator", {"judges_pairs": False})
    assert networks.count_parameters(single) == 229_889
    pairs = build("UtteranceDiscriminator", UTTERANCE)
    ours, text = noise(3, 5), noise(3, 5, seed=1)
    (maps,) = pairs(ours, text)
    assert [tuple(x.shape) for x in maps] == [(3, 6), (3, 4), (3, 1)]
    mismatched = pairs(ours, tf.roll(text, 1, axis=0))[0][-1]
    assert np.abs(mismatched - maps[-1]).min() > 1e-4
    real, fake = DiscriminatorAdversarialLoss(loss_type="bce")(pairs(ours, text), [maps])
    assert np.isfinite(real) and np.isfinite(fake)
    assert float(FeatureMatchLoss()([maps], pairs(ours, text))) == 0.0
    with pytest.raises(HparamsError, match="text is needed"):
        pairs(ours)
    with pytest.raises(HparamsError, match="text is given, but not judged"):
        build("UtteranceDiscriminator", UTTERANCE | {"judges_pairs": False})(ours, text)


def outputs(name, network):
    if name == "MelWindowDiscriminator":
        return network(noise(2, 20, 6), tf.constant([[3, 0], [9, 2]]), tf.constant([20, 12]))
    if name == "SpeechTextEncoder":
        return network(noise(2, 13, 6), tf.constant([13, 7]), training=True)
    return network(noise(2, 5), noise(2, 5, seed=1))


CASES = [
    ("MelWindowDiscriminator", WINDOWS | {"use_weight_norm": True}),
    ("SpeechTextEncoder", SPEECH),
    ("UtteranceDiscriminator", UTTERANCE),
]


@pytest.mark.parametrize(("name", "params"), CASES)
def test_networks_rebuild_fold_and_compile_with_the_same_output(name, params):
    network = build(name, params)
    rebuilt = type(network).from_config(network.get_config())
    assert rebuilt.get_config() == network.get_config()
    paths = [variable.path for variable in network.variables]
    assert [variable.path for variable in rebuilt.variables] == paths
    assert len(set(paths)) == len(paths)
    folded = networks.fold_weight_norm(network)

    with tf.GradientTape() as tape:
        expected = tf.nest.flatten(outputs(name, network))
        loss = tf.add_n([tf.reduce_mean(tf.square(tf.cast(x, tf.float32))) for x in expected])
    gradients = tape.gradient(loss, [v.value for v in network.trainable_variables])
    assert all(np.any(gradient.numpy() != 0) for gradient in gradients)
    compiled = tf.function(lambda: tf.nest.flatten(outputs(name, network)), jit_compile=True)()
    for ours, theirs in zip(compiled, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    for ours, theirs in zip(tf.nest.flatten(outputs(name, folded)), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize(("name", "params"), CASES)
def test_mixed_precision_is_close_and_scores_in_float32(name, params):
    ours, theirs = build(name, params, "mixed_bfloat16"), build(name, params)
    for variable, value in zip(theirs.variables, ours.variables, strict=True):
        assert value.dtype == "float32"
        variable.assign(value)
    result = tf.nest.flatten(outputs(name, ours))
    for a, b in zip(result, tf.nest.flatten(outputs(name, theirs)), strict=True):
        difference, spread = tf.cast(a, tf.float32) - b, tf.math.reduce_std(b)
        assert float(tf.math.reduce_std(difference)) < 0.05 * float(spread)
    assert result[-1].dtype == result[0].dtype == tf.float32
    if name == "MelWindowDiscriminator":
        assert result[1].dtype == tf.bfloat16


def test_wrong_arguments_are_answered():
    for name, params, message in (
        ("MelWindowDiscriminator", {"window_sizes": []}, "at least one, in frames"),
        ("MelWindowDiscriminator", {"channels": [16]}, "1 channels, 4 kernel_sizes and 4 strides"),
        ("MelWindowDiscriminator", WINDOWS | {"kernel_sizes": [[3, 4], [3, 3]]}, "must be odd"),
        ("MelWindowDiscriminator", {"window_size": [64]}, "'window_sizes'"),
        ("SpeechTextEncoder", {"kernel_size": 4}, "kernel_size 4 must be odd"),
        ("SpeechTextEncoder", {"pooling_heads": 0}, "must be at least 1"),
        ("UtteranceDiscriminator", {"channels": []}, "one layer at least"),
    ):
        with pytest.raises(HparamsError, match=message):
            networks.build(name, params)
