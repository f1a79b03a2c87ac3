"""Speech of several sentences in one."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.audio import join_graph
from tf_gantts.audio.join import join_speech
from tf_gantts.errors import AudioError


def test_clips_are_joined_by_silence_and_fade_into_it():
    clips = [np.ones(1000, np.float32), np.full(500, 0.5, np.float32)]
    speech = join_speech(clips, [0.1, 9.0], 10_000)
    assert speech.dtype == np.float32
    assert len(speech) == 1000 + 1000 + 500
    assert (speech[:950] == 1.0).all() and (speech[1000:2000] == 0.0).all()
    assert (np.diff(speech[950:1000]) < 0).all() and (np.diff(speech[2000:2050]) > 0).all()
    assert (speech[2050:] == 0.5).all()
    assert (clips[0] == 1.0).all()  # what was given stays as it was


def test_one_clip_stays_as_it_is_and_none_is_empty():
    clip = np.linspace(-1, 1, 7, dtype=np.float32)
    assert (join_speech([clip], [0.4], 22_050) == clip).all()
    assert join_speech([], [], 22_050).shape == (0,)
    assert len(join_speech([clip[:1], clip[:0]], [0.0, 0.0], 22_050)) == 1


def test_pauses_must_fit():
    with pytest.raises(AudioError, match="one pause"):
        join_speech([np.zeros(3, np.float32)], [], 22_050)
    with pytest.raises(AudioError, match="0 seconds or more"):
        join_speech([np.zeros(3, np.float32)], [-1.0], 22_050)


@pytest.mark.parametrize("rate", [22_050, 11_025])  # 0.1 s are 2205 samples, and 1102.5
def test_the_graph_joins_sample_for_sample_alike(rate):
    rng = np.random.default_rng(0)
    lengths, texts = [3000, 0, 700, 5, 2000, 1], [0, 0, 2, 2, 2, 3]
    pauses = [0.1, 0.4, 0.3, 0.8, 0.1, 0.6]
    clips = [rng.normal(size=length).astype(np.float32) for length in lengths]
    joined = tf.function(join_graph.join_speech, autograph=False)(
        tf.RaggedTensor.from_row_lengths(np.concatenate(clips), np.int64(lengths)),
        tf.constant(pauses),
        tf.constant(texts, tf.int64),
        tf.constant(5),
        rate,
    )
    for text in range(5):
        own = [i for i, owner in enumerate(texts) if owner == text]
        expected = join_speech([clips[i] for i in own], [pauses[i] for i in own], rate)
        np.testing.assert_array_equal(joined[text].numpy(), expected)


def test_the_graph_joins_no_clips_at_all():
    nothing = tf.RaggedTensor.from_row_lengths(tf.zeros([0]), tf.zeros([0], tf.int64))
    texts = tf.zeros([0], tf.int64)
    joined = join_graph.join_speech(nothing, tf.zeros([0]), texts, tf.constant(2), 22_050)
    assert joined.row_lengths().numpy().tolist() == [0, 0]
