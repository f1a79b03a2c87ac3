"""A copy of the project's scripts with a stand-in for the slow programs."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

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
        '{"utterances": [{"split": "train"}, {"split": "test", "id": "b", "text": "Tea|time."}]}')
    if "gan_tts" in value("--hparams"):
        touch(value("--features") + "/alignment-1.h5")
elif "tf_gantts.train" in words:
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "1", "one core for each training"
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
        if step == 35 and run.name == os.environ.get("STUCK"):
            pathlib.Path(os.environ["CALLS"] + ".stuck").touch()
        while step in (30, 35 * (run.name == os.environ.get("STUCK"))) and not stopped:
            time.sleep(0.05)  # the middle is behind us: somebody has to stop us
    (run / "checkpoints" / f"step-{step:08d}").mkdir(parents=True)
elif "tf_gantts.export" in words:
    time.sleep(float(os.environ.get("EXPORT_SECONDS", "0")))
    touch(value("--out") + "/saved_model.pb")
elif "tf_gantts.synthesize" in words:
    if "SPEAKS_ON" in os.environ:
        pathlib.Path(os.environ["CALLS"] + ".speaking").touch()
        time.sleep(60)
    touch(value("--out") + "/b.wav")
    assert pathlib.Path(value("--text-file")).read_text() == "b|Tea|time.\\n"
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

    @contextlib.contextmanager
    def started(
        self, *words: str, awaited: Path | None = None, **environment: str
    ) -> Iterator[subprocess.Popen]:
        """A script that runs until it has made a file, and that does not outlive its test.

        It has a process group of its own, and obeys Ctrl-C as in a terminal.
        """
        with subprocess.Popen(
            ["bash", *words],
            cwd=self.folder.parent,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # What a shell runs in the background ignores SIGINT, and so would all that it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        ) as process:
            try:
                end = time.monotonic() + 120
                while awaited is not None and not awaited.exists():
                    assert process.poll() is None, process.communicate()[0]
                    assert time.monotonic() < end, f"{words}: no {awaited} within two minutes"
                    time.sleep(0.1)
                yield process
            finally:
                if process.poll() is None:
                    process.terminate()  # it stops what it has started
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.communicate(timeout=60)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def calls(self) -> list[str]:
        """What the stand-in was asked to do since the last look."""
        lines = self.calls_path.read_text().splitlines() if self.calls_path.exists() else []
        self.calls_path.unlink(missing_ok=True)
        return [line for line in lines if line != "-m pip --version"]
