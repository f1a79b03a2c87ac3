"""Tacotron 2's losses against their formulas, and what padding does to them."""

import numpy as np
import tensorflow as tf

from tf_gantts.losses.tacotron2 import GuidedAttentionLoss, MelLoss, StopTokenLoss

RNG = np.random.default_rng(0)
LENGTHS = tf.constant([5, 3])


def softplus(x):
    return np.log1p(np.exp(x))


def test_mel_loss_leaves_padding_out_or_counts_it():
    mel, target = RNG.standard_normal((2, 2, 5, 4))
    squares = (mel - target) ** 2
    kept = np.concatenate([squares[0], squares[1, :3]])
    np.testing.assert_allclose(MelLoss()(mel, target, LENGTHS), kept.mean(), rtol=1e-6)
    loss = MelLoss(masked=False)(mel, target, LENGTHS)
    np.testing.assert_allclose(loss, squares.mean(), rtol=1e-6)
    mel[1, 3:] = np.nan
    with tf.GradientTape() as tape:
        variable = tf.constant(np.nan_to_num(mel, nan=1e30), tf.float32)
        tape.watch(variable)
        loss = MelLoss()(variable, target, LENGTHS)
    np.testing.assert_allclose(loss, kept.mean(), rtol=1e-6)
    assert np.all(tape.gradient(loss, variable)[1, 3:] == 0)


def test_stop_token_loss_weights_the_steps_where_it_is_due():
    gate = RNG.standard_normal((2, 5))
    due = np.array([[0, 0, 0, 0, 1], [0, 0, 1, 1, 1]])
    entropy = 3.0 * due * softplus(-gate) + (1 - due) * softplus(gate)
    loss = StopTokenLoss(3.0, masked=False)(gate, LENGTHS)
    np.testing.assert_allclose(loss, entropy.mean(), rtol=1e-6)
    kept = np.concatenate([entropy[0], entropy[1, :3]])
    np.testing.assert_allclose(StopTokenLoss(3.0)(gate, LENGTHS), kept.mean(), rtol=1e-6)


def test_guided_attention_punishes_what_is_off_the_diagonal():
    alignments = RNG.uniform(size=(2, 5, 4)).astype(np.float32)
    id_lengths = tf.constant([4, 2])
    total, count = 0.0, 0
    for b, (steps, symbols) in enumerate(((5, 4), (3, 2))):
        for t in range(steps):
            for n in range(symbols):
                distance = (n / symbols - t / steps) ** 2 / (2 * 0.3**2)
                total += alignments[b, t, n] * (1 - np.exp(-distance))
                count += 1
    loss = GuidedAttentionLoss(0.3)(alignments, id_lengths, LENGTHS)
    np.testing.assert_allclose(loss, total / count, rtol=1e-5)
    diagonal = np.eye(4, dtype=np.float32)[np.newaxis]
    mirrored = diagonal[:, ::-1]
    four = tf.constant([4])
    guided = GuidedAttentionLoss()
    np.testing.assert_allclose(guided(diagonal, four, four), 0.0, atol=1e-7)
    assert float(guided(mirrored, four, four)) > 0.1


def test_losses_are_float32_in_half_precision():
    half = tf.cast(RNG.standard_normal((2, 5, 4)), tf.bfloat16)
    losses = (
        MelLoss()(half, half + 1, LENGTHS),
        StopTokenLoss()(half[..., 0], LENGTHS),
        GuidedAttentionLoss()(half, tf.constant([4, 2]), LENGTHS),
    )
    assert all(loss.dtype == tf.float32 for loss in losses)
