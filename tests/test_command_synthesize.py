import re

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from tiny_run import make_run, noise_mel

from tf_gantts import command, synthesize, synthesize_clips
from tf_gantts.audio.files import read_audio, write_wav
from tf_gantts.audio.mel import frame_align
from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.data.store import open_store
from tf_gantts.systems import load_system

SPEC = PROFILES["parallel_wavegan"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "tiny"
    make_run(path, steps=(3, 5), best=3)
    return path


@pytest.fixture(scope="module")
def network(run):
    system, _ = load_system(run)
    return lambda mel: system.synthesize(tf.constant(mel[np.newaxis])).numpy()[0, :, 0]


@pytest.fixture(scope="module")
def recordings(shared):
    paths = (shared / "data" / "ljspeech-mini" / "wavs").glob("*.wav")
    return sorted(paths, key=lambda path: path.stat().st_size)[:3]


def call(*arguments):
    return command.run(synthesize.main, [str(argument) for argument in arguments])


def read(path):
    audio, rate = soundfile.read(path)
    assert soundfile.info(path).subtype == "PCM_16"
    assert rate == SPEC.sampling_rate
    return audio


def assert_same_audio(audio, expected):
    np.testing.assert_allclose(audio, np.clip(expected, -1, 32767 / 32768), atol=1.01 / 32768)


def errors(capsys):
    return [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]


@pytest.mark.parametrize("batch_size", [1, 3])
def test_recordings_come_back_with_their_own_length(
    run, network, recordings, tmp_path, capsys, batch_size
):
    out = tmp_path / "out"
    arguments = ("--wav", *recordings, "--out", out, "--batch-size", batch_size)
    assert call("--run", run, *arguments) == 0
    printed = capsys.readouterr().out
    for path in recordings:
        natural, _ = read_audio(path)
        audio = read(out / path.name)
        assert len(audio) == len(natural)
        _, mel = frame_align(natural, SPEC)
        assert_same_audio(audio, network(mel)[: len(natural)])
        png = (out / f"{path.stem}.png").read_bytes()
        assert png.startswith(b"\x89PNG") and len(png) > 10_000
        assert re.search(rf"{path.name}  \d+\.\d+ s in \d+\.\d+ s: RTF \d+\.\d+", printed)
    seconds = sum(soundfile.info(path).duration for path in recordings)
    assert f"3 clips, {seconds:.1f} s of audio in" in printed
    assert "at step 5 (warm-up of" in printed
    assert len(list(out.iterdir())) == 6


def test_a_feature_store_comes_back_by_split(run, network, small_store, tmp_path):
    arguments = ("--features", small_store, "--split", "test", "--out", tmp_path)
    assert call("--run", run, *arguments) == 0
    store = open_store(small_store)
    (index,) = store.splits["test"]
    (wav,) = tmp_path.glob("*.wav")
    assert wav.stem == store.utterances[index].id
    assert_same_audio(read(wav), network(store.read(index, "mel")))


def test_a_recording_and_its_features_give_the_same_audio(run, recordings, small_store, tmp_path):
    assert call("--run", run, "--wav", recordings[0], "--out", tmp_path / "wav") == 0
    assert call("--run", run, "--features", small_store, "--out", tmp_path / "mel") == 0
    audio = read(tmp_path / "wav" / recordings[0].name)
    stored = read(tmp_path / "mel" / recordings[0].name)
    assert 0 <= len(stored) - len(audio) < SPEC.hop_size  # a store holds whole frames
    np.testing.assert_allclose(stored[: len(audio)], audio, atol=1.01 / 32768)
    assert len(list((tmp_path / "mel").glob("*.wav"))) == 8


def test_mel_files_of_any_length_are_taken(run, network, tmp_path):
    mels = {f"mel{n}": noise_mel(SPEC, 1, n)[0] for n in (1, 5, 30)}
    for name, mel in mels.items():
        np.save(tmp_path / f"{name}.npy", mel)
    assert call("--run", run, "--features", tmp_path, "--out", tmp_path / "out") == 0
    for name, mel in mels.items():
        assert len(read(tmp_path / "out" / f"{name}.wav")) == len(mel) * SPEC.hop_size
    assert_same_audio(read(tmp_path / "out" / "mel30.wav"), network(mels["mel30"]))


def test_the_checkpoint_is_chosen(run, tmp_path):
    np.save(tmp_path / "mel.npy", noise_mel(SPEC, 1, 10)[0])
    arguments = ("--run", run, "--features", tmp_path / "mel.npy", "--checkpoint")
    assert call(*arguments, "best", "--out", tmp_path / "best") == 0
    assert call(*arguments, 3, "--out", tmp_path / "3") == 0
    assert call(*arguments, "latest", "--out", tmp_path / "latest") == 0
    best, three, latest = (read(tmp_path / n / "mel.wav") for n in ("best", "3", "latest"))
    np.testing.assert_array_equal(best, three)
    assert np.abs(best - latest).max() > 0.01


@pytest.mark.parametrize("samples", [1, 100, 256, 700])
def test_short_recordings_keep_their_length(run, tmp_path, samples):
    rng = np.random.default_rng(0)
    write_wav(tmp_path / "in.wav", 0.1 * rng.normal(size=samples).clip(-3, 3), 22050)
    assert call("--run", run, "--wav", tmp_path / "in.wav", "--out", tmp_path / "out") == 0
    assert len(read(tmp_path / "out" / "in.wav")) == samples


def test_another_rate_is_resampled_with_a_notice(run, tmp_path, caplog):
    tone = 0.5 * np.sin(np.arange(48000) * 0.05)
    soundfile.write(tmp_path / "in.wav", np.stack([tone, tone], axis=1), 48000)
    with caplog.at_level("INFO"):
        assert call("--run", run, "--wav", tmp_path / "in.wav", "--out", tmp_path / "out") == 0
    assert "resampled from 48000 to 22050 Hz" in caplog.text
    assert len(read(tmp_path / "out" / "in.wav")) == 22050


@pytest.mark.parametrize("words", [[], ["--stream"]])
def test_the_recipes_gain_is_undone(tmp_path, recordings, words):
    make_run(tmp_path / "run", global_gain_scale=0.5)
    arguments = ("--wav", recordings[0], "--out", tmp_path, *words)
    assert call("--run", tmp_path / "run", *arguments) == 0
    system, _ = load_system(tmp_path / "run")
    natural, _ = read_audio(recordings[0])
    _, mel = frame_align(natural * np.float32(0.5), SPEC)
    expected = system.synthesize(tf.constant(mel[np.newaxis])).numpy()[0, : len(natural), 0]
    assert_same_audio(read(tmp_path / recordings[0].name), 2 * expected)


def test_griffin_lim_takes_the_networks_place(run, recordings, tmp_path, capsys):
    arguments = ("--wav", recordings[0], "--out", tmp_path, "--griffin-lim")
    assert call("--run", run, *arguments) == 0
    assert "Griffin-Lim: 1 clips" in capsys.readouterr().out
    natural, _ = read_audio(recordings[0])
    audio = read(tmp_path / recordings[0].name).astype(np.float32)
    assert len(audio) == len(natural)
    distance = np.abs(frame_align(audio, SPEC)[1] - frame_align(natural, SPEC)[1]).mean()
    assert distance < 0.2


def test_streamed_files_are_those_of_whole_clips(run, network, recordings, tmp_path, capsys):
    (tmp_path / "empty.wav").write_bytes(b"")
    wavs = ("--wav", recordings[0], tmp_path / "empty.wav", recordings[1])
    words = ("--stream", "--chunk-frames", 5, "--verify")
    assert call("--run", run, *wavs, "--out", tmp_path / "out", *words) == 2
    captured = capsys.readouterr()
    assert "0 bytes" in captured.err
    for path in recordings[:2]:
        natural, _ = read_audio(path)
        audio = read(tmp_path / "out" / path.name)
        assert len(audio) == len(natural)
        assert_same_audio(audio, network(frame_align(natural, SPEC)[1])[: len(natural)])
        line = rf"{path.name}  .*: RTF .*; first audio after \d+\.\d ms, .* whole"
        assert re.search(line, captured.out)
        assert (tmp_path / "out" / f"{path.stem}.png").exists()
    assert re.search(r"first audio after \d+\.\d ms of computing \(median\)", captured.out)
    assert "5 frames (58 ms) at a time, with 4 frames before them and 4 after" in captured.out
    assert float(captured.out.rpartition("whole clips: ")[2]) <= 1e-5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--stream", "--griffin-lim"], "one clip at a time through a network"),
        (["--stream", "--batch-size", "2"], "one clip at a time through a network"),
        (["--verify"], "--verify goes with --stream"),
        (["--stream", "--chunk-frames", "0"], "--chunk-frames must be at least 1"),
    ],
)
def test_options_that_do_not_go_together_are_refused(run, tmp_path, capsys, words, message):
    with pytest.raises(SystemExit) as caught:
        call("--run", run, "--wav", tmp_path, "--out", tmp_path, *words)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_clips_of_one_name_do_not_overwrite_each_other(run, tmp_path):
    for folder, samples in (("a", 3000), ("b", 4000)):
        (tmp_path / folder).mkdir()
        write_wav(tmp_path / folder / "in.wav", np.zeros(samples), 22050)
    folders = (tmp_path / "a", tmp_path / "b")
    assert call("--run", run, "--wav", *folders, "--out", tmp_path / "out") == 0
    assert len(read(tmp_path / "out" / "in.wav")) == 3000
    assert len(read(tmp_path / "out" / "in-2.wav")) == 4000
    repeated = ("--wav", folders[0], "--wav", folders[1])  # as good as both after one --wav
    assert call("--run", run, *repeated, "--out", tmp_path / "again") == 0
    assert (tmp_path / "again" / "in-2.wav").exists()


def test_a_recording_is_never_overwritten(run, tmp_path, capsys):
    write_wav(tmp_path / "in.wav", np.zeros(3000), 22050)
    before = (tmp_path / "in.wav").read_bytes()
    assert call("--run", run, "--wav", tmp_path / "in.wav", "--out", tmp_path) == 2
    assert "would be overwritten" in errors(capsys)[0]
    assert (tmp_path / "in.wav").read_bytes() == before


def test_a_bad_recording_does_not_stop_the_others(run, tmp_path, capsys, caplog):
    write_wav(tmp_path / "good.wav", np.zeros(3000), 22050)
    (tmp_path / "empty.wav").write_bytes(b"")
    cut = (tmp_path / "good.wav").read_bytes()[:2000]
    (tmp_path / "cut.wav").write_bytes(cut)
    assert call("--run", run, "--wav", tmp_path, "--out", tmp_path / "out") == 2
    assert [path.name for path in (tmp_path / "out").glob("*.wav")] == ["good.wav"]
    assert "2 of 3 clips" in errors(capsys)[0]
    assert "empty.wav" in caplog.text and "cut short" in caplog.text


def test_another_mel_definition_is_refused_naming_the_field(small_store, tmp_path, capsys):
    make_run(tmp_path / "run", fmax=7000)
    assert call("--run", tmp_path / "run", "--features", small_store, "--out", tmp_path) == 2
    (line,) = errors(capsys)
    assert "fmax: 7000.0 != 7600.0" in line
    assert not list(tmp_path.glob("*.wav"))


def test_wrong_requests_are_answered_in_one_line(run, small_store, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    (tmp_path / "nothing").mkdir()
    write_wav(tmp_path / "in.wav", np.zeros(3000), 22050)
    np.save(tmp_path / "wide.npy", noise_mel(SPEC, 1, 20)[0].T)
    np.save(tmp_path / "none.npy", noise_mel(SPEC, 1, 0)[0])
    np.save(tmp_path / "nan.npy", np.full((5, 80), np.nan, np.float32))
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], object), allow_pickle=True)
    out = ("--out", tmp_path / "out")
    wav = ("--wav", tmp_path / "in.wav")
    cases = [
        (("--run", tmp_path / "none", *wav, *out), "no such run"),
        (("--run", run, *wav, *out, "--checkpoint", 4), "no checkpoint of step 4"),
        (("--run", run, "--wav", tmp_path / "none.wav", *out), "no such recording"),
        (("--run", run, "--wav", tmp_path / "nothing", *out), "no recording in this folder"),
        (("--run", run, "--features", tmp_path / "nothing", *out), "preprocess.py"),
        (("--run", run, "--features", tmp_path / "wide.npy", *out), "transpose it"),
        (("--run", run, "--features", tmp_path / "none.npy", *out), "no frames"),
        (("--run", run, "--features", tmp_path / "nan.npy", *out), "not finite"),
        (("--run", run, "--features", tmp_path / "objects.npy", *out), "cannot be read|pickle"),
        (("--run", run, *wav, "--out", tmp_path / "file"), "it exists already"),
        (("--run", run, *wav, "--out", tmp_path / "file" / "out"), "a part of the path is a file"),
    ]
    for arguments, expected in cases:
        assert call(*arguments) == 2
        found = errors(capsys)
        assert len(found) == 1 and re.search(expected, found[0]), found
    assert not list(tmp_path.glob("out/*"))


def test_a_folder_that_cannot_be_written_is_named(run, tmp_path, capsys, monkeypatch):
    write_wav(tmp_path / "in.wav", np.zeros(3000), 22050)
    monkeypatch.setattr(
        synthesize_clips.os, "access", lambda *_: False
    )  # root may write everywhere
    assert call("--run", run, "--wav", tmp_path / "in.wav", "--out", tmp_path / "out") == 2
    assert f"{tmp_path / 'out'}: cannot be written" in errors(capsys)[0]
