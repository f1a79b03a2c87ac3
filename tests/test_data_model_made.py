"""Stores with the mels of an acoustic model."""

import json
from pathlib import Path

import numpy as np
import pytest

from tf_gantts import command, train
from tf_gantts.audio.griffin_lim import griffin_lim
from tf_gantts.audio.mel import frame_align
from tf_gantts.data.model_made import write_model_made
from tf_gantts.data.segments import SegmentSource
from tf_gantts.data.store import open_store
from tf_gantts.errors import FeatureStoreError

MELGAN = Path(__file__).resolve().parent.parent / "hparams" / "melgan.yaml"
MODEL = "tacotron2 run at step 4,000"


def noisy(store):
    """Stands for an acoustic model: the recording's mel with an error."""

    def mel_of_clip(index):
        mel = store.read(index, "mel")
        error = 0.3 * np.random.default_rng(index).standard_normal(mel.shape)
        return (mel + error).astype(np.float32)

    return mel_of_clip


@pytest.fixture
def store(small_store):
    with open_store(small_store) as opened:
        yield opened


@pytest.mark.parametrize("store_format", ["hdf5", "tfrecord"])
def test_everything_but_the_mel_is_the_recordings(store, tmp_path, store_format):
    mel_of_clip = noisy(store)
    write_model_made(store, mel_of_clip, MODEL, tmp_path / "new", store_format)
    with open_store(tmp_path / "new") as made:
        assert made.mel_source == MODEL and not store.mel_source
        assert made.utterances == store.utterances and made.splits == store.splits
        assert made.spec == store.spec
        for index in range(len(store.utterances)):
            np.testing.assert_array_equal(made.read(index, "audio"), store.read(index, "audio"))
            np.testing.assert_array_equal(made.read(index, "mel"), mel_of_clip(index))
        train_mels = np.concatenate([mel_of_clip(i) for i in store.splits["train"]])
        np.testing.assert_allclose(made.statistics.mean, train_mels.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(made.statistics.scale, train_mels.std(axis=0), atol=1e-5)
        batch = next(iter(SegmentSource(made, frames_per_segment=32, batch_size=2).dataset()))
        assert batch["mel"].shape == (2, 32, 80) and batch["audio"].shape == (2, 8192, 1)
    assert not list((tmp_path / "new").glob("parts*"))


def test_some_utterances_in_an_order_of_their_own(store, tmp_path):
    asked, mel_of_clip = [], noisy(store)
    order = [5, 0, 7, 2]
    write_model_made(
        store, lambda i: [asked.append(i), mel_of_clip(i)][1], MODEL, tmp_path / "a", order=order
    )
    assert asked == order
    with open_store(tmp_path / "a") as made:
        assert made.utterances == tuple(store.utterances[i] for i in sorted(order))
        for place, index in enumerate(sorted(order)):
            np.testing.assert_array_equal(made.read(place, "mel"), mel_of_clip(index))
            np.testing.assert_array_equal(made.read(place, "audio"), store.read(index, "audio"))
        with pytest.raises(FeatureStoreError, match=rf"model-made \({MODEL}\); give the record"):
            write_model_made(made, mel_of_clip, MODEL, tmp_path / "b")


def test_a_resynthesised_mel_is_as_long_as_the_clip(store, tmp_path):
    shortest = min(range(len(store.utterances)), key=lambda i: store.utterances[i].frames)

    def mel_of_clip(index):
        mel = store.read(index, "mel")
        if index != shortest:
            return mel
        return frame_align(griffin_lim(mel, store.spec, iterations=4), store.spec)[1]

    write_model_made(store, mel_of_clip, "Griffin-Lim", tmp_path / "new")
    with open_store(tmp_path / "new") as made:
        own = store.read(shortest, "mel")
        assert 0.01 < np.abs(made.read(shortest, "mel") - own).mean() < 1


def test_a_mel_of_another_length_names_the_clip(store, tmp_path):
    third = store.utterances[3]
    mel_of_clip = noisy(store)
    asked = []

    def one_short(index):
        asked.append(index)
        mel = mel_of_clip(index)
        return mel[:-1] if index == 3 else mel

    with pytest.raises(FeatureStoreError, match=rf"clip {third.id}: .*\({third.frames - 1}, 80\)"):
        write_model_made(store, one_short, MODEL, tmp_path)
    with pytest.raises(FeatureStoreError, match="preprocessing was interrupted"):
        open_store(tmp_path)
    asked.clear()
    write_model_made(store, lambda i: [asked.append(i), mel_of_clip(i)][1], MODEL, tmp_path)
    assert asked == list(range(3, len(store.utterances)))  # the others were finished
    with pytest.raises(FeatureStoreError, match=rf"clip {third.id}: .*no numbers"):
        write_model_made(store, lambda i: mel_of_clip(i) * (1, np.nan)[i == 3], "m", tmp_path)
    with open_store(tmp_path) as made:
        assert made.mel_source == MODEL  # the finished store was left alone
    with pytest.raises(FeatureStoreError, match="holds the recordings' own mels"):
        write_model_made(store, mel_of_clip, MODEL, store.path)
    with pytest.raises(FeatureStoreError, match="mel_source must say"):
        write_model_made(store, mel_of_clip, "", tmp_path)


def test_a_store_whose_mel_and_audio_differ_in_length_is_not_opened(store, tmp_path):
    write_model_made(store, noisy(store), MODEL, tmp_path)
    path = tmp_path / "index.json"
    index = json.loads(path.read_text())
    index["utterances"][2]["samples"] += 100
    path.write_text(json.dumps(index))
    clip = index["utterances"][2]
    with pytest.raises(FeatureStoreError, match=f"clip {clip['id']}: {clip['frames']} mel frames"):
        open_store(tmp_path)


def test_training_says_that_the_mels_are_model_made(store, tmp_path, capsys):
    write_model_made(store, noisy(store), MODEL, tmp_path)
    words = ["--hparams", MELGAN, "--features", tmp_path, "--run", tmp_path / "run", "--dry-run"]
    assert command.run(train.main, [str(word) for word in words]) == 0
    assert f"mels              model-made: {MODEL}" in capsys.readouterr().out
