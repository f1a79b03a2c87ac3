"""Turns a public PyTorch checkpoint into a run directory; see --help."""

import sys

from tf_gantts.command import run
from tf_gantts.import_checkpoint import main

if __name__ == "__main__":
    sys.exit(run(main))
