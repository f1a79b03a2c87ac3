"""PESQ-WB of every checkpoint of vocoders against the CPU seconds of their training; see --help."""

import sys

from tf_gantts.command import run
from tf_gantts.quality_curve import main

if __name__ == "__main__":
    sys.exit(run(main))
