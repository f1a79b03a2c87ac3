"""tools/score_normalizer.py and tools/check_text_graph.py."""

import importlib.util
from pathlib import Path

import pytest

from tf_gantts.command import EXIT_BAD_INPUT, run
from tf_gantts.text import FrontEnd

TOOLS = Path(__file__).resolve().parent.parent / "tools"


def tool(name):
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def transcripts(tmp_path):
    path = tmp_path / "metadata.csv"
    path.write_text(
        "LJ001-0001|In 1465 he|In fourteen sixty-five he\n"
        "LJ001-0002|plain text|plain text\n"
        "LJ031-0001|cost £1400|cost fourteen hundred pounds\n",
        encoding="utf-8",
    )
    return path


def test_the_score_counts_exact_lines_and_words(transcripts, capsys):
    assert tool("score_normalizer").main(["--transcripts", str(transcripts), "--differences"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1] == ["LJ001-LJ030", "2", "100.00%", "0.0000%", "1", "100.00%"]
    assert lines[2] == ["LJ031-LJ050", "1", "0.00%", "75.0000%", "1", "0.00%"]
    assert lines[3] == ["all", "3", "66.67%", "30.0000%", "2", "50.00%"]
    assert lines[5] == ["1", "hundreds", "or", "thousands"]
    assert lines[6][0] == "LJ031-0001"


def test_a_broken_file_is_named(tmp_path, capsys):
    path = tmp_path / "metadata.csv"
    path.write_text("LJ001-0001|only two\n")
    arguments = ["--transcripts", str(path)]
    assert run(tool("score_normalizer").main, arguments) == EXIT_BAD_INPUT
    assert "line 1: 2 fields" in capsys.readouterr().err


def test_the_graph_check_compares_in_another_process(transcripts, capsys, monkeypatch):
    # Python leaves numbers as they are, the graph has words: two of the texts differ.
    monkeypatch.setattr(FrontEnd, "words", lambda self, text: text)
    arguments = ["--transcripts", str(transcripts), "--front-end", "characters", "--words"]
    assert tool("check_text_graph").main(arguments) == 1
    assert "characters  4 of 6 texts equal" in capsys.readouterr().out
