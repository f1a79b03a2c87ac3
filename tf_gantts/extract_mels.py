"""Teacher-forced mels of an acoustic run as a feature store: `python tools/extract_mels.py`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tf_gantts import command

if TYPE_CHECKING:
    from tf_gantts.data.store import FeatureStore


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    p = command.argument_parser(
        "tools/extract_mels.py",
        "Copies a feature store with the mels that an acoustic run makes of the same utterances,"
        " frame by frame with the recording's own frames before it (teacher forcing). A vocoder"
        " fine-tuned on them hears in training what it will hear in use. Interrupted, the same"
        " command goes on.",
    )
    p.add_argument("--acoustic", required=True, type=Path, help="run directory of the model")
    p.add_argument(
        "--checkpoint",
        type=command.checkpoint_name,
        default="latest",
        help="which of its checkpoints: latest, best or a step",
    )
    p.add_argument("--features", required=True, help="feature store of the recordings")
    p.add_argument("--out", required=True, type=Path, help="feature store to be made")
    p.add_argument("--batch-size", type=int, default=16, help="utterances computed together")
    p.add_argument("--format", choices=["hdf5", "tfrecord"], default="hdf5", help="of the store")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    p = parser()
    arguments = p.parse_args(argv)
    if arguments.batch_size < 1:
        p.error("--batch-size must be at least 1")
    command.load_tensorflow()
    from tf_gantts.data.store import open_store

    with open_store(arguments.features) as store:
        extract(arguments, store)
    return 0


def extract(arguments: argparse.Namespace, store: FeatureStore) -> None:
    """Writes the new store and says what it holds.

    Raises:
        CheckpointError: If the run is no acoustic model's.
        MelSpecMismatchError: If it was taught on another mel definition.
        FeatureStoreError: If no utterance can be used, or the store cannot be made.
    """
    from tqdm import tqdm

    from tf_gantts.data.model_made import write_model_made
    from tf_gantts.serving.forced_mels import ForcedMels
    from tf_gantts.systems import load_acoustic

    run = arguments.acoustic
    system, checkpoint = load_acoustic(run, arguments.checkpoint)
    system.mel_spec.require_same(store.spec, f"run {run}", f"features {store.path}")
    mels = ForcedMels(system, store, arguments.batch_size)
    name = f"{system.hparams.system} {run} at step {checkpoint.meta.step:,}"
    with tqdm(total=len(mels.order), unit="clip", disable=None) as bar:
        write_model_made(
            store, mels, name, arguments.out, arguments.format, bar.update, order=mels.order
        )
    left_out = len(store.utterances) - len(mels.order)
    rest = f"; {left_out} of {store.path} have none, see above" if left_out else ""
    print(f"{arguments.out}: {len(mels.order)} clips with mels of {name}{rest}")
    if mels.distance is not None:
        print(f"mean distance from the recordings' mels: {mels.distance:.3f} ({store.spec.log})")
