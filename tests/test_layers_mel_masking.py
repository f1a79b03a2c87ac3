"""Masks over mels: their widths, places and seeds."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.layers.mel_masking import freq_mask, time_mask

ROWS, FRAMES, BANDS, PARAM = 4000, 9, 12, 5
ONES = tf.ones((ROWS, FRAMES, BANDS))


def spans(masked, axis):
    """Width and first place of each row's mask along an axis; the other axis must be all alike."""
    mel = np.moveaxis(np.asarray(masked), axis, 1)
    assert np.all(mel == mel[:, :, :1])
    hidden = mel[:, :, 0] == 0
    assert np.all(mel[:, :, 0][~hidden] == 1)
    widths, first = hidden.sum(axis=1), hidden.argmax(axis=1)
    for row, width, begin in zip(hidden, widths, first, strict=True):
        assert row[begin : begin + width].all()  # in one piece
    return widths, first


@pytest.mark.parametrize(("mask", "axis", "size"), [(freq_mask, 2, BANDS), (time_mask, 1, FRAMES)])
def test_widths_are_below_the_parameter_and_places_are_even(mask, axis, size):
    widths, first = spans(mask(ONES, PARAM, tf.constant([1, 2])), axis)
    counts = np.bincount(widths, minlength=PARAM)
    assert len(counts) == PARAM
    np.testing.assert_allclose(counts / ROWS, 1 / PARAM, atol=0.03)
    for width in range(1, PARAM):
        places = np.bincount(first[widths == width], minlength=size - width)
        assert len(places) == size - width  # as tensorflow-io: never up to the very end
        np.testing.assert_allclose(places / places.sum(), 1 / (size - width), atol=0.05)


def test_a_mask_is_a_function_of_its_seed():
    ours, again, other = (
        time_mask(ONES, PARAM, tf.constant(seed)).numpy() for seed in ([1, 2], [1, 2], [1, 3])
    )
    np.testing.assert_array_equal(ours, again)
    assert np.any(ours != other)
    half = freq_mask(tf.cast(ONES, tf.bfloat16), PARAM, tf.constant([1, 2]))
    assert half.dtype == tf.bfloat16


def test_tensorflow_io_has_the_same_distribution():
    reason = "tensorflow-io is not installed, or not for this TensorFlow"
    audio = pytest.importorskip("tensorflow_io", reason=reason).audio
    for theirs, ours, axis in ((audio.freq_mask, freq_mask, 2), (audio.time_mask, time_mask, 1)):
        masked = np.stack([theirs(ONES[0], PARAM) for _ in range(1000)])
        widths, first = spans(masked, axis)
        our_widths, our_first = spans(ours(ONES, PARAM, tf.constant([1, 2])), axis)
        for theirs_found, ours_found in ((widths, our_widths), (first, our_first)):
            assert theirs_found.max() == ours_found.max()
            assert abs(theirs_found.mean() - ours_found.mean()) < 0.25
