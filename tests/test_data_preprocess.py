"""Preprocessing: what is stored, what is skipped, and what survives trouble."""

import csv
import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tf_gantts import command
from tf_gantts.audio.files import from_int16
from tf_gantts.audio.mel import frame_align
from tf_gantts.audio.statistics import StatisticsAccumulator
from tf_gantts.data.clip import ClipSettings
from tf_gantts.data.parts import PartFolder
from tf_gantts.data.preprocess import preprocess
from tf_gantts.data.store import open_store
from tf_gantts.errors import CorpusError, FeatureStoreError
from tf_gantts.hparams import load_hparams
from tf_gantts.preprocess import main

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ROOT / "hparams" / "melgan.yaml"
RATE = 22050


def make_hparams(*overrides):
    return load_hparams(RECIPE, overrides)


def voice(seconds, seed=0, rate=RATE, level=0.3):
    """Noise in bursts: no two frames are alike."""
    rng = np.random.default_rng(seed)
    time_axis = np.arange(int(seconds * rate)) / rate
    return level * np.sin(2 * np.pi * 3 * time_axis + 0.5) * rng.uniform(-1, 1, len(time_axis))


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number in range(6):
        soundfile.write(folder / f"clip{number}.wav", voice(0.5 + 0.1 * number, number), RATE)
    return folder


def run_here(capsys, *words):
    status = command.run(main, [str(word) for word in words])
    return status, capsys.readouterr()


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_the_stored_mel_is_that_of_the_stored_audio(corpus, tmp_path):
    preprocess(make_hparams(), [corpus], tmp_path / "features", jobs=1)
    accumulator = StatisticsAccumulator(80)
    with open_store(tmp_path / "features") as store:
        for index, utterance in enumerate(store.utterances):
            audio, mel = store.read(index, "audio"), store.read(index, "mel")
            assert utterance.samples == len(audio) == 256 * len(mel) == 256 * utterance.frames
            aligned, expected = frame_align(from_int16(audio), store.spec)
            np.testing.assert_array_equal(mel, expected)
            assert len(aligned) == len(audio)
            original, _ = soundfile.read(corpus / f"{utterance.id}.wav", dtype="int16")
            np.testing.assert_array_equal(audio[: len(original)], original)
            if utterance.split == "train":
                accumulator.update(mel)
        expected = accumulator.result()
        np.testing.assert_allclose(store.statistics.mean, expected.mean, atol=1e-6)
        np.testing.assert_allclose(store.statistics.scale, expected.scale, rtol=1e-6)


def test_gain_trimming_and_resampling(tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number in range(3):
        quiet = np.zeros(24000)
        audio = np.concatenate([quiet, voice(1.0, number, rate=48000), quiet])
        stereo = np.stack([audio, audio / 3], axis=1)
        soundfile.write(corpus / f"{number}.wav", stereo, 48000, subtype="FLOAT")
    hparams = make_hparams("global_gain_scale=0.5", "trim_threshold_in_db=30")
    summary = preprocess(hparams, [corpus], tmp_path / "features", jobs=1)
    assert summary.recorded_seconds == pytest.approx(6.0, abs=0.01)
    assert summary.trimmed_seconds == pytest.approx(3.0, abs=0.4)
    with open_store(tmp_path / "features") as store:
        assert store.preprocessing["global_gain_scale"] == 0.5
        audio = from_int16(store.read(0, "audio"))
        assert len(audio) / RATE == pytest.approx(1.0, abs=0.15)
        assert np.abs(audio).max() == pytest.approx(0.3 * 2 / 3 * 0.5, rel=0.15)


def test_splits_tables_and_summary_agree_with_the_store(corpus, tmp_path, capsys):
    features = tmp_path / "features"
    status, output = run_here(
        capsys, "--hparams", RECIPE, "--corpus", corpus, "--features", features, "--jobs", 1
    )
    assert status == 0
    assert "clips            6 (train 4, valid 1, test 1)" in output.out
    with open_store(features) as store:
        for split, indices in store.splits.items():
            with (features / f"{split}.csv").open(newline="") as file:
                rows = list(csv.DictReader(file))
            assert {row["id"] for row in rows} == {store.utterances[i].id for i in indices}
            durations = [float(row["duration"]) for row in rows]
            assert durations == sorted(durations, reverse=True)
    summary = json.loads((features / "summary.json").read_text())
    assert summary["clips"] == 6 and summary["skipped"] == []
    assert (features / "summary.png").read_bytes().startswith(b"\x89PNG")
    assert not (features / "parts").exists()


def test_bad_clips_are_skipped_with_their_reasons(corpus, tmp_path, capsys):
    good = (corpus / "clip5.wav").read_bytes()
    (corpus / "cut.wav").write_bytes(good[: len(good) // 2])
    (corpus / "empty.wav").write_bytes(b"")
    (corpus / "text.wav").write_text("I am no recording")
    (corpus / "copy.wav").write_bytes(good)
    soundfile.write(corpus / "short.wav", voice(0.2), RATE)
    soundfile.write(corpus / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(corpus / "clipped.wav", np.clip(9 * voice(1), -1, 1), RATE)
    (corpus / "metadata.csv").write_text("gone.wav|x\n")
    features = tmp_path / "features"
    status, output = run_here(
        capsys, "--hparams", RECIPE, "--corpus", corpus, "--features", features, "--jobs", 1
    )
    assert status == 0
    with (features / "skipped.csv").open(newline="") as file:
        skipped = {row["id"]: (row["kind"], row["reason"]) for row in csv.DictReader(file)}
    kinds = {name: kind for name, (kind, _) in skipped.items()}
    assert kinds == {
        "copy": "duplicate",
        "clipped": "clipping",
        "cut": "truncated",
        "empty": "unreadable",
        "gone": "missing",
        "short": "too short",
        "silent": "silent",
        "text": "unreadable",
    }
    assert skipped["short"][1] == "0.200 s, more than 0.2 s is needed"
    assert skipped["copy"][1] == "the same file as clip5"
    for name, (kind, reason) in skipped.items():
        assert f"  {name}: {kind}: {reason}" in output.out
    with open_store(features) as store:
        assert not {utterance.id for utterance in store.utterances} & set(skipped)


def test_no_usable_clip_is_an_error(tmp_path, capsys):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.wav").write_bytes(b"")
    features = tmp_path / "features"
    words = ("--hparams", RECIPE, "--corpus", corpus, "--features", features, "--jobs", 1)
    for _ in range(2):  # the second time the folder is there
        status, output = run_here(capsys, *words)
        assert status == 2
        assert "error: none of 1 clips is usable, for instance" in output.err.splitlines()[-1]
    assert "the file is empty" in (features / "skipped.csv").read_text()
    assert not (features / "index.json").exists()


def test_short_clips_are_counted_but_kept(corpus, tmp_path):
    hparams = make_hparams("batch_max_steps=16384", "remove_short_samples=false")
    summary = preprocess(hparams, [corpus], tmp_path / "features", jobs=1)
    assert summary.short_clips > 0 and sum(summary.clips.values()) == 6
    assert "in train are shorter than a segment (16384 samples): padded" in summary.table()


def test_processes_and_formats_give_the_same_numbers(corpus, tmp_path):
    preprocess(make_hparams(), [corpus], tmp_path / "one", jobs=1)
    preprocess(make_hparams(), [corpus], tmp_path / "two", jobs=2)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    preprocess(make_hparams("format=tfrecord"), [corpus], tmp_path / "three", jobs=1)
    with open_store(tmp_path / "one") as hdf5, open_store(tmp_path / "three") as tfrecord:
        assert hdf5.utterances == tfrecord.utterances
        for index in range(6):
            for track in ("audio", "mel"):
                one, other = hdf5.read(index, track), tfrecord.read(index, track)
                assert one.tobytes() == other.tobytes()


def test_a_complete_store_is_left_alone(corpus, tmp_path, caplog):
    caplog.set_level("INFO")
    features = tmp_path / "features"
    preprocess(make_hparams(), [corpus], features, jobs=1)
    before = {path: path.stat().st_mtime_ns for path in features.iterdir()}
    assert preprocess(make_hparams(), [corpus], features, jobs=1) is None
    assert {path: path.stat().st_mtime_ns for path in features.iterdir()} == before
    assert "complete already (4 train, 1 valid, 1 test clips); nothing to do" in caplog.text


def test_other_features_are_not_overwritten_without_force(corpus, tmp_path):
    features = tmp_path / "features"
    preprocess(make_hparams(), [corpus], features, jobs=1)
    with pytest.raises(
        FeatureStoreError, match=r"num_mels: 80 != 40; .*trim_silence: True != False"
    ):
        preprocess(make_hparams("num_mels=40", "trim_silence=false"), [corpus], features, jobs=1)
    soundfile.write(corpus / "new.wav", voice(1, 9), RATE)
    with pytest.raises(FeatureStoreError, match="corpus: corpus as it was != corpus as it is now"):
        preprocess(make_hparams(), [corpus], features, jobs=1)
    preprocess(make_hparams("num_mels=40"), [corpus], features, jobs=1, force=True)
    with open_store(features) as store:
        assert store.spec.num_mels == 40 and len(store.utterances) == 7
    assert len(list(features.glob("*.h5"))) == 1


def test_a_damaged_store_is_made_anew(corpus, tmp_path):
    features = tmp_path / "features"
    preprocess(make_hparams(), [corpus], features, jobs=1)
    whole = files_of(features)
    data = next(features.glob("*.h5"))
    data.write_bytes(data.read_bytes()[:1000])
    assert preprocess(make_hparams(), [corpus], features, jobs=1) is not None
    assert files_of(features) == whole


def test_a_full_disk_keeps_the_finished_clips(corpus, tmp_path, capsys, monkeypatch):
    features = tmp_path / "features"
    words = ("--hparams", RECIPE, "--corpus", corpus, "--features", features, "--jobs", 1)
    preprocess(make_hparams(), [corpus], tmp_path / "whole", jobs=1)
    write = PartFolder.write

    def full_after_three(self, key, arrays, facts):
        if len(self.keys()) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        write(self, key, arrays, facts)

    monkeypatch.setattr(PartFolder, "write", full_after_three)
    status, output = run_here(capsys, *words)
    assert status == 2
    assert output.err.splitlines()[-1] == (
        f"error: {features}: the disk is full; free some space and run the same command again: it"
        " goes on with the 3 clips that are finished"
    )
    with pytest.raises(FeatureStoreError, match="interrupted"):
        open_store(features)
    written = []
    monkeypatch.setattr(
        PartFolder, "write", lambda self, key, *rest: (written.append(key), write(self, key, *rest))
    )
    assert run_here(capsys, *words)[0] == 0
    assert len(written) == 3, "only the clips that were missing"
    assert files_of(features) == files_of(tmp_path / "whole")


def test_too_little_space_for_the_store_is_seen_before_it_is_written(corpus, tmp_path, monkeypatch):
    features = tmp_path / "features"
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(FeatureStoreError, match=r"disk is full.* 6 clips that are finished"):
        preprocess(make_hparams(), [corpus], features, jobs=1)
    assert len(PartFolder(features / "parts").keys()) == 6
    assert not list(features.glob("*.h5"))


def test_damaged_parts_are_made_again(corpus, tmp_path):
    parts = PartFolder(tmp_path / "parts")
    parts.write("good", {"mel": np.ones((3, 2), np.float32)}, {"frames": 3})
    assert parts.read_facts("good") == {"frames": 3}
    np.testing.assert_array_equal(parts.read("good")["mel"], np.ones((3, 2)))
    file = tmp_path / "parts" / "good.npz"
    data = bytearray(file.read_bytes())
    data[data.index(np.ones(2, np.float32).tobytes())] ^= 1
    for damaged in (bytes(data), file.read_bytes()[:100], b""):
        file.write_bytes(damaged)
        assert parts.read_facts("good") is None and not file.exists()


def test_other_settings_never_share_a_part():
    base = ClipSettings.from_hparams(make_hparams()).fingerprint
    for override in (
        "fmax=8000",
        "global_gain_scale=0.9",
        "trim_silence=false",
        "trim_hop_size=256",
    ):
        assert ClipSettings.from_hparams(make_hparams(override)).fingerprint != base
    assert ClipSettings.from_hparams(make_hparams("batch_size=3")).fingerprint == base


def test_foreign_folders_and_second_runs_are_refused(corpus, tmp_path):
    with pytest.raises(FeatureStoreError, match="holds other things"):
        preprocess(make_hparams(), [corpus], corpus, jobs=1)
    features = tmp_path / "features"
    features.mkdir()
    descriptor = os.open(features, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(FeatureStoreError, match="another preprocessing is at work"):
        preprocess(make_hparams(), [corpus], features, jobs=1)
    os.close(descriptor)
    with pytest.raises(CorpusError, match="--jobs 0"):
        preprocess(make_hparams(), [corpus], tmp_path / "unmade", jobs=0)
    assert not (tmp_path / "unmade").exists()


def start_tool(corpus, features):
    words = ["--hparams", RECIPE, "--corpus", corpus, "--features", features, "--jobs", 2]
    return subprocess.Popen(
        [sys.executable, ROOT / "tools" / "preprocess.py", *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def children_of(process):
    tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in tasks.read_text().split()]


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_killed_run_is_resumed_to_the_same_bytes(tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number in range(60):
        soundfile.write(corpus / f"clip{number}.wav", voice(4, number), RATE)
    killed = start_tool(corpus, tmp_path / "features")
    parts = PartFolder(tmp_path / "features" / "parts")
    deadline = time.monotonic() + 120
    while len(parts.keys()) < 5 and time.monotonic() < deadline and killed.poll() is None:
        time.sleep(0.002)
    workers = children_of(killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    finished = len(parts.keys())
    assert 5 <= finished < 60 and not (tmp_path / "features" / "index.json").exists()
    deadline = time.monotonic() + 20
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workers and not any(map(is_running, workers)), "workers end with their parent"

    finished = len(parts.keys())  # a worker may have finished one more
    resumed = start_tool(corpus, tmp_path / "features")
    output = resumed.communicate(timeout=120)[0]
    assert resumed.returncode == 0, output
    assert f"{finished} of 60 clips were finished by an earlier run" in output
    preprocess(make_hparams(), [corpus], tmp_path / "unbroken", jobs=1)
    assert files_of(tmp_path / "features") == files_of(tmp_path / "unbroken")


def test_preprocessing_does_not_import_tensorflow():
    program = (
        "import sys; import tf_gantts.data.preprocess, tf_gantts.data.workers;"
        "print(sorted({'tensorflow', 'keras', 'librosa'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout.strip() == "[]"
