"""`synthesize --acoustic`, and what `export` asks of acoustic runs."""

import json
import re

import numpy as np
import pytest
import soundfile
from tiny_acoustic import make_acoustic_run
from tiny_run import make_run

from tf_gantts import command, export, synthesize
from tf_gantts.audio.mel_conversion import MelConversion
from tf_gantts.serving import saved_model
from tf_gantts.serving.acoustic import AcousticModule
from tf_gantts.serving.synthesis import VocoderSynthesis
from tf_gantts.serving.text_synthesis import AcousticSynthesis, TextSynthesis, read
from tf_gantts.systems import load_acoustic, load_vocoder

LONG = "Is it so? He said: yes, it is! “Quite,” she wrote in 1455."


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    make_acoustic_run(folder / "acoustic", steps=(3, 5))
    make_acoustic_run(folder / "endless", stops=False, mel_profile="tacotron2_nvidia")
    make_acoustic_run(folder / "crowd", speakers=["anna", "ben"])
    make_run(folder / "vocoder")
    make_run(folder / "other", fmin=0, fmax=8000)
    return folder


def call(*arguments):
    return command.run(synthesize.main, [str(argument) for argument in arguments])


def speak(runs, *arguments, acoustic="acoustic", vocoder="vocoder"):
    return call("--acoustic", runs / acoustic, "--vocoder", runs / vocoder, *arguments)


def expected_speech(runs, text, seed):
    system, _ = load_acoustic(runs / "acoustic")
    vocoder, _ = load_vocoder(runs / "vocoder")
    conversion = MelConversion(system.mel_spec, vocoder.mel_spec, "here", "there")
    acoustic = AcousticSynthesis(system, batch_size=1, seed=seed)
    synthesis = TextSynthesis(acoustic, VocoderSynthesis(vocoder), conversion)
    return synthesis([read(text, system)], {})[0].audio


def errors(capsys):
    return [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]


def test_texts_of_a_file_become_waveforms_and_pictures(runs, tmp_path, capsys):
    lines = ["one|Yes, of course.", "", LONG, "LJ-2.a|Is it 3 o'clock?"]
    (tmp_path / "texts.txt").write_text("\n".join(lines), encoding="utf-8-sig")
    out = tmp_path / "out"
    options = ("--text-file", tmp_path / "texts.txt", "--out", out, "--batch-size", 2)
    assert speak(runs, *options, "--seed", 5) == 0
    printed = capsys.readouterr().out
    names = ["one", "line-0003", "LJ-2.a"]
    files = {f"{name}{end}" for name in names for end in (".wav", ".png", "_attention.png")}
    assert {path.name for path in out.iterdir()} == files
    audio, rate = soundfile.read(out / "line-0003.wav")
    expected = np.clip(expected_speech(runs, LONG, seed=5), -1, 32767 / 32768)
    assert rate == 22050
    np.testing.assert_allclose(audio, expected, atol=1.01 / 32768)
    line = r"line-0003.wav  .* RTF [\d.]+; 3 sentences, finished; alignment score 0\.\d{3}"
    assert re.search(line, printed)
    summary = r"at step 5 and .*vocoder at step 7 \(warm-up .*3 texts, .*\(text .*, acoustic model"
    assert re.search(summary, printed)


def test_speech_without_an_end_is_written_and_told(runs, tmp_path, capsys):
    options = ("--text", LONG, "--out", tmp_path)
    assert speak(runs, *options, acoustic="endless", vocoder="other") == 1
    captured = capsys.readouterr()
    assert "3 sentences, NOT FINISHED: 3 cut off" in captured.out
    assert "mels converted from ln(max(x, 1e-05)) to log10(max(x, 1e-10))" in captured.out
    assert "speech did not end in 1 of 1 texts (speech)" in captured.err
    assert soundfile.info(tmp_path / "speech.wav").frames > 22050 / 2


def test_a_text_that_cannot_be_read_does_not_stop_the_others(runs, tmp_path, capsys):
    (tmp_path / "texts.txt").write_text("a|\U0001f600\nb|Well.\n", encoding="utf-8")
    options = ("--text-file", tmp_path / "texts.txt", "--out", tmp_path / "out")
    assert call("--acoustic", runs / "crowd", "--griffin-lim", *options, "--speaker", "ben") == 2
    captured = capsys.readouterr()
    assert "a: the text '\U0001f600' has nothing that can be read" in captured.err
    assert "at step 4 and Griffin-Lim (warm-up" in captured.out
    assert [path.name for path in (tmp_path / "out").glob("*.wav")] == ["b.wav"]


def test_wrong_requests_are_answered_in_one_line(runs, tmp_path, capsys):
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "twice.txt").write_text("a|Yes.\na|No.\n")
    (tmp_path / "latin.txt").write_bytes("Café".encode("latin-1"))
    acoustic, vocoder, other = runs / "acoustic", runs / "vocoder", runs / "other"
    text = ("--text", "Yes.")
    cases = [
        ((acoustic, "--vocoder", vocoder, "--text-file", tmp_path / "empty.txt"), "no text; one"),
        ((acoustic, "--vocoder", vocoder, "--text-file", tmp_path / "none.txt"), "no such file"),
        ((acoustic, "--vocoder", vocoder, "--text-file", tmp_path / "twice.txt"), "stands twice"),
        ((acoustic, "--vocoder", vocoder, "--text-file", tmp_path / "latin.txt"), "not UTF-8"),
        ((acoustic, "--griffin-lim", "--text", " "), "is empty"),
        ((vocoder, "--vocoder", vocoder, *text), "a vocoder_gan, not an acoustic model"),
        ((acoustic, "--vocoder", acoustic, *text), "a tacotron2, not a vocoder"),
        ((acoustic, "--vocoder", other, *text), "fmin: 80.0 != 0.0; fmax: 7600.0 != 8000.0"),
        ((acoustic, "--vocoder", vocoder, *text, "--speaker", "anna"), "has no speakers"),
        ((runs / "crowd", "--vocoder", vocoder, *text), "several speakers"),
        ((runs / "crowd", "--griffin-lim", *text, "--speaker", "carl"), "'carl' is none of"),
        ((runs / "none", "--griffin-lim", *text), "no such run"),
    ]
    for arguments, expected in cases:
        assert call("--acoustic", *arguments, "--out", tmp_path / "out") == 2
        found = errors(capsys)
        assert len(found) == 1 and expected in found[0], found
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--acoustic", "a", "--text", "x"], "--acoustic needs a --vocoder"),
        (["--acoustic", "a", "--vocoder", "v", "--griffin-lim", "--text", "x"], "in its place"),
        (["--acoustic", "a", "--vocoder", "v", "--wav", "x"], "go with --run"),
        (["--run", "v", "--text", "x"], "go with --acoustic"),
        (["--run", "v", "--wav", "x", "--speaker", "x"], "go with --acoustic"),
        (["--acoustic", "a", "--griffin-lim", "--text", "x", "--batch-size", "0"], "at least 1"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, capsys, words, message):
    with pytest.raises(SystemExit) as caught:
        call(*words, "--out", tmp_path)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_an_acoustic_run_is_exported_alone(runs, tmp_path, capsys, monkeypatch):
    def write(module, metadata, out, force):
        assert isinstance(module, AcousticModule) and not force
        (out / "assets").mkdir(parents=True)
        (out / "assets" / "metadata.json").write_text(json.dumps({**metadata, **module.describe()}))

    monkeypatch.setattr(saved_model, "write_saved_model", write)
    words = ["--run", runs / "acoustic", "--out", tmp_path / "1", "--licence", "CC0-1.0"]
    assert command.run(export.main, [str(word) for word in words]) == 0
    printed = capsys.readouterr().out
    assert "serving_default: text string (B) -> mel float32 (B, T, 80), lengths" in printed
    assert 'speak(text=tf.constant(["Hello world."]))' in printed and "np.save" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--acoustic", "a"], "--acoustic and --vocoder go together"),
        (["--run", "a", "--vocoder", "v"], "--acoustic and --vocoder go together"),
        (["--acoustic", "a", "--vocoder", "v", "--format", "safetensors"], "goes with --run"),
    ],
)
def test_exports_of_half_a_pair_are_refused(tmp_path, capsys, words, message):
    with pytest.raises(SystemExit):
        command.run(export.main, [*words, "--out", str(tmp_path / "1")])
    assert message in capsys.readouterr().err
