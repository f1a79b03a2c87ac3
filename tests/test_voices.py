"""The voices of the package, `tools/make_voice.py`, and `synthesize` and `export` with a voice."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import soundfile
import tiny_gan_tts
from tiny_acoustic import make_acoustic_run
from tiny_run import make_run

from tf_gantts import command, export, synthesize, voices
from tf_gantts.errors import CheckpointError, GanTTSError
from tf_gantts.systems import load_system
from tf_gantts.training.checkpoint import open_checkpoint, require_resumable
from tf_gantts.voices import Voice, find_voice


def _tool():
    path = Path(__file__).resolve().parent.parent / "tools" / "make_voice.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = _tool()
CARD = "# Somebody\n" + "".join(f"\n## {heading}\nWords.\n" for heading in TOOL.HEADINGS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs, a card, and the voice `ljspeech` made of them."""
    folder = tmp_path_factory.mktemp("voices")
    make_acoustic_run(folder / "runs" / "acoustic")
    make_run(folder / "runs" / "vocoder", steps=(3, 7))
    (folder / "card.md").write_text(CARD)
    assert make(folder, "--name", voices.DEFAULT) == 0
    return folder


def make(folder, *arguments):
    runs = folder / "runs"
    options = ("--acoustic", runs / "acoustic", "--vocoder", runs / "vocoder")
    options += ("--card", folder / "card.md", "--folder", folder / "voices")
    return command.run(TOOL.main, [str(argument) for argument in (*options, *arguments)])


def call(*arguments):
    return command.run(synthesize.main, [str(argument) for argument in arguments])


def error(capsys):
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
    return line


def test_the_voice_of_the_package_speaks_without_being_asked_for(
    folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(voices, "FOLDER", folder / "voices")
    monkeypatch.chdir(tmp_path)
    assert call("--text", TOOL.SENTENCE) == 0
    assert re.match(r"out/speech.wav  [\d.]+ s in ", capsys.readouterr().out)
    audio, rate = soundfile.read(tmp_path / "out" / "speech.wav")
    runs = folder / "runs"
    expected = TOOL.speak((runs / "acoustic", "latest"), (runs / "vocoder", "latest")).audio
    assert rate == 22050
    assert np.abs(expected).max() > 0.01
    np.testing.assert_allclose(audio, expected, atol=0.02 * np.abs(expected).max() + 1 / 32768)


def test_a_voice_has_halves_of_what_speaks_and_nothing_else(folder):
    voice = Voice(folder / "voices" / voices.DEFAULT)
    assert voice.card.read_text() == CARD
    for run, groups, step in ((voice.acoustic, {"network"}, 4), (voice.vocoder, {"generator"}, 7)):
        checkpoint = open_checkpoint(run)
        arrays = safetensors.numpy.load_file(checkpoint.path / "state.safetensors")
        assert {name.split("/")[0] for name in arrays} == groups
        floats = [array for array in arrays.values() if array.dtype.kind == "f"]
        assert all(x.dtype == (np.float16 if x.ndim > 1 else np.float32) for x in floats)
        assert checkpoint.meta.step == step
        with pytest.raises(CheckpointError, match="cannot be resumed"):
            require_resumable(checkpoint)


def test_moving_averages_and_the_state_of_speaking_are_kept(tmp_path):
    trained = tiny_gan_tts.build_training(generator_ema_decay=0.9)
    for variable in trained.average.state:
        variable.assign(variable + 0.25)
    trained.speaking_state[0].assign([70_001.0, 69_999.0])
    tiny_gan_tts.save(tmp_path / "run", trained)
    TOOL._write(tmp_path / "voice", (tmp_path / "run", "latest"), "somebody")
    (whole, _), (stored, checkpoint) = (load_system(tmp_path / x) for x in ("run", "voice"))
    assert checkpoint.meta.origin == "voice somebody, see card.md"
    assert not checkpoint.has("generator_average")
    assert checkpoint.hparams.text_encoder is None  # it may be a path of the training machine
    for ours, theirs in zip(stored.speaking_state, trained.speaking_state, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(stored.generator.variables, whole.generator.variables, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2**-11, atol=2**-25)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"MOST_BYTES": 10_000}, r"somebody: [\d.]+ MB, more than the 0 MB of a voice"),
        ({"HEADINGS": ("Data", "Weather")}, "card.md: has no part '## Weather'"),
        ({"_WITHOUT_EXTRAS": ("cmudict",)}, "needs more than the package .front end 'characters'"),
    ],
)
def test_what_is_no_voice_for_the_package_is_refused(folder, monkeypatch, capsys, change, message):
    class Spoken:
        mel = audio = np.ones(3)

    if "_WITHOUT_EXTRAS" not in change:
        monkeypatch.setattr(TOOL, "speak", lambda *_: Spoken())
    for name, value in change.items():
        monkeypatch.setattr(TOOL, name, value)
    assert make(folder, "--name", "somebody") == 2
    assert re.search(message, error(capsys))
    assert [path.name for path in (folder / "voices").iterdir()] == [voices.DEFAULT]


def test_a_voice_is_replaced_only_by_force(folder, capsys):
    assert make(folder, "--name", voices.DEFAULT) == 2
    assert "exists already; replace it with --force" in error(capsys)


def test_a_weight_too_large_for_a_half_is_refused():
    import tensorflow as tf

    with pytest.raises(GanTTSError, match="is too large for float16"):
        TOOL._stored(tf.Variable([[7e4]]))


def test_a_voice_is_found_by_name_or_folder(folder, monkeypatch):
    monkeypatch.setattr(voices, "FOLDER", folder / "voices")
    assert voices.names() == [voices.DEFAULT]
    elsewhere = folder / "voices" / voices.DEFAULT
    assert find_voice(voices.DEFAULT) == find_voice(str(elsewhere)) == Voice(elsewhere)
    assert call("--text", "Yes.", "--voice", "nobody") == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--voice", "x", "--vocoder", "v", "--text", "x"], "--vocoder goes with --acoustic"),
        (["--voice", "x", "--wav", "x"], "--wav and --features go with --run"),
        (["--wav", "x"], "--wav and --features go with --run"),
        (["--voice", "x", "--acoustic", "a", "--text", "x"], "not allowed with argument"),
    ],
)
def test_what_does_not_go_together_is_told(words, message, capsys):
    with pytest.raises(SystemExit):
        call(*words)
    assert message in capsys.readouterr().err


def test_an_unknown_voice_is_told_in_one_line(capsys):
    assert call("--text", "Yes.", "--voice", "nobody") == 2
    assert "voice 'nobody': neither a voice of this package (there are: " in error(capsys)


def test_a_voice_is_exported_as_its_two_runs(folder, tmp_path, monkeypatch):
    exported = []
    monkeypatch.setattr(export, "export_text_to_speech", lambda *parts: exported.append(parts))
    voice = Voice(folder / "voices" / voices.DEFAULT)
    assert export.main(["--voice", str(voice.path), "--out", str(tmp_path / "1")]) == 0
    ((acoustic, vocoder, _),) = exported
    assert (acoustic, vocoder) == ((voice.acoustic, "latest"), (voice.vocoder, "latest"))


@pytest.mark.parametrize("name", voices.names())
def test_a_voice_of_the_package_is_small_and_has_a_card(name):
    voice = find_voice(name)
    assert voice.size <= TOOL.MOST_BYTES
    card = voice.card.read_text(encoding="utf-8")
    assert all(f"\n## {heading}\n" in card for heading in TOOL.HEADINGS)
    assert all(open_checkpoint(run).meta.step for run in (voice.acoustic, voice.vocoder))
