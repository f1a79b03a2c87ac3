"""tools/score_alignment.py: both aligners on a few sentences of flite."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tf_gantts.command import EXIT_BAD_INPUT, run
from tf_gantts.errors import CorpusError
from tf_gantts.generation import flite

TOOL = Path(__file__).resolve().parent.parent / "tools" / "score_alignment.py"
needs_flite = pytest.mark.skipif(
    not flite.is_available(), reason="flite is not installed: apt-get install -y flite"
)


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("score_alignment", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@needs_flite
def test_the_hmm_is_nearer_than_even_shares(tool, capsys):
    arguments = ["--sentences", "30", "--aligners", "uniform", "hmm"]
    assert tool.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("30 sentences, ") and "frames of 16.0 ms" in lines[0]
    rows = {name: [float(value) for value in values] for name, *values in map(str.split, lines[2:])}
    assert list(rows) == ["uniform", "hmm"]
    assert rows["hmm"][0] < 30.0 < 60.0 < rows["uniform"][0]
    assert rows["hmm"][2] > 0.6 > rows["uniform"][2]


@needs_flite
def test_bad_arguments_are_one_line(tool, capsys):
    assert run(tool.main, ["--sentences", "0"]) == EXIT_BAD_INPUT
    assert run(tool.main, ["--voice", "bob", "--sentences", "1"]) == EXIT_BAD_INPUT
    said = capsys.readouterr().err
    assert "--sentences must be at least 1" in said and "unknown voice 'bob'" in said


@needs_flite
def test_flite_says_when_it_spoke_which_phone():
    voice = flite.FliteVoice("slt")
    speech, phones, ends = voice.speak_phones("The cat, a dog.")
    assert phones == ["pau", "dh", "ax", "k", "ae", "t", "pau", "ax", "d", "ao", "g", "pau"]
    assert np.all(np.diff(ends) > 0)
    assert abs(ends[-1] - len(speech.audio) / speech.sampling_rate) < 0.01
    np.testing.assert_array_equal(speech.audio, voice.speak("The cat, a dog.").audio)


def test_a_flite_without_phones_is_named(monkeypatch):
    voice = flite.FliteVoice("slt")
    monkeypatch.setattr(voice, "_speak", lambda text, option: (None, "usage: flite"))
    with pytest.raises(CorpusError, match="printed no phones for 'hello': 'usage: flite'"):
        voice.speak_phones("hello")
