"""The console script `tf-gantts VERB ...`: the same commands as `python -m tf_gantts.VERB`."""

from __future__ import annotations

import importlib
import sys

from tf_gantts import __version__, command

_VERBS = {
    "preprocess": ("tf_gantts.preprocess", "recordings to features"),
    "train": ("tf_gantts.train", "train a system"),
    "synthesize": ("tf_gantts.synthesize", "text, features or recordings to waveforms"),
    "evaluate": ("tf_gantts.evaluate", "scores of runs and of waveforms"),
    "export": ("tf_gantts.export", "runs to a SavedModel"),
    "extract-mels": ("tf_gantts.extract_mels", "an acoustic run's mels as features"),
    "import": ("tf_gantts.import_checkpoint", "a public PyTorch checkpoint to a run"),
}


def main() -> int:
    """Runs the verb that the first argument names."""
    arguments = sys.argv[1:]
    if arguments and arguments[0] in _VERBS:
        module = importlib.import_module(_VERBS[arguments[0]][0])
        return command.run(module.main, arguments[1:])
    if arguments == ["--version"]:
        print(__version__)
        return 0
    print("usage: tf-gantts VERB [options]; `tf-gantts VERB --help` lists a verb's options\n")
    for verb, (_, help_text) in _VERBS.items():
        print(f"  {verb:14}{help_text}")
    return 0 if arguments in ([], ["-h"], ["--help"]) else command.EXIT_BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
