"""Teacher-forced mels of an acoustic run as a feature store: `python tools/extract_mels.py`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tf_gantts import command

if TYPE_CHECKING:
    from tf_gantts.data.store import FeatureStore
    from tf_gantts.data.utterances import Transcripts
    from tf_gantts.training.acoustic_system import AcousticSystem


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


class ForcedMels:
    """The teacher-forced mel of every utterance that has a text the model can read.

    Utterances are computed in batches of similar length, so they are best asked for in `order`.

    Args:
        system: The acoustic model.
        store: The recordings' features.
        batch_size: Utterances computed together.

    Attributes:
        order: Indices of the utterances, batch by batch.

    Raises:
        FeatureStoreError: If a split has utterances, but none that can be used.
    """

    def __init__(self, system: AcousticSystem, store: FeatureStore, batch_size: int) -> None:
        import tensorflow as tf

        self._system = system
        self._store = store
        self._batch_size = batch_size
        self._places: dict[int, tuple[Transcripts, int]] = {}
        for split in (name for name, members in store.splits.items() if members):
            transcripts = system.transcripts(store, split)
            for place, utterance in enumerate(transcripts.utterances.tolist()):
                self._places[utterance] = (transcripts, place)
        self.order = list(self._places)
        self._forced = tf.function(system.forced, autograph=False, reduce_retracing=True)
        self._ready: dict[int, np.ndarray] = {}
        self._distances: list[float] = []

    @property
    def distance(self) -> float | None:
        """Mean absolute difference from the recordings' mels so far; None before the first."""
        return float(np.mean(self._distances)) if self._distances else None

    def __call__(self, utterance: int) -> np.ndarray:
        """Raw log-mel (frames, n_mels) of an utterance, by its index in the store."""
        if utterance not in self._ready:
            self._ready = self._batch_with(utterance)
        mel = self._ready[utterance]
        natural = self._store.read(utterance, "mel")
        self._distances.append(float(np.abs(mel - natural).mean()))
        return mel

    def _batch_with(self, utterance: int) -> dict[int, np.ndarray]:
        """The mels of an utterance and of those computed together with it."""
        import tensorflow as tf

        from tf_gantts.data.utterances import batch_of

        transcripts, place = self._places[utterance]
        first = place - place % self._batch_size
        last = min(first + self._batch_size, len(transcripts.utterances))
        places = range(first, last)
        symbols = int(transcripts.symbols[first:last].max())
        # A filled-up batch has the same noise as a full one, and needs no graph of its own.
        shape = (self._batch_size, symbols, int(transcripts.frames[last - 1]))
        batch = batch_of(self._store, transcripts, places, shape, self._system.front_end.pad_id)
        outputs, _ = self._forced({name: tf.constant(value) for name, value in batch.items()})
        mels = outputs["mel"].numpy()
        utterances = transcripts.utterances[first:last].tolist()
        lengths = transcripts.frames[first:last]
        return {u: mels[row, : lengths[row]] for row, u in enumerate(utterances)}
