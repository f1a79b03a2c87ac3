"""What every trainable system offers to the training loop, to synthesis and to exports."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import keras
import tensorflow as tf

from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.audio.statistics import Statistics
from tf_gantts.hparams import Hparams
from tf_gantts.training.checkpoint import Checkpoint

if TYPE_CHECKING:
    from tf_gantts.data.store import FeatureStore
    from tf_gantts.serving.signatures import ServingModule
    from tf_gantts.training.loggers import Loggers
    from tf_gantts.training.updates import ExponentialMovingAverage

Batch = Mapping[str, tf.Tensor]
Scalars = dict[str, tf.Tensor]


class TrainingSource(Protocol):
    """Endless batches that are a function of (seed, step)."""

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which every clip has been seen."""

    def dataset(
        self, start_step: int = 0, input_context: tf.distribute.InputContext | None = None
    ) -> tf.data.Dataset:
        """Batches from `start_step` on, each of one replica's rows."""


class HeldOut(Protocol):
    """Clips that training never sees: measured, and sampled."""

    def evaluate(self, phase: str) -> dict[str, float]:
        """Means over all clips, as `eval/NAME`."""

    def save_samples(self, run: Path, step: int, loggers: Loggers) -> None:
        """Writes the samples of a step as WAV and PNG, and hands them to the loggers."""


class System(keras.Model):
    """Networks, losses and training steps of one kind of model.

    A system is built inside the strategy's scope. `prepare_training` adds what only training needs.

    Args:
        hparams: The hyper-parameters.
        mel_spec: The mel definition of its features.
        statistics: Statistics of the features, where the mel definition asks for them.
        inference: Whether only the networks that synthesis needs are built, in float32.

    Attributes:
        PHASES: Names of all phases that a run can have.
        average: Moving average of what synthesises, after `prepare_training`, if the recipe has it.
        skipped_steps: Counter of steps whose gradients were not finite, after `prepare_training`.
    """

    PHASES: tuple[str, ...] = ()
    skipped_steps: tf.Variable

    def __init__(
        self,
        hparams: Hparams,
        mel_spec: MelSpec,
        statistics: Statistics | None,
        inference: bool = False,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.hparams = hparams
        self.mel_spec = mel_spec
        self.statistics = statistics
        self.inference = inference
        self.average: ExponentialMovingAverage | None = None

    def prepare_training(self) -> None:
        """Creates optimizers, averages and counters."""
        raise NotImplementedError

    def training_source(self, store: FeatureStore, allow_cache: bool = True) -> TrainingSource:
        """The training input.

        Args:
            store: The feature store.
            allow_cache: Whether the features may be kept in memory; the recipe may forbid it too.

        Raises:
            FeatureStoreError: If no clip can be used.
        """
        raise NotImplementedError

    def held_out(self, store: FeatureStore, strategy: tf.distribute.Strategy) -> HeldOut:
        """What is evaluated and sampled during training, from the split `valid`."""
        raise NotImplementedError

    def describe_batch(self) -> str:
        """A batch in words, for the plan of a run."""
        raise NotImplementedError

    def forward_graphs(self) -> list[tf.Graph]:
        """Graphs of the networks on a training batch, to estimate its memory; may be empty."""
        return []

    def phase(self, step: int, steps_per_epoch: int) -> str:
        """Name of the phase that training step `step` (0, 1, ...) belongs to."""
        raise NotImplementedError

    def phase_steps(self, first: int, last: int, steps_per_epoch: int) -> dict[str, int]:
        """How many of the steps first, first + 1, ..., last - 1 each phase has."""
        raise NotImplementedError

    def learning_rates(self) -> dict[str, tf.Tensor]:
        """Current learning rate of each optimizer, by name."""
        raise NotImplementedError

    def train_step(self, batch: Batch, phase: str) -> Scalars:  # type: ignore[override]
        """One optimisation step on one replica's rows, in the given phase."""
        raise NotImplementedError

    def evaluation_step(self, batch: Batch, phase: str) -> Scalars:
        """Losses and measures on held-out rows, without any update."""
        raise NotImplementedError

    @contextlib.contextmanager
    def synthesis_weights(self) -> Iterator[None]:
        """While active, the networks hold the weights that synthesis uses (averages, if any)."""
        with self.average.in_place() if self.average else contextlib.nullcontext():
            yield

    def state(self) -> dict[str, Sequence[tf.Variable]]:
        """Groups of variables that a checkpoint must hold."""
        raise NotImplementedError

    def synthesis_state(self) -> dict[str, Sequence[tf.Variable]]:
        """The groups of `state` that synthesis needs; `restore_networks` reads no others.

        Moving averages are none of them: built for inference, the networks hold these themselves.
        """
        raise NotImplementedError

    def restore_networks(self, checkpoint: Checkpoint) -> None:
        """Loads the networks that synthesis needs, averaged weights where they were kept."""
        raise NotImplementedError

    def serving_module(self) -> ServingModule:
        """The inference graph, which synthesis runs and exports hold; the weights are copied."""
        raise NotImplementedError
