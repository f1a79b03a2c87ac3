"""tools/quickstart_report.py on results that were written by hand."""

import importlib.util
from pathlib import Path

import pytest

from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.errors import CheckpointError, EvaluationError, GanTTSError
from tf_gantts.evaluation.bootstrap import bootstrap_mean
from tf_gantts.evaluation.log_mel import COLUMNS
from tf_gantts.evaluation.results import Clip, Results, Row, Source, write_results

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location(
        "quickstart_report", ROOT / "tools" / "quickstart_report.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def evaluation(tmp_path) -> Path:
    """An evaluation of two clips and two rows, and beside it a run."""
    name = COLUMNS[0].name
    rows = tuple(
        Row(Source(key, title), {name: values}, {name: bootstrap_mean(values)})
        for key, title, values in (
            ("natural", "Recording", (0.0, 0.0)),
            ("run", "MelGAN", (4.0, 6.0)),
        )
    )
    clips = (Clip("a", "", "", 1.0), Clip("b", "", "", 1.0))
    results = Results(PROFILES["parallel_wavegan"], clips, COLUMNS[:1], rows)
    write_results(tmp_path / "evaluation", results)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "scalars.csv").write_text("1,eval/mel_loss,2.0\n2,eval/mel_loss,1.0\n")
    (tmp_path / "run" / "hparams.yaml").write_text("batch_size: 8\n")
    return tmp_path / "evaluation"


def _main(tool, evaluation, *more):
    words = ["--evaluation", evaluation, "--run", evaluation.parent / "run"]
    tool.main([str(word) for word in [*words, "--out", evaluation.parent / "page.html", *more]])
    return (evaluation.parent / "page.html").read_text()


def test_the_page_shows_scores_commands_curves_and_recipe(tool, evaluation, capsys):
    stages = evaluation.parent / "stages.tsv"
    stages.write_text("train\t61.5\tdone\tpython -m tf_gantts.train\n")
    page = _main(tool, evaluation, "--stages", stages, "--title", "My voice")
    assert "python -m tf_gantts.train" in page and "62 s" in page
    assert "<h1>My voice</h1>" in page and "batch_size: 8" in page
    assert page.count("<svg") == 1 and ">5.00<" in page
    lines = capsys.readouterr().out.splitlines()
    assert [line[:22].strip() for line in lines] == ["Recording", "MelGAN"]
    assert "Log-mel L1 5.00 dB" in lines[1]
    assert str(evaluation) not in page


def test_what_is_missing_is_named(tool, evaluation):
    (evaluation.parent / "run" / "scalars.csv").unlink()
    with pytest.raises(CheckpointError, match=r"scalars\.csv"):
        _main(tool, evaluation)
    (evaluation / "results.json").unlink()
    with pytest.raises(EvaluationError, match=r"tf_gantts\.evaluate"):
        _main(tool, evaluation)


def test_a_damaged_table_of_stages_is_named(tool, tmp_path):
    path = tmp_path / "stages.tsv"
    with pytest.raises(GanTTSError, match=r"stages\.tsv"):
        tool.read_stages(path)
    path.write_text("train\tlong\tdone\tx\n")
    with pytest.raises(GanTTSError, match=r"stages\.tsv"):
        tool.read_stages(path)
