"""Training and held-out segments."""

import collections
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.audio.statistics import Statistics
from tf_gantts.data import flat
from tf_gantts.data.segments import SegmentSource, held_out_segments, read_clip
from tf_gantts.data.store import StoredUtterance, open_store, write_store
from tf_gantts.errors import FeatureStoreError, HparamsError

SPEC = PROFILES["parallel_wavegan"]
HOP = SPEC.hop_size
F = 8
TRAIN = [50, 8, 3, 31, 9, 77, 20, 12]  # frames; utterance 2 is shorter than a segment
VALID = [20, 5, 16]


def rows_of(utterance):
    """Every value tells which utterance and which frame or sample it is from."""
    frames = (TRAIN + VALID)[utterance]
    mel = 100 * utterance + np.arange(frames, dtype=np.float32)
    audio = np.repeat(np.arange(frames), HOP) + 100 * utterance - 500
    return {"mel": np.repeat(mel[:, None], 80, 1), "audio": audio.astype(np.int16)}


def make_store(folder, store_format="hdf5"):
    write_store(
        folder,
        spec=SPEC,
        statistics=Statistics.identity(80),
        preprocessing={},
        utterances=[
            StoredUtterance(
                f"u{i}", "", "s", "train" if i < len(TRAIN) else "valid", n, n * HOP, ""
            )
            for i, n in enumerate(TRAIN + VALID)
        ],
        read=rows_of,
        store_format=store_format,
    )
    return open_store(folder)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with make_store(tmp_path_factory.mktemp("features")) as store:
        yield store


def source_of(store, batch_size=4, seed=1, **options):
    return SegmentSource(
        store, "train", frames_per_segment=F, batch_size=batch_size, seed=seed, **options
    )


def run_program(program):
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=Path(__file__).parent.parent,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split()[-1]


def take(dataset, count):
    return list(dataset.take(count).as_numpy_iterator())


def test_an_epoch_visits_every_clip_once_and_the_next_in_another_order(store):
    source = source_of(store)
    kept = [0, 1, 3, 4, 5, 6, 7]
    order = np.concatenate([source.rows(step)[0] for step in range(7 * 30 // 4 + 1)])
    epochs = [order[n : n + 7].tolist() for n in range(0, 7 * 30, 7)]
    assert all(sorted(epoch) == kept for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 25
    assert source.steps_per_epoch == 2


def test_orders_do_not_repeat_and_are_even(store):
    source = source_of(store, batch_size=7)  # one epoch a step
    rows = tf.function(source.rows)
    orders = np.stack([rows(tf.constant(step))[0] for step in range(700)])
    assert len({tuple(order) for order in orders}) > 600, "5040 orders there are"
    counts = np.bincount(orders[:, 0], minlength=8)[[0, 1, 3, 4, 5, 6, 7]]
    assert ((counts - 100) ** 2 / 100).sum() < 22.5, "chi-square, 6 degrees of freedom, p = 0.001"


def test_first_frames_are_even_and_in_range(store):
    rows = tf.function(source_of(store, batch_size=70).rows)
    first = collections.defaultdict(list)
    for step in range(200):
        drawn = rows(tf.constant(step))
        for utterance, begin in zip(*map(np.asarray, drawn), strict=True):
            first[int(utterance)].append(begin)
    assert set(first[1]) == {0}, "a clip of exactly one segment"
    assert sorted(set(first[4])) == [0, 1]
    counts = np.bincount(first[3], minlength=24)  # 31 frames: starts 0..23
    assert len(counts) == 24
    assert ((counts - 2000 / 24) ** 2 / (2000 / 24)).sum() < 49.7, "23 degrees, p = 0.001"


def test_batches_hold_what_rows_says(store):
    source = source_of(store)
    batch = take(source.dataset(5), 1)[0]
    utterances, first = map(np.asarray, source.rows(5))
    assert batch["mel"].shape == (4, F, 80) and batch["audio"].shape == (4, F * HOP, 1)
    for row in range(4):
        expected = 100 * utterances[row] + first[row] + np.arange(F)
        np.testing.assert_array_equal(batch["mel"][row, :, 7], expected)
        audio = np.repeat(expected - 500, HOP) / 32768
        np.testing.assert_array_equal(batch["audio"][row, :, 0], audio.astype(np.float32))


def test_the_dataset_has_static_shapes(store):
    element = source_of(store).dataset().element_spec
    assert element["mel"] == tf.TensorSpec((4, F, 80), tf.float32)
    assert element["audio"] == tf.TensorSpec((4, F * HOP, 1), tf.float32)


def test_a_resumed_run_sees_the_same_batches(store):
    unbroken = take(source_of(store).dataset(0), 6)
    resumed = take(source_of(store).dataset(3), 3)
    for one, other in zip(unbroken[3:], resumed, strict=True):
        np.testing.assert_array_equal(one["mel"], other["mel"])
        np.testing.assert_array_equal(one["audio"], other["audio"])
    assert not np.array_equal(unbroken[3]["mel"], unbroken[4]["mel"])


def test_the_seed_decides(store):
    one, other = (source_of(store, seed=seed).rows(0) for seed in (1, 2))
    assert not np.array_equal(one, other)


def test_far_steps_work(store):
    utterances, first = source_of(store).rows(2_000_000_000)
    assert len(set(np.asarray(utterances))) > 1 and (np.asarray(first) >= 0).all()


@pytest.mark.parametrize(("pipelines", "replicas"), [(1, 1), (1, 2), (2, 2), (2, 4), (4, 4)])
def test_replicas_share_the_global_batch(store, pipelines, replicas):
    source = source_of(store)
    whole = take(source.dataset(2), 3)
    local = replicas // pipelines
    for pipeline in range(pipelines):
        context = tf.distribute.InputContext(pipelines, pipeline, replicas)
        for number, element in enumerate(take(source.dataset(2, context), 3 * local)):
            own = 4 // replicas
            begin = (pipeline * local + number % local) * own
            expected = whole[number // local]["mel"][begin : begin + own]
            np.testing.assert_array_equal(element["mel"], expected)


def test_a_batch_that_cannot_be_divided_is_refused(store):
    with pytest.raises(HparamsError, match="batch_size 4 cannot be divided among 3 replicas"):
        source_of(store).dataset(0, tf.distribute.InputContext(1, 0, 3))


def test_a_mirrored_strategy_gets_the_same_global_batches(store):
    """In a process of its own: logical devices must be made before TensorFlow starts."""
    program = f"""
        import numpy as np, tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
        from tf_gantts.data.segments import SegmentSource
        from tf_gantts.data.store import open_store
        source = SegmentSource(
            open_store({store.path!r}), frames_per_segment={F}, batch_size=4, seed=1
        )
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        with strategy.scope():  # the clips must not become variables of the strategy
            split = iter(strategy.distribute_datasets_from_function(lambda c: source.dataset(3, c)))
        for step, batch in zip(range(3), source.dataset(3)):
            parts = strategy.experimental_local_results(next(split)["mel"])
            assert [part.shape[0] for part in parts] == [2, 2]
            np.testing.assert_array_equal(np.concatenate(parts), batch["mel"])
        print("equal")
    """
    assert run_program(program) == "equal"


def test_short_clips_are_dropped_or_padded_with_silence(store):
    kept = source_of(store, remove_short_samples=False)
    assert 2 not in source_of(store).utterances and 2 in kept.utterances
    step = next(step for step in range(20) if 2 in np.asarray(kept.rows(step)[0]))
    row = np.asarray(kept.rows(step)[0]).tolist().index(2)
    batch = take(kept.dataset(step), 1)[0]
    assert batch["mel"][row, :, 0].tolist() == [200, 201, 202] + [np.float32(SPEC.silence)] * 5
    assert np.abs(batch["audio"][row, : 3 * HOP]).min() > 0
    assert not batch["audio"][row, 3 * HOP :].any()


@pytest.mark.parametrize("store_format", ["hdf5", "tfrecord"])
def test_clips_on_disk_and_in_memory_give_the_same_batches(
    store, tmp_path, monkeypatch, store_format
):
    other = make_store(tmp_path, store_format)
    expected = take(source_of(store).dataset(), 4)
    for memory, allow_cache, cached in (
        (10**9, True, True),
        (10**9, False, False),
        (9, True, False),
    ):
        monkeypatch.setattr(flat, "available_memory", lambda memory=memory: memory)
        source = source_of(other, allow_cache=allow_cache)
        for one, batch in zip(expected, take(source.dataset(), 4), strict=True):
            np.testing.assert_array_equal(one["mel"], batch["mel"])
            np.testing.assert_array_equal(one["audio"], batch["audio"])
        assert source.cached == cached


def test_dropping_an_iterator_while_it_prefetches_does_not_hang(store):
    program = f"""
        import tensorflow as tf
        from tf_gantts.data.segments import SegmentSource, held_out_segments
        from tf_gantts.data.store import open_store
        store = open_store({store.path!r})
        source = SegmentSource(store, frames_per_segment={F}, batch_size=64)
        datasets = (source.dataset(), held_out_segments(store, "valid", {F}).dataset(2))
        for number in range(20):
            iterator = iter(datasets[number % 2])
            next(iterator)
            del iterator
        print("done")
    """
    assert run_program(program) == "done"


def test_no_tuner_sleeps_when_an_iterator_is_dropped(store):
    for dataset in (source_of(store).dataset(), held_out_segments(store, "valid", F).dataset(2)):
        assert dataset.options().autotune.enabled is False


def test_no_clip_long_enough_is_an_error(store):
    with pytest.raises(
        FeatureStoreError, match=r"8 clips, none of 100 frames.*lower batch_max_steps"
    ):
        SegmentSource(store, frames_per_segment=100, batch_size=4)


def test_held_out_segments_count_every_frame_once(store):
    batches = list(held_out_segments(store, "valid", F))
    seen = []
    for batch in batches:
        assert batch["mel"].shape == (1, F, 80) and batch["audio"].shape == (1, F * HOP, 1)
        counted = batch["mask"][0] == 1
        seen += batch["mel"][0, counted, 0].tolist()
        audio = batch["audio"][0, ::HOP, 0][counted] * 32768 + 500
        np.testing.assert_array_equal(audio, batch["mel"][0, counted, 0])
    assert seen == [800 + n for n in range(20)] + [900 + n for n in range(5)] + [
        1000 + n for n in range(16)
    ]
    assert len(batches) == 3 + 1 + 2
    assert batches[2]["mel"][0, :, 0].tolist() == [812 + n for n in range(8)], "shifted to the end"
    assert batches[3]["mel"][0, 5:, 0].tolist() == [np.float32(SPEC.silence)] * 3


@pytest.mark.parametrize("replicas", [1, 2])
def test_held_out_batches_have_one_shape(store, replicas):
    held_out = held_out_segments(store, "valid", F)
    context = tf.distribute.InputContext(1, 0, replicas)
    elements = take(held_out.dataset(4, context), 100)
    assert len(elements) == held_out.steps(4) * replicas == 2 * replicas
    assert all(element["mel"].shape == (4 // replicas, F, 80) for element in elements)
    assert sum(element["mask"].sum() for element in elements) == sum(VALID)
    order = np.concatenate([element["utterance"] for element in elements])[: len(held_out)]
    assert order.tolist() == [8, 8, 8, 9, 10, 10]


def test_whole_clips(store):
    mel, audio = read_clip(store, 9)
    assert mel.shape == (5, 80) and audio.shape == (5 * HOP,) and audio.dtype == np.float32
    np.testing.assert_array_equal(audio[::HOP] * 32768 + 500, mel[:, 0])
