"""tools/quickstart.sh, with a stand-in for the slow programs."""

import dataclasses
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from script_project import Project


@pytest.fixture
def project(tmp_path) -> Project:
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project")


QUICK = (
    "project/tools/quickstart.sh",
    *("--set", "train_max_steps=40", "--vocoder-set", "train_max_steps=40"),
)


@dataclasses.dataclass
class Finished:
    """A quickstart that went through once: tests look at it and leave it as it is."""

    project: Project
    done: subprocess.CompletedProcess
    calls: list[str]
    words: tuple[str, ...] = (*QUICK, "--vocoder-set", "seed=7")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Finished:
    folder = tmp_path_factory.mktemp("finished") / "project"
    folder.mkdir()
    project = Project(folder)
    done = project.run(*Finished.words)
    assert done.returncode == 0, done.stderr
    return Finished(project, done, project.calls())


def _stages(project: Project) -> list[list[str]]:
    text = (project.folder / "quickstart" / "stages.tsv").read_text()
    return [line.split("\t") for line in text.splitlines()]


def _commands(calls: list[str]) -> list[str]:
    """The programs that ran, without pip; trainings with their run."""
    found = []
    for call in calls:
        words = call.split()
        name = words[0] if words[0] != "-m" else words[1]
        run = f" {Path(words[words.index('--run') + 1]).name}" if name.endswith("train") else ""
        found.append(Path(name).stem + Path(name).suffix + run)
    return [name for name in found if name != "pip"]


def _require_all_after_training(commands: list[str]) -> None:
    """The SavedModel is made and the voice speaks at the same time, then come the scores."""
    assert sorted(commands[:2]) == ["tf_gantts.export", "tf_gantts.synthesize"]
    assert commands[2:] == ["tf_gantts.evaluate", "quickstart_report.py"]


def test_quickstart_makes_a_voice_and_resumes_each_training_once(finished):
    commands = _commands(finished.calls)
    assert commands[:2] == ["make_corpus.py", "preprocess.py"]
    runs = ["tf_gantts.train acoustic", "tf_gantts.train vocoder"]
    assert sorted(commands[2:6]) == sorted(2 * runs)
    assert sorted(commands[2:4]) == runs  # at the same time
    _require_all_after_training(commands[6:])
    stages = _stages(finished.project)
    others = [stage[0] for stage in stages if stage[0] not in ("acoustic", "vocoder")]
    assert others[:2] == ["corpus", "features"] and sorted(others[2:4]) == ["export", "speak"]
    assert others[4:] == ["evaluate", "report"]
    for name in ("acoustic", "vocoder"):
        first, second = (stage for stage in stages if stage[0] == name)
        assert first[3] == "stopped by SIGTERM on purpose, saved at step 30"
        assert "--resume" not in first[4] and second[4].endswith("--resume")
        assert second[3] == "done"
    assert all(float(stage[1]) > 1e9 and float(stage[2]) >= 0 for stage in stages)
    assert "quickstart/report.html" in finished.done.stdout
    assert "together" in finished.done.stdout


def test_the_commands_hang_together(finished):
    calls = {call.split(" --")[0]: call for call in finished.calls}
    export, voice = calls["-m tf_gantts.export"], calls["-m tf_gantts.synthesize"]
    models = "--acoustic quickstart/runs/acoustic --vocoder quickstart/runs/vocoder"
    assert f"{models} --out quickstart/exports/voice/1" in export
    assert models in voice and "--out quickstart/voice" in voice
    judged = calls["-m tf_gantts.evaluate"]
    assert "--run quickstart/runs/vocoder --generated quickstart/voice" in judged
    assert "--recogniser" not in judged
    page = calls["tools/quickstart_report.py"]
    assert models in page and "--voice quickstart/voice --export quickstart/exports/voice/1" in page


def test_each_recipe_gets_its_own_overrides(finished):
    calls = finished.calls
    for call in calls:
        assert ("seed=7" in call) == ("vocos_tiny" in call)
    assert sum("gan_tts_small" in call and "train_max_steps=40" in call for call in calls) == 3


def test_what_is_there_is_not_made_again(finished):
    project = finished.project
    (project.folder / "quickstart" / "report.html").unlink()
    done = project.run(*finished.words)
    assert done.returncode == 0
    assert _commands(project.calls()) == ["quickstart_report.py"]
    assert "vocoder: quickstart/runs/vocoder is there, 40 steps" in done.stdout
    assert project.run(*finished.words).returncode == 0
    assert project.calls() == []


def test_a_training_that_fails_stops_the_other_and_the_next_call_goes_on(project):
    done = project.run(*QUICK, BROKEN="--run quickstart/runs/acoustic")
    assert done.returncode == 2
    assert "stage 'acoustic' failed" in done.stderr and "training was stopped" in done.stderr
    assert "tf_gantts.export" not in _commands(project.calls())
    assert project.run(*QUICK).returncode == 0
    _require_all_after_training(_commands(project.calls())[-4:])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_and_saves_both_trainings(project, number):
    stuck = Path(f"{project.calls_path}.stuck")  # in the second half, where nobody stops it
    with project.started(*QUICK, awaited=stuck, STUCK="acoustic") as process:
        if number == signal.SIGINT:  # as a terminal sends it: to all of the group
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 2 and "training was stopped" in output
    run = project.folder / "quickstart" / "runs" / "acoustic"
    assert (run / "checkpoints" / "step-00000035").is_dir()
    assert not list((project.folder / "quickstart").glob("*.pid"))
    project.calls()
    assert project.run(*QUICK).returncode == 0
    commands = _commands(project.calls())
    assert commands.count("tf_gantts.train acoustic") == 1
    _require_all_after_training(commands[-4:])


def test_fresh_starts_over_and_removes_nothing_else(project):
    project.run(*QUICK)
    (project.folder / "quickstart" / "runs" / "old.txt").write_text("")
    assert project.run(*QUICK, "--fresh").returncode == 0
    assert not (project.folder / "quickstart" / "runs" / "old.txt").exists()
    assert len(_stages(project)) == 10
    mine = project.folder / "mine"
    mine.mkdir()
    (mine / "precious.txt").write_text("")
    done = project.run(*QUICK, "--fresh", "--out", "mine")
    assert done.returncode == 2 and "was not made by this script" in done.stderr
    assert (mine / "precious.txt").exists()


def test_other_options_never_show_the_first_ones_result(finished):
    for more in (("--sentences", "30"), ("--vocoder-set", "seed=8"), ("--set", "seed=7")):
        done = finished.project.run(*finished.words, *more)
        assert done.returncode == 2
        assert "made with other options" in done.stderr and "--fresh" in done.stderr
    assert finished.project.calls() == []


def _recordings(folder: Path, transcript: str) -> None:
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.wav").write_bytes(b"")
        if transcript:
            (folder / f"{name}.txt").write_text(transcript)


def test_own_recordings_take_the_place_of_the_built_in_corpus(project):
    _recordings(project.folder / "my voice", "Tea.")
    done = project.run(*QUICK, "--corpus", "my voice")
    assert done.returncode == 0, done.stderr
    calls = project.calls()
    assert not any("make_corpus" in call for call in calls)
    assert any("preprocess.py" in call and "--corpus my voice" in call for call in calls)
    assert any("tf_gantts.synthesize" in call for call in calls)
    assert "--corpus 'my voice'" in _stages(project)[0][4]


def test_recordings_without_transcripts_give_a_vocoder(project):
    _recordings(project.folder / "noises", "")
    done = project.run(*QUICK, "--corpus", "noises")
    assert done.returncode == 0, done.stderr
    assert "only a vocoder is trained" in done.stdout
    calls = [call for call in project.calls() if "pip" not in call]
    assert [call.split(" --")[0] for call in calls] == [
        "tools/preprocess.py",
        "-m tf_gantts.train",
        "-m tf_gantts.train",
        "-m tf_gantts.export",
        "-m tf_gantts.evaluate",
        "tools/quickstart_report.py",
    ]
    assert not any("gan_tts_small" in call or "--acoustic" in call for call in calls)
    assert "--broken untrained" in calls[4] and "--generated" not in calls[4]


def test_espeak_comes_with_pip_where_flite_cannot_be_installed(project, tmp_path):
    programs = tmp_path / "programs"  # all that the script needs, without flite and apt-get
    programs.mkdir()
    needed = "awk bash cat cut dirname id ls mkdir rm sed setsid sleep sort tail touch xargs"
    for name in needed.split():
        (programs / name).symlink_to(shutil.which(name))
    (project.folder / "venv" / "bin" / "flite").unlink()
    done = project.run(*QUICK, PATH=str(programs))
    assert done.returncode == 0, done.stderr
    assert "espeak-ng speaks" in done.stdout
    assert f"-e {project.folder}[asr,demo]" in project.calls()[0]


def test_a_failed_stage_is_named_and_the_next_call_goes_on(project):
    done = project.run(*QUICK, BROKEN="tf_gantts.export")
    assert done.returncode == 2
    assert "stage 'export' failed" in done.stderr
    project.calls()
    assert project.run(*QUICK).returncode == 0
    _require_all_after_training(_commands(project.calls()))


@pytest.mark.parametrize("how", ["fails", "Ctrl-C"])
def test_a_voice_that_is_broken_off_leaves_no_export_running(project, how):
    environment = {"BROKEN" if how == "fails" else "SPEAKS_ON": "tf_gantts.synthesize"}
    speaking = Path(f"{project.calls_path}.speaking") if how == "Ctrl-C" else None
    with project.started(*QUICK, awaited=speaking, EXPORT_SECONDS="2", **environment) as process:
        if how == "Ctrl-C":
            os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=120) != 0  # not communicate, which waits for the export
    assert (project.folder / "quickstart" / "exports" / "voice" / "1" / "saved_model.pb").exists()
    assert "tf_gantts.evaluate" not in _commands(project.calls())
    assert project.run(*QUICK).returncode == 0
    assert _commands(project.calls())[-3:] == [
        "tf_gantts.synthesize",
        "tf_gantts.evaluate",
        "quickstart_report.py",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--corpus", "nowhere"], "nowhere: no such folder of recordings"),
        (["--hparams", "no.yaml"], "no.yaml: no such hyper-parameter file"),
        (["--vocoder-hparams", "no.yaml"], "no.yaml: no such hyper-parameter file"),
        (["--frsh"], "unknown option --frsh"),
        (["--out"], "--out needs a value"),
        (["--set", "lamda_mel=1"], "lambda_mel"),
        (["--vocoder-set", "lamda_adv=1"], "lambda_adv"),
    ],
)
def test_bad_options_are_answered_in_one_line(project, words, message):
    done = project.run("project/tools/quickstart.sh", *words)
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.count("\n") == 1


def test_help_names_every_option(project):
    done = project.run("project/tools/quickstart.sh", "--help")
    assert done.returncode == 0
    script = (project.folder / "tools" / "quickstart.sh").read_text()
    options = set(re.findall(r"^ *(--[a-z-]+)\) ", script, re.MULTILINE)) | {"--help", "--fresh"}
    assert len(options) == 9
    for option in options:
        assert option in done.stdout
    assert project.calls() == []
