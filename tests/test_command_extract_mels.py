"""The mels of an acoustic run as a feature store."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_run import make_run as make_vocoder
from tiny_speech import make_run

from tf_gantts import command, extract_mels
from tf_gantts.data.store import open_store
from tf_gantts.data.utterances import batch_of


def call(*arguments):
    return command.run(extract_mels.main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def store(spoken_store):
    with open_store(spoken_store) as opened:
        yield opened


def test_every_readable_utterance_has_the_model_s_mel(store, tmp_path, capsys, caplog):
    lengths = sorted(utterance.frames for utterance in store.utterances)
    run, out = tmp_path / "run", tmp_path / "made"
    # Without the prenet's noise a mel does not depend on the batch that it is made in.
    quiet = {"model_params": {"prenet_dropout": 0.0}, "max_frames": lengths[-2]}
    system = make_run(run, 12000, **quiet)
    words = ("--acoustic", run, "--features", store.path, "--out", out, "--batch-size", 4)
    assert call(*words) == 0
    printed = capsys.readouterr().out
    (longest,) = (u.id for u in store.utterances if u.frames == lengths[-1])
    assert f"are left out: {longest}" in caplog.text
    source = f"tacotron2 {run} at step 12,000"
    assert f"{out}: 7 clips with mels of {source}; 1 of {store.path} have none" in printed
    with open_store(out) as made:
        assert made.mel_source == source
        assert made.utterances == tuple(u for u in store.utterances if u.id != longest)
        for place, utterance in enumerate(made.utterances):
            index = store.utterances.index(utterance)
            np.testing.assert_array_equal(made.read(place, "audio"), store.read(index, "audio"))
        distances = [
            np.abs(made.read(i, "mel") - store.read(store.utterances.index(u), "mel")).mean()
            for i, u in enumerate(made.utterances)
        ]
        assert f"recordings' mels: {np.mean(distances):.3f} (log10)" in printed
        transcripts = system.transcripts(store, "train")
        utterance = store.utterances[int(transcripts.utterances[1])]
        shape = (1, int(transcripts.symbols[1]), utterance.frames)
        batch = batch_of(store, transcripts, [1], shape, system.front_end.pad_id)
        outputs, _ = system.forced({name: tf.constant(value) for name, value in batch.items()})
        ours = made.read(made.utterances.index(utterance), "mel")
        np.testing.assert_allclose(ours, outputs["mel"][0], rtol=0, atol=1e-4)


def test_what_cannot_make_the_mels_is_refused(store, small_store, tmp_path, capsys):
    make_vocoder(tmp_path / "vocoder")
    make_run(tmp_path / "run")
    make_run(tmp_path / "other", fmax=8000)
    for run, features, message in (
        ("vocoder", store.path, "a vocoder_gan, not an acoustic model"),
        ("other", store.path, "fmax: 8000.0 != 7600.0"),
        ("run", small_store, "none with a text"),
        ("run", tmp_path / "none", "no such feature store"),
    ):
        words = ("--acoustic", tmp_path / run, "--features", features, "--out", tmp_path / "made")
        assert call(*words) == 2
        assert message in capsys.readouterr().err.strip().splitlines()[-1]
        assert not (tmp_path / "made").exists()
