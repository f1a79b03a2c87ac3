"""tools/quickstart_report.py on results that were written by hand."""

import importlib.util
import json
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
    """An evaluation of two clips with a vocoder and a voice, and beside it the runs of both."""
    name = COLUMNS[0].name
    rows = tuple(
        Row(Source(key, title, main=main), {name: values}, {name: bootstrap_mean(values)})
        for key, title, main, values in (
            ("natural", "Recording", False, (0.0, 0.0)),
            ("vocoder", "MelGAN", True, (4.0, 6.0)),
            ("voice", "voice", False, (7.0, 7.0)),
        )
    )
    clips = (Clip("a", "", "", 1.0), Clip("b", "", "", 1.0))
    results = Results(PROFILES["parallel_wavegan"], clips, COLUMNS[:1], rows)
    write_results(tmp_path / "evaluation", results)
    for run, system, scalar in (
        ("vocoder", "vocoder_gan", "eval/mel_loss"),
        ("acoustic", "gan_tts", "eval/duration_loss"),
    ):
        (tmp_path / run).mkdir()
        (tmp_path / run / "scalars.csv").write_text(
            f"1,{scalar},2.0\n1,train/phase,0.0\n2,{scalar},1.0\n2000,train/phase,0.0\n"
        )
        recipe = f"system: {system}\nbatch_size: 8\ngenerator_optimizer_params: {{lr: 0.1}}\n"
        recipe += "discriminator_optimizer_params: {lr: 0.1}\n"
        (tmp_path / run / "hparams.yaml").write_text(recipe)
    return tmp_path / "evaluation"


def _main(tool, evaluation, *more):
    words = ["--evaluation", evaluation, "--vocoder", evaluation.parent / "vocoder"]
    tool.main([str(word) for word in [*words, "--out", evaluation.parent / "page.html", *more]])
    return (evaluation.parent / "page.html").read_text()


def test_the_page_shows_scores_commands_curves_and_recipe(tool, evaluation, capsys):
    stages = evaluation.parent / "stages.tsv"
    stages.write_text("train\t100.0\t61.5\tdone\tpython -m tf_gantts.train\n")
    page = _main(tool, evaluation, "--stages", stages, "--title", "My voice")
    assert "python -m tf_gantts.train" in page and "62 s" in page
    assert "<h1>My voice</h1>" in page and "batch_size: 8" in page
    assert page.count("<svg") == 1 and ">5.00<" in page
    lines = capsys.readouterr().out.splitlines()
    assert [line[:22].strip() for line in lines] == ["Recording", "MelGAN", "voice"]
    assert "Log-mel L1 5.00 dB" in lines[1]
    assert str(evaluation) not in page


def test_the_page_of_a_voice_is_about_the_voice(tool, evaluation, capsys):
    folder = evaluation.parent
    (folder / "export" / "assets").mkdir(parents=True)
    metadata = {"sampling_rate": 22050, "front_end": {}, "speakers": [], "styles": [], "vocoder": 1}
    (folder / "export" / "assets" / "metadata.json").write_text(json.dumps(metadata))
    (folder / "voice").mkdir()
    models = ["--acoustic", folder / "acoustic", "--voice", folder / "voice"]
    page = _main(tool, evaluation, *models, "--export", folder / "export")
    lines = capsys.readouterr().out.splitlines()
    names = ["Recording", "MelGAN, from mel", "Voice, from text"]
    assert [line[:22].strip() for line in lines] == names
    assert '<tr class="main"><th scope="row">Voice' in page and page.count('class="main"') == 1
    assert "gan_tts after 2,000 training steps makes" in page
    assert "vocoder_gan after 2,000 makes" in page
    assert page.index("<h3>acoustic, gan_tts</h3>") < page.index("<h3>vocoder, vocoder_gan</h3>")
    assert page.count("<svg") == 2
    assert "tf.saved_model.load" in page and "python -m tf_gantts.synthesize --text" in page


def test_the_page_of_a_vocoder_tells_how_to_use_it(tool, evaluation):
    export = evaluation.parent / "export"
    (export / "assets").mkdir(parents=True)
    (export / "assets" / "metadata.json").write_text('{"sampling_rate": 22050}')
    page = _main(tool, evaluation, "--export", export)
    assert "vocoder(mel=tf.constant(mel[None]))" in page and "tf_gantts.synthesize" not in page


def test_what_is_missing_is_named(tool, evaluation):
    (evaluation.parent / "vocoder" / "scalars.csv").unlink()
    with pytest.raises(CheckpointError, match=r"scalars\.csv"):
        _main(tool, evaluation)
    (evaluation / "results.json").unlink()
    with pytest.raises(EvaluationError, match=r"tf_gantts\.evaluate"):
        _main(tool, evaluation)


def test_a_damaged_table_of_stages_is_named(tool, tmp_path):
    path = tmp_path / "stages.tsv"
    with pytest.raises(GanTTSError, match=r"stages\.tsv"):
        tool.read_stages(path)
    path.write_text("train\t100.0\tlong\tdone\tx\n")
    with pytest.raises(GanTTSError, match=r"stages\.tsv"):
        tool.read_stages(path)
