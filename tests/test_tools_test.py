"""tools/test.sh, tools/venv.sh and .ci/run, with a stand-in for the slow programs."""

import subprocess
import sys

import pytest
from script_project import ROOT, Project


@pytest.fixture
def project(tmp_path) -> Project:
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project")


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
