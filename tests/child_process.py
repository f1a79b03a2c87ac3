"""Processes of their own: for exports, which have nothing but TensorFlow, and for trainings."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


def in_child(script, *arguments):
    """Runs a script where neither Keras nor this package can be imported; returns its output."""
    blocked = """
        import sys

        for name in ("keras", "tf_keras", "tf_gantts", "tensorflow_text", "tensorflow_io"):
            sys.modules[name] = None  # importing it fails
        """
    script = textwrap.dedent(blocked) + textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
        cwd=arguments[0],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def training_words(folder, features, name, values, *more):
    """Writes a recipe to FOLDER/NAME.yaml; returns the arguments that train it in FOLDER/NAME."""
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values))
    return [f"--hparams={path}", f"--features={features}", f"--run={folder / name}", *more]


def train_in_child(*commands):
    """Trains once with each list of arguments, all in one process that starts afresh."""
    script = """
        import json, sys
        from tf_gantts import command, train
        sys.exit(max(command.run(train.main, words) for words in json.loads(sys.argv[1])))
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), json.dumps(commands)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
