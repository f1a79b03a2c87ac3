"""Train a system: `python -m tf_gantts.train --hparams hparams/melgan.yaml`."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tf_gantts import command
from tf_gantts.data.lock import locked
from tf_gantts.errors import CheckpointError, FeatureStoreError
from tf_gantts.hparams import Hparams, dump_hparams, load_hparams

if TYPE_CHECKING:
    from tf_gantts.data.store import FeatureStore
    from tf_gantts.training.checkpoint import Checkpoint
    from tf_gantts.training.system import HeldOut, System

_LOG = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    p = command.argument_parser("python -m tf_gantts.train", "Train a system.")
    p.add_argument("--hparams", required=True, type=Path, help="hyper-parameter file (YAML)")
    p.add_argument("--features", help="feature store; default features/<hparams name>")
    p.add_argument("--run", type=Path, help="run directory; default runs/<hparams name>")
    command.add_set(p)
    p.add_argument(
        "--init-from",
        type=Path,
        metavar="RUN",
        help="start from the networks of this trained or imported run",
    )
    p.add_argument(
        "--init-checkpoint",
        type=command.checkpoint_name,
        default="latest",
        help="which of its checkpoints: latest, best or a step",
    )
    p.add_argument("--resume", action="store_true", help="go on from the run's last checkpoint")
    p.add_argument(
        "--dry-run", action="store_true", help="check everything, print the plan, train nothing"
    )
    p.add_argument(
        "--strategy",
        default="auto",
        choices=["auto", "cpu", "gpu", "mirrored", "multi_worker", "tpu"],
        help="where to train",
    )
    p.add_argument("--replicas", type=int, help="replicas of --strategy mirrored; default all GPUs")
    p.add_argument("--tpu-name", help="TPU name or address; `local` on a TPU VM")
    p.add_argument("--tpu-zone", help="Google Cloud zone of the TPU")
    p.add_argument("--tpu-project", help="Google Cloud project of the TPU")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    arguments = parser().parse_args(argv)
    hparams = load_hparams(arguments.hparams, arguments.set)
    features = arguments.features or f"features/{arguments.hparams.stem}"
    run = arguments.run or Path("runs") / arguments.hparams.stem
    command.load_tensorflow()
    if arguments.dry_run:
        from tf_gantts.systems import build_system, initialize
        from tf_gantts.training.plan import print_plan

        system = build_system(hparams, hparams.mel_spec, statistics=None)
        if initial := _initial_checkpoint(arguments):
            initialize(system, initial)
        print_plan(system, arguments.hparams, features, run, _command(drop="--dry-run"))
        return 0
    store = _open_store(hparams, arguments.hparams, features)
    _check_run(run, arguments.resume)
    return train(arguments, hparams, store, run)


def train(arguments: argparse.Namespace, hparams: Hparams, store: FeatureStore, run: Path) -> int:
    """Trains to the end or to a signal; both exit with 0.

    Raises:
        CheckpointError: If another process trains in the same run directory.
    """
    from tf_gantts.training.strategy import make_strategy

    strategy = make_strategy(
        arguments.strategy,
        arguments.replicas,
        arguments.tpu_name,
        arguments.tpu_zone,
        arguments.tpu_project,
    )
    with contextlib.ExitStack() as claims:
        return _train(arguments, hparams, store, run, strategy, claims)


def _train(
    arguments: argparse.Namespace,
    hparams: Hparams,
    store: FeatureStore,
    run: Path,
    strategy: Any,
    claims: contextlib.ExitStack,
) -> int:
    """Builds everything and trains; what it claims is given back when `claims` is closed."""
    import tensorflow as tf

    from tf_gantts.systems import build_system, initialize
    from tf_gantts.training.checkpoint import open_checkpoint, require_resumable
    from tf_gantts.training.loggers import make_loggers
    from tf_gantts.training.loop import Trainer
    from tf_gantts.training.strategy import is_chief

    chief = is_chief(strategy)  # the others write nothing
    lock = locked(run, "training", CheckpointError) if chief else contextlib.nullcontext()
    if arguments.resume:
        claims.enter_context(lock)  # before the run's last checkpoint is read
    tf.config.experimental.enable_op_determinism()  # exact resume
    checkpoint = open_checkpoint(run) if arguments.resume else None
    initial = _initial_checkpoint(arguments)
    statistics = store.statistics if store.spec.normalization == "mean_variance" else None
    if checkpoint is not None:
        require_resumable(checkpoint)
    if before := checkpoint or initial:
        owner = f"run {run if checkpoint else arguments.init_from}"
        store.spec.require_same(before.meta.mel_spec, f"features {store.path}", owner)
        if statistics != before.meta.statistics:
            _LOG.info("mels are normalised with the statistics of %s", owner)
        statistics = before.meta.statistics
    with strategy.scope():
        system = build_system(hparams, store.spec, statistics)
        origin = initialize(system, initial) if initial else ""
        system.prepare_training()
    source = system.training_source(store)
    if not arguments.resume:
        run.mkdir(parents=True, exist_ok=True)
        claims.enter_context(lock)
    first_step = checkpoint.meta.step if checkpoint else 0
    loggers = make_loggers(run, hparams, first_step, chief)
    held_out = _held_out(system, store, strategy)
    trainer = Trainer(
        system,
        source,
        held_out,
        run,
        strategy,
        loggers,
        chief,
        f"{_command(drop='--resume')} --resume",
        origin,
    )
    if checkpoint is not None:
        trainer.restore(checkpoint)
        _LOG.info("resuming %s after step %d", run, trainer.step)
    if chief:  # only now that the recipe is known to fit the run
        (run / "hparams.yaml").write_text(dump_hparams(hparams))
    try:
        finished = trainer.fit()
    finally:
        loggers.close()
    if finished:
        _LOG.info("finished: %s holds %d steps", run, trainer.step)
    return 0


def _held_out(system: System, store: FeatureStore, strategy: Any) -> HeldOut | None:
    """What is evaluated; None, with a warning, where nothing of the split valid can be."""
    if not store.splits["valid"]:
        return None
    try:
        return system.held_out(store, strategy)
    except FeatureStoreError as error:
        _LOG.warning("no evaluation during training: %s", error)
        return None


def _open_store(hparams: Hparams, path: Path, features: str) -> FeatureStore:
    from tf_gantts.data.store import open_store

    store = open_store(features, path)
    hparams.mel_spec.require_same(store.spec, f"hyper-parameters {path}", f"features {features}")
    if store.mel_source:
        _LOG.info("the mels of %s are model-made: %s", features, store.mel_source)
    return store


def _initial_checkpoint(arguments: argparse.Namespace) -> Checkpoint | None:
    """The checkpoint of --init-from, which a run that is resumed has behind it."""
    from tf_gantts.training.checkpoint import open_checkpoint

    if arguments.init_from is None or arguments.resume:
        return None
    return open_checkpoint(arguments.init_from, arguments.init_checkpoint)


def _check_run(run: Path, resume: bool) -> None:
    from tf_gantts.training.checkpoint import checkpoint_steps, require_checkpoints

    if run.exists() and not run.is_dir():
        raise CheckpointError(f"{run}: a file; a folder for the run is expected")
    if resume:
        require_checkpoints(run)
    elif steps := checkpoint_steps(run):
        raise CheckpointError(
            f"{run} holds a run of {steps[-1]} steps; add --resume to go on, or choose another"
            " --run"
        )
    if run.exists() and not os.access(run, os.W_OK):
        raise CheckpointError(f"{run}: cannot be written; choose another --run")


def _command(drop: str) -> str:
    words = [shlex.quote(word) for word in sys.argv[1:] if word != drop]
    return " ".join(["python -m tf_gantts.train", *words])


if __name__ == "__main__":
    sys.exit(command.run(main))
