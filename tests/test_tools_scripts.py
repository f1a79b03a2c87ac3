"""tools/test.sh, tools/quickstart.sh and .ci/run, with a stand-in for the slow programs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Takes the place of the environment's python. It writes down what it was asked to do, does the few
# things that the scripts look at, and hands `-c` to the real one.
_STAND_IN = """
import os, pathlib, signal, subprocess, sys, time

words = sys.argv[1:]
if words[0] == "-c":
    os.environ["PYTHONPATH"] = os.environ["REAL_ROOT"]
    os.execv(sys.executable, [sys.executable, *words])
with open(os.environ["CALLS"], "a") as file:
    print(*words, file=file)
if any(part in " ".join(words) for part in os.environ.get("BROKEN", "nothing breaks").split(",")):
    sys.exit(3)

def value(name):
    return words[words.index(name) + 1]

def touch(path):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")

if "tools/make_corpus.py" in words:
    touch(value("--out") + "/metadata.csv")
elif "tools/preprocess.py" in words:
    touch(value("--features") + "/index.json")
    pathlib.Path(value("--features"), "index.json").write_text(
        '{"utterances": [{"split": "train"}, {"split": "test"}]}')
elif "tf_gantts.train" in words:
    run, stopped, step = pathlib.Path(value("--run")), [], 0
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    checkpoints = sorted((run / "checkpoints").glob("step-*"))
    assert bool(checkpoints) == ("--resume" in words), words
    if checkpoints:
        step = int(checkpoints[-1].name[5:])
    run.mkdir(parents=True, exist_ok=True)
    while step < 40 and not stopped:
        step += 1
        with open(run / "scalars.csv", "a") as file:
            print(f"{step},train/loss,1.0", file=file)
        while step == 30 and not stopped:
            time.sleep(0.05)  # the middle is behind us: somebody has to stop us
    (run / "checkpoints" / f"step-{step:08d}").mkdir(parents=True)
elif "tf_gantts.export" in words:
    touch(value("--out") + "/saved_model.pb")
elif "tf_gantts.evaluate" in words:
    touch(value("--out") + "/results.json")
elif "tools/quickstart_report.py" in words:
    touch(value("--out"))
"""


class Project:
    """A copy of the scripts, with an environment whose python is the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls_path = folder / "calls.txt"
        for name in ("tools", ".ci", "docker", "hparams"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".*_cache"))
        for name in ("setup.cfg", "pyproject.toml"):
            shutil.copy(ROOT / name, folder / name)
        bin_folder = folder / "venv" / "bin"
        bin_folder.mkdir(parents=True)
        (folder / "stand_in.py").write_text(_STAND_IN)
        self.script(bin_folder / "python", f'exec "{sys.executable}" "{folder}/stand_in.py" "$@"')
        # So that no package is installed for the corpus and for the browser.
        for name in ("flite", "chromium"):
            self.script(bin_folder / name, "exit 0")
        (bin_folder / "activate").write_text(f'export PATH="{bin_folder}:$PATH"\n')
        self.environment = {
            **os.environ,
            "TF_GANTTS_VENV": str(folder / "venv"),
            "CALLS": str(self.calls_path),
            "REAL_ROOT": str(ROOT),
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        }
        self.environment.pop("TF_GANTTS_LOCK", None)

    @staticmethod
    def script(path: Path, line: str) -> None:
        path.write_text(f"#!/bin/bash\n{line}\n")
        path.chmod(0o755)

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", *words],
            cwd=self.folder.parent,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def calls(self) -> list[str]:
        """What the stand-in was asked to do since the last look."""
        lines = self.calls_path.read_text().splitlines() if self.calls_path.exists() else []
        self.calls_path.unlink(missing_ok=True)
        return [line for line in lines if line != "-m pip --version"]


@pytest.fixture
def project(tmp_path) -> Project:
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project")


# tools/test.sh


def test_the_suite_installs_lints_checks_types_and_tests(project):
    done = project.run("project/tools/test.sh", "tests/test_x.py", "-k", "one")
    assert done.returncode == 0, done.stderr
    install, lint, layout, types, tests = project.calls()
    assert install.startswith("-m pip install") and f"-e {project.folder}[test]" in install
    assert "-c docker/requirements-2.21.txt" in install
    assert lint.startswith("-m ruff check") and "--config tools/ruff.toml" in lint
    assert layout.startswith("-m ruff format --check")
    assert types.startswith("-m mypy --config-file setup.cfg") and types.endswith("tf_gantts")
    assert tests.startswith("-m pytest") and tests.endswith("tests/test_x.py -k one")


def test_ci_runs_the_same(project):
    assert project.run("project/.ci/run").returncode == 0
    assert [call.split()[1] for call in project.calls()] == [
        "pip",
        "ruff",
        "ruff",
        "mypy",
        "pytest",
    ]


@pytest.mark.parametrize("broken", ["pip install", "ruff check", "ruff format", "mypy", "pytest"])
def test_the_first_failure_ends_it(project, broken):
    done = project.run("project/tools/test.sh", BROKEN=broken)
    assert done.returncode != 0
    assert broken.split()[0] in project.calls()[-1]


def test_packages_are_installed_again_only_when_their_list_changes(project):
    def installs() -> bool:
        assert project.run("project/tools/test.sh").returncode == 0
        return any("pip install" in call for call in project.calls())

    assert installs()
    assert not installs()
    with (project.folder / "setup.cfg").open("a") as file:
        file.write("# changed\n")
    assert installs()
    assert not installs()
    with (project.folder / "docker" / "requirements-2.21.txt").open("a") as file:
        file.write("# changed\n")
    assert installs()


def test_a_failed_installation_is_tried_again(project):
    assert project.run("project/tools/test.sh", BROKEN="pip install").returncode == 2
    project.calls()
    assert project.run("project/tools/test.sh").returncode == 0
    assert "pip install" in project.calls()[0]


def test_another_lock_or_none_can_be_chosen(project):
    project.run("project/tools/test.sh", TF_GANTTS_LOCK="docker/requirements-2.17.txt")
    assert "-c docker/requirements-2.17.txt" in project.calls()[0]
    project.run("project/tools/test.sh", TF_GANTTS_LOCK="none")
    assert " -c " not in project.calls()[0]


def test_a_python_that_does_not_fit_is_refused_in_one_line(project, tmp_path):
    old = tmp_path / "old"
    project.script(old, '[ "$1" = --version ] && echo Python 3.9.9; exit 1')
    missing = str(tmp_path / "no-venv")
    done = project.run("project/tools/test.sh", TF_GANTTS_VENV=missing, TF_GANTTS_PYTHON=str(old))
    assert done.returncode == 2
    assert "Python 3.11 or 3.12 is needed, found: Python 3.9.9" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_python_that_only_seems_to_be_there_is_passed_over(tmp_path):
    Project.script(tmp_path / "python3.11", "echo not really >&2; exit 127")
    Project.script(tmp_path / "python3.12", f'exec "{sys.executable}" "$@"')
    done = subprocess.run(
        ["bash", "-c", ". tools/venv.sh; find_python"],
        cwd=ROOT,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(tmp_path / "python3.12")


# tools/quickstart.sh

QUICK = ("project/tools/quickstart.sh", "--set", "train_max_steps=40")


def _stages(project: Project) -> list[list[str]]:
    text = (project.folder / "quickstart" / "stages.tsv").read_text()
    return [line.split("\t") for line in text.splitlines()]


def test_quickstart_makes_everything_and_resumes_once(project):
    done = project.run(*QUICK)
    assert done.returncode == 0, done.stderr
    calls = [call.split(" --")[0] for call in project.calls()][1:]  # without pip
    train = "-m tf_gantts.train"
    assert calls == [
        "tools/make_corpus.py",
        "tools/preprocess.py",
        train,
        train,
        "-m tf_gantts.export",
        "-m tf_gantts.evaluate",
        "tools/quickstart_report.py",
    ]
    stages = _stages(project)
    names = ["corpus", "features", "train", "train", "export", "evaluate", "report"]
    assert [stage[0] for stage in stages] == names
    assert stages[2][2] == "stopped by SIGTERM on purpose, saved at step 30"
    assert "--resume" not in stages[2][3] and stages[3][3].endswith("--resume")
    assert [stage[2] for stage in stages[3:]] == ["done"] * 4
    assert all(float(stage[1]) >= 0 for stage in stages)
    assert "quickstart/report.html" in done.stdout and "together" in done.stdout


def test_what_is_there_is_not_made_again(project):
    project.run(*QUICK)
    project.calls()
    (project.folder / "quickstart" / "report.html").unlink()
    done = project.run(*QUICK)
    assert done.returncode == 0
    (only,) = project.calls()
    assert only.startswith("tools/quickstart_report.py")
    assert "train: quickstart/run is there, 40 steps" in done.stdout
    assert project.run(*QUICK).returncode == 0
    assert project.calls() == []


def test_fresh_starts_over_and_removes_nothing_else(project):
    project.run(*QUICK)
    (project.folder / "quickstart" / "run" / "old.txt").write_text("")
    assert project.run(*QUICK, "--fresh").returncode == 0
    assert not (project.folder / "quickstart" / "run" / "old.txt").exists()
    assert len(_stages(project)) == 7
    mine = project.folder / "mine"
    mine.mkdir()
    (mine / "precious.txt").write_text("")
    done = project.run(*QUICK, "--fresh", "--out", "mine")
    assert done.returncode == 2 and "was not made by this script" in done.stderr
    assert (mine / "precious.txt").exists()


def test_other_options_never_show_the_first_ones_result(project):
    project.run(*QUICK)
    project.calls()
    done = project.run(*QUICK, "--sentences", "30")
    assert done.returncode == 2
    assert "made with other options" in done.stderr and "--fresh" in done.stderr
    assert project.calls() == []


def test_own_recordings_take_the_place_of_the_built_in_corpus(project):
    (project.folder / "my voice").mkdir()
    done = project.run(*QUICK, "--corpus", "my voice")
    assert done.returncode == 0, done.stderr
    calls = project.calls()
    assert not any("make_corpus" in call for call in calls)
    assert any("preprocess.py" in call and "--corpus my voice" in call for call in calls)
    assert "--corpus 'my voice'" in _stages(project)[0][3]


def test_espeak_comes_with_pip_where_flite_cannot_be_installed(project, tmp_path):
    programs = tmp_path / "programs"  # all that the script needs, without flite and apt-get
    programs.mkdir()
    for name in [
        "awk",
        "bash",
        "cat",
        "cut",
        "dirname",
        "id",
        "ls",
        "mkdir",
        "rm",
        "sleep",
        "tail",
        "touch",
    ]:
        (programs / name).symlink_to(shutil.which(name))
    (project.folder / "venv" / "bin" / "flite").unlink()
    done = project.run(*QUICK, PATH=str(programs))
    assert done.returncode == 0, done.stderr
    assert "espeak-ng speaks" in done.stdout
    assert f"-e {project.folder}[demo]" in project.calls()[0]


def test_a_failed_stage_is_named_and_the_next_call_goes_on(project):
    done = project.run(*QUICK, BROKEN="tf_gantts.export")
    assert done.returncode == 2
    assert "stage 'export' failed" in done.stderr
    project.calls()
    assert project.run(*QUICK).returncode == 0
    assert [call.split(" --")[0] for call in project.calls()] == [
        "-m tf_gantts.export",
        "-m tf_gantts.evaluate",
        "tools/quickstart_report.py",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--corpus", "nowhere"], "nowhere: no such folder of recordings"),
        (["--hparams", "no.yaml"], "no.yaml: no such hyper-parameter file"),
        (["--frsh"], "unknown option --frsh"),
        (["--out"], "--out needs a value"),
        (["--set", "lamda_adv=1"], "lambda_adv"),
    ],
)
def test_bad_options_are_answered_in_one_line(project, words, message):
    done = project.run("project/tools/quickstart.sh", *words)
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.count("\n") == 1


def test_help_names_every_option(project):
    done = project.run("project/tools/quickstart.sh", "--help")
    assert done.returncode == 0
    for option in ("--corpus", "--fresh", "--out", "--hparams", "--set", "--sentences"):
        assert option in done.stdout
    assert project.calls() == []
