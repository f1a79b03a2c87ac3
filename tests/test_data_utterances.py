"""Whole utterances in batches: orders, shapes, padding, shares of replicas."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.audio.statistics import Statistics
from tf_gantts.data.store import StoredUtterance, open_store, write_store
from tf_gantts.data.utterances import Transcripts, UtteranceSource, batch_of, held_out_batches
from tf_gantts.errors import FeatureStoreError, HparamsError, TextError

SPEC = PROFILES["parallel_wavegan"]
FRAMES = [9, 31, 4, 12, 60, 7, 25, 5, 18, 33, 11, 21, 8, 15]  # 60 is too long
UNREAD = {3: "", 12: "#"}  # these have no text
KEPT = [i for i in range(len(FRAMES)) if i not in (*UNREAD, FRAMES.index(60))]
PAD = 99


def rows_of(utterance):
    """Every value tells which utterance and which frame it is from."""
    mel = 100 * utterance + np.arange(FRAMES[utterance], dtype=np.float32)
    samples = FRAMES[utterance] * SPEC.hop_size
    return {"mel": np.repeat(mel[:, None], 80, 1), "audio": np.zeros(samples, np.int16)}


def encode(text):
    if text == "#":
        raise TextError("nothing that can be read")
    return np.frombuffer(text.encode(), np.uint8).astype(np.int32)


def text_of(utterance):
    return UNREAD.get(utterance, "abcdefghij"[: 2 + utterance % 8])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    directory = tmp_path_factory.mktemp("features")
    write_store(
        directory,
        spec=SPEC,
        statistics=Statistics.identity(80),
        preprocessing={},
        utterances=[
            StoredUtterance(f"u{i}", text_of(i), "s", "train", n, n * SPEC.hop_size, "")
            for i, n in enumerate(FRAMES)
        ],
        read=rows_of,
    )
    with open_store(directory) as opened:
        yield opened


def transcripts_of(store, **options):
    options = {"labels": lambda i: {"speaker": i % 3}, "max_frames": 40} | options
    return Transcripts(store, "train", encode, **options)


def source_of(store, batch_size=2, buckets=3, seed=1, **options):
    options = {"pad_id": PAD} | options
    transcripts = transcripts_of(store)
    return UtteranceSource(
        store, transcripts, batch_size=batch_size, buckets=buckets, seed=seed, **options
    )


def take(source, first, count, context=None):
    return list(source.dataset(first, context).take(count).as_numpy_iterator())


def assert_same(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.parametrize("batch_size", [1, 2, 4, 5])
def test_an_epoch_visits_every_utterance_and_none_often(store, batch_size):
    source = source_of(store, batch_size)
    assert source.steps_per_epoch == {1: 11, 2: 6, 4: 4, 5: 3}[batch_size]
    orders = []
    for epoch in range(4):
        steps = range(epoch * source.steps_per_epoch, (epoch + 1) * source.steps_per_epoch)
        batches = [np.asarray(source.rows(step)[0]) for step in steps]
        visits = collections.Counter(np.concatenate(batches).tolist())
        assert sorted(visits) == KEPT
        assert all(len(set(batch.tolist())) == batch_size for batch in batches)
        # Every bucket is filled up by less than a batch.
        assert sum(visits.values()) - len(KEPT) < len(source.shapes) * batch_size
        orders.append(tuple(np.concatenate(batches)))
    assert len(set(orders)) == 4


def test_orders_within_buckets_and_of_batches_change_and_are_even(store):
    source = source_of(store, 2, 2)
    rows = tf.function(source.rows)
    pairs, firsts = collections.Counter(), collections.Counter()
    for step in range(0, 300 * source.steps_per_epoch, source.steps_per_epoch):
        utterances, bucket = rows(tf.constant(step))
        pairs[frozenset(np.asarray(utterances).tolist())] += 1
        firsts[int(bucket)] += 1
    assert len(pairs) > 20, "5 over 2 and 6 over 2 there are"
    assert 0.35 < firsts[0] / 300 < 0.65


def test_a_batch_is_of_one_bucket_and_holds_what_rows_says(store):
    source = source_of(store, 2, 3, frame_multiple=4)
    assert all(frames % 4 == 0 for _, frames in source.shapes)
    assert len(set(source.shapes)) == 3
    longest = 0
    for step, batch in enumerate(take(source, 0, source.steps_per_epoch)):
        utterances, bucket = source.rows(step)
        symbols, frames = source.shapes[int(bucket)]
        assert batch["mel"].shape == (2, frames, 80) and batch["ids"].shape == (2, symbols)
        for row, utterance in enumerate(np.asarray(utterances)):
            length, ids = FRAMES[utterance], encode(text_of(utterance))
            assert batch["mel_lengths"][row] == length
            np.testing.assert_array_equal(batch["mel"][row, :length], rows_of(utterance)["mel"])
            assert np.all(batch["mel"][row, length:] == np.float32(SPEC.silence))
            assert batch["id_lengths"][row] == len(ids)
            np.testing.assert_array_equal(batch["ids"][row, : len(ids)], ids)
            assert np.all(batch["ids"][row, len(ids) :] == PAD)
            assert batch["speaker"][row] == utterance % 3
            longest = max(longest, length)
    assert longest == 33
    assert 0 < source.padding < source_of(store, 2, 1).padding


def test_no_tuner_sleeps_when_an_iterator_is_dropped(store):
    assert source_of(store).dataset().options().autotune.enabled is False


def test_batches_follow_from_seed_and_step_alone(store):
    unbroken = take(source_of(store), 0, 14)
    assert_same(unbroken[5:], take(source_of(store), 5, 9))
    assert_same(unbroken, take(source_of(store, allow_cache=False), 0, 14))
    other = take(source_of(store, seed=2), 0, 14)
    assert any(not np.array_equal(a["ids"], b["ids"]) for a, b in zip(unbroken, other, strict=True))


@pytest.mark.parametrize(("pipelines", "replicas"), [(1, 2), (2, 2), (2, 4)])
def test_replicas_share_the_batch_of_one(store, pipelines, replicas):
    source = source_of(store, 4, 2)
    whole, parts = take(source, 3, 5), collections.defaultdict(list)
    for pipeline in range(pipelines):
        context = tf.distribute.InputContext(pipelines, pipeline, replicas)
        local = replicas // pipelines
        for number, part in enumerate(take(source, 3, 5 * local, context)):
            parts[number // local].append(part)
    for step, batch in enumerate(whole):
        joined = {name: np.concatenate([part[name] for part in parts[step]]) for name in batch}
        assert_same([joined], [batch])
    with pytest.raises(HparamsError, match="4 cannot be divided among 3"):
        source.dataset(0, tf.distribute.InputContext(1, 0, 3))


def test_held_out_batches_hold_every_utterance_once_in_one_shape(store):
    transcripts = transcripts_of(store)
    batches = list(held_out_batches(store, transcripts, 4, PAD))
    assert {batch["mel"].shape for batch in batches} == {(4, 33, 80)}
    lengths = np.concatenate([batch["mel_lengths"] for batch in batches])
    assert lengths.tolist() == [*sorted(FRAMES[i] for i in KEPT), 0]
    last = batches[-1]
    assert last["id_lengths"][-1] == 1 and np.all(last["mel"][-1] == np.float32(SPEC.silence))
    single = batch_of(store, transcripts, [10], (1, 10, 40), PAD)
    np.testing.assert_array_equal(single["mel"][0, :33], rows_of(FRAMES.index(33))["mel"])


def test_what_cannot_be_used_is_counted_or_refused(store, caplog):
    transcripts_of(store)
    assert "2 utterances of split 'train' have no text that can be read" in caplog.text
    assert "longer than 40 frames and are left out: u4" in caplog.text
    with pytest.raises(FeatureStoreError, match="14 clips, none with a text and at most 3 frames"):
        transcripts_of(store, max_frames=3)
    with pytest.raises(FeatureStoreError, match="split 'valid' has 0 clips"):
        Transcripts(store, "valid", encode)
