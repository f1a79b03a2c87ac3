"""Scripts in a process of their own, where exports have nothing but TensorFlow."""

import os
import subprocess
import sys
import textwrap


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
