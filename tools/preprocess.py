"""Turns recordings into features for training; see --help."""

import sys

from tf_gantts.command import run
from tf_gantts.preprocess import main

if __name__ == "__main__":
    sys.exit(run(main))
