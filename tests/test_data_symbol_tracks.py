"""Tracks of symbols in the graph, against the store's rows; batches that hold them."""

import collections

import numpy as np
import pytest
import tensorflow as tf
from tiny_gan_tts import FRONT_END, TRACKS, make_store, track_rows

from tf_gantts.data.store import add_tracks, open_store
from tf_gantts.data.symbol_tracks import TOKENS, UTTERANCE, SymbolTracks, read_symbol_tracks
from tf_gantts.data.tracks import Track
from tf_gantts.data.utterances import OTHER_UTTERANCE, Transcripts, UtteranceSource, batch_of
from tf_gantts.errors import FeatureStoreError


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with open_store(make_store(tmp_path_factory.mktemp("tracks") / "features")) as opened:
        yield opened


def source_of(store, seed=1, **options):
    transcripts = Transcripts(store, "train", FRONT_END, tracks=TRACKS)
    options = {"batch_size": 4, "buckets": 1, "pad_id": FRONT_END.pad_id, "seed": seed} | options
    return UtteranceSource(store, transcripts, **options)


def take(source, first, count, context=None):
    return list(source.dataset(first, context).take(count).as_numpy_iterator())


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)


@pytest.mark.parametrize("store_format", ["hdf5", "tfrecord"])
def test_the_graph_reads_what_is_stored(store_format, tmp_path):
    """Mapped from the file, and copied."""
    with open_store(make_store(tmp_path / "features", store_format)) as store:
        assert (store.memory_map(TOKENS) is None) == (store_format == "tfrecord")
        _assert_read(store)
        with pytest.raises(FeatureStoreError, match="no track 'styles'"):
            SymbolTracks(store, [1], ["styles"])


def _assert_read(store):
    utterances, positions = [6, 1, 4, 2], [3, 0, 0, 2]
    tracks, symbols = SymbolTracks(store, utterances, TRACKS), 14
    read = tf.function(tracks.batch)
    batch = read(tf.constant(positions, tf.int64), tf.constant(symbols))
    assert list(batch) == TRACKS
    for row, position in enumerate(positions):
        utterance = utterances[position]
        plain, made = read_symbol_tracks(store, utterance, TRACKS), track_rows(utterance)
        expected = made | {UTTERANCE: made[UTTERANCE][0]}
        expected[TOKENS] = made[TOKENS][made["token_of_symbol"]]
        length = len(made["symbols"])
        for name in TRACKS:
            np.testing.assert_array_equal(plain[name], expected[name], err_msg=name)
            value = batch[name][row].numpy()
            assert value.dtype == (np.int32 if name == "durations" else np.float32)
            if name == UTTERANCE:
                np.testing.assert_array_equal(value, expected[name])
                continue
            np.testing.assert_array_equal(value[:length], expected[name], err_msg=name)
            assert value.shape == (symbols, *expected[name].shape[1:])
            assert name == TOKENS or not value[length:].any()  # padded states are never read


def test_batches_hold_the_tracks_and_another_row_s_embedding(store):
    source = source_of(store)
    transcripts = Transcripts(store, "train", FRONT_END, tracks=TRACKS)
    places = {utterance: place for place, utterance in enumerate(transcripts.utterances)}
    (shape,) = source.shapes
    for step, batch in enumerate(take(source, 0, 4)):
        rows = source.rows(step)[0].numpy()
        others = batch.pop(OTHER_UTTERANCE)
        held_out = batch_of(store, transcripts, [places[i] for i in rows], (4, *shape), 0)
        for name in TRACKS:
            assert batch[name].dtype == held_out[name].dtype and batch[name].shape[0] == 4
            inside = np.arange(shape[0]) < batch["id_lengths"][:, None]
            kept = slice(None) if name == UTTERANCE else inside
            np.testing.assert_array_equal(batch[name][kept], held_out[name][kept], err_msg=name)
        np.testing.assert_array_equal(batch["durations"].sum(axis=1), batch["mel_lengths"])
        # Of one of the batch, and never the row's own.
        same = (others[:, None] == batch[UTTERANCE]).all(axis=2)
        np.testing.assert_array_equal(same.sum(axis=1), 1)
        assert not np.diag(same).any()


def test_batches_with_tracks_follow_from_seed_and_step_alone(store):
    unbroken = take(source_of(store), 0, 5)
    for ours, theirs in zip(unbroken[2:], take(source_of(store), 2, 3), strict=True):
        assert_same(ours, theirs)
    other = take(source_of(store, seed=2), 0, 5)
    pairs = zip(unbroken, other, strict=True)
    assert any(not np.array_equal(a["durations"], b["durations"]) for a, b in pairs)


@pytest.mark.parametrize("pipelines", [1, 2])
def test_replicas_share_the_batch_of_one(store, pipelines):
    source = source_of(store)
    parts = collections.defaultdict(list)
    for pipeline in range(pipelines):
        context = tf.distribute.InputContext(pipelines, pipeline, 2)
        local = 2 // pipelines
        for number, part in enumerate(take(source, 1, 3 * local, context)):
            parts[number // local].append(part)
    for step, batch in enumerate(take(source, 1, 3)):
        joined = {name: np.concatenate([part[name] for part in parts[step]]) for name in batch}
        assert_same(joined, batch)


def test_utterances_without_rows_are_left_out(tmp_path, caplog):
    folder = make_store(tmp_path / "features")
    lengths = [len(track_rows(i)["pitch"]) if i != 3 else 0 for i in range(8)]
    tracks = [Track.create(name, "float32", (), lengths) for name in ("pitch", "energy")]
    add_tracks(
        folder,
        "pitch",
        tracks,
        lambda i: {n.name: track_rows(i)[n.name][: lengths[i]] for n in tracks},
    )
    with open_store(folder) as store:
        transcripts = Transcripts(store, "train", FRONT_END, tracks=TRACKS)
    assert sorted(transcripts.utterances) == [1, 2, 4, 5, 6]
    assert "have no durations or pitch or energy" in caplog.text and "left out: u3" in caplog.text
