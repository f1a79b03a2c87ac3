"""Makes a feature store of an acoustic run's mels, to fine-tune a vocoder on; see --help."""

import sys

from tf_gantts.command import run
from tf_gantts.extract_mels import main

if __name__ == "__main__":
    sys.exit(run(main))
