"""The training loop: steps, phases, evaluation, checkpoints, a clean stop on any signal."""

from __future__ import annotations

import dataclasses
import logging
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from tf_gantts.evaluation.scores import merit
from tf_gantts.training import checkpoint as checkpoints
from tf_gantts.training.checkpoint import Meta
from tf_gantts.training.fixed_order import compile_step
from tf_gantts.training.loggers import Loggers
from tf_gantts.training.monitor import CollapseMonitor
from tf_gantts.training.system import HeldOut, System, TrainingSource

_LOG = logging.getLogger(__name__)

_REHEARSAL_STEPS = 2  # the first one traces and warms up, the second one is timed


@dataclasses.dataclass
class StepTimer:
    """Wall seconds spent in steps and in waiting for their input, CPU seconds of the process."""

    steps: int = 0
    seconds: float = 0.0
    waiting: float = 0.0
    cpu_seconds: float = 0.0

    def add(self, seconds: float, waiting: float, cpu_seconds: float) -> None:
        """Counts one step."""
        self.steps += 1
        self.cpu_seconds += cpu_seconds
        self.seconds += seconds
        self.waiting += waiting


class Trainer:
    """Trains a system until `train_max_steps` or a signal.

    The best checkpoint is the one with the lowest `best_metric` (the highest, for a metric of which
    more is better) among those of the phases after the warm-up (the system's first phase), as soon
    as there is one: adversarial training raises a spectral distance at first, and a run that is
    exported should be one that has been through it.

    Args:
        system: The system, built and prepared under the strategy.
        source: The training input.
        held_out: What is evaluated and sampled, or None for no evaluation.
        run: The run directory.
        strategy: Where the steps run.
        loggers: Where scalars, audio and pictures go.
        chief: Whether this process writes checkpoints.
        resume_command: Shown when a signal stops the run.
        origin: Where the first weights come from, when they are another run's; then the held-out
            clips are evaluated before the first step too.
    """

    def __init__(
        self,
        system: System,
        source: TrainingSource,
        held_out: HeldOut | None,
        run: Path,
        strategy: tf.distribute.Strategy,
        loggers: Loggers,
        chief: bool = True,
        resume_command: str = "",
        origin: str = "",
    ) -> None:
        self.system = system
        self.hparams = system.hparams
        self.step = 0
        self._source = source
        self._held_out = held_out
        self._run = run
        self._strategy = strategy
        self._loggers = loggers
        self._chief = chief
        self._resume_command = resume_command
        self._origin = origin
        self._monitor = CollapseMonitor()
        self._metrics: dict[str, float] = {}
        self._steps: dict[tuple[str, Any], Callable[[Any], Mapping[str, tf.Tensor]]] = {}
        self._step_seconds: dict[str, float] = {}
        self._stop_signal: int | None = None
        self._saved_step: int | None = None
        self._best: tuple[bool, float] | None = None
        self.timer = StepTimer()

    # Steps

    def step_function(self, phase: str, batch: Any) -> Callable[[Any], Mapping[str, tf.Tensor]]:
        """The compiled step of a phase for batches of these shapes, traced once."""
        shapes = tuple(tuple(t.shape) for t in tf.nest.flatten(batch, expand_composites=True))
        if (phase, shapes) not in self._steps:

            def step(batch: Any) -> Mapping[str, tf.Tensor]:
                scalars = self._strategy.run(self.system.train_step, args=(batch, phase))
                mean = tf.distribute.ReduceOp.MEAN
                return {k: self._strategy.reduce(mean, v, axis=None) for k, v in scalars.items()}

            replicas = self._strategy.num_replicas_in_sync
            self._steps[phase, shapes] = compile_step(step, batch, replicas)
        return self._steps[phase, shapes]

    def batches(self, first_step: int) -> Iterator[Any]:
        """Global batches from `first_step` on, split over the replicas."""
        if self._strategy.num_replicas_in_sync == 1:
            return iter(self._source.dataset(first_step))
        dataset = self._strategy.distribute_datasets_from_function(
            lambda context: self._source.dataset(first_step, context)
        )
        return iter(dataset)

    def _phase(self, step: int) -> str:
        return self.system.phase(step, self._source.steps_per_epoch)

    # Time

    def rehearse(self) -> None:
        """Traces and times a step of every phase still to come, then restores all variables."""
        values = [v.numpy() for v in self._variables()]
        batch = next(self.batches(self.step))
        for phase, steps in self._remaining(self.step).items():
            if not steps:
                continue
            for _ in range(_REHEARSAL_STEPS):
                start = time.perf_counter()
                _wait(self.step_function(phase, batch)(batch))
                self._step_seconds[phase] = time.perf_counter() - start
        for variable, value in zip(self._variables(), values, strict=True):
            variable.assign(value)

    def seconds_left(self) -> float:
        """Estimated wall seconds to the last step, from the time of a step in each phase."""
        remaining = self._remaining(self.step)
        return sum(self._step_seconds.get(phase, 0.0) * n for phase, n in remaining.items())

    def _remaining(self, step: int) -> dict[str, int]:
        """Steps still to come in each phase."""
        return self.system.phase_steps(
            step, self.hparams.train_max_steps, self._source.steps_per_epoch
        )

    def _variables(self) -> list[tf.Variable]:
        return [v for variables in self.system.state().values() for v in variables]

    # Training

    def fit(self) -> bool:
        """Trains from `self.step` to the last step.

        Returns:
            True if the last step was reached, False if a signal stopped the run; in both cases the
            state is saved.
        """
        with self._signals(), logging_redirect_tqdm():
            last = self.hparams.train_max_steps
            if self.step < last:
                _LOG.info("measuring a step of each phase ...")
                self.rehearse()
                _LOG.info(
                    "%d steps to go, about %s (%s)",
                    last - self.step,
                    format_seconds(self.seconds_left()),
                    ", ".join(f"{p}: {s:.2f} s/step" for p, s in self._step_seconds.items()),
                )
            self._loop(last)
            if self._saved_step != self.step:
                self._save()
        if self._stop_signal is not None:
            _LOG.info(
                "stopped by %s after step %d; everything is saved. To go on: %s",
                signal.Signals(self._stop_signal).name,
                self.step,
                self._resume_command,
            )
        return self._stop_signal is None

    def _loop(self, last: int) -> None:
        hp = self.hparams
        record = checkpoints.best(self._run)
        if record and record["metric"] == hp.best_metric and record["step"] <= self.step:
            self._best = (not record["warm_up"], self._merit(record["value"]))
        if self._origin and self._saved_step is None:
            self._evaluate(self._phase(self.step))
        batches = self.batches(self.step)
        interval: list[Mapping[str, tf.Tensor]] = []
        skipped = self._skipped()
        with tqdm(total=last, initial=self.step, unit="step", dynamic_ncols=True) as bar:
            while self.step < last and self._stop_signal is None:
                phase = self._phase(self.step)
                start, cpu = time.perf_counter(), time.process_time()
                batch = next(batches)
                arrived = time.perf_counter()
                interval.append(self.step_function(phase, batch)(batch))
                if self._phase(self.step + 1) != phase and self.step + 1 < last:
                    _LOG.info("step %d: phase %s begins", self.step + 1, self._phase(self.step + 1))
                self.step += 1
                seconds = time.perf_counter() - start
                self._measure(phase, seconds, arrived - start, time.process_time() - cpu)
                bar.set_postfix_str(
                    f"{phase}, left {format_seconds(self.seconds_left())}", refresh=False
                )
                bar.update()
                if self.step % hp.log_interval_steps == 0 or self.step == last:
                    skipped = self._log(interval, phase, skipped)
                    interval = []
                if self.step % hp.eval_interval_steps == 0 or self.step == last:
                    self._evaluate(phase)
                if self.step % hp.save_interval_steps == 0 and self._saved_step != self.step:
                    self._save()

    def _measure(self, phase: str, seconds: float, waiting: float, cpu_seconds: float) -> None:
        self.timer.add(seconds, waiting, cpu_seconds)
        old = self._step_seconds.get(phase, seconds)
        self._step_seconds[phase] = 0.98 * old + 0.02 * seconds

    def _log(self, interval: list, phase: str, skipped_before: int) -> int:
        names = interval[-1].keys()
        means = {
            n: float(np.mean([float(s[n]) for s in interval if n in s and np.isfinite(s[n])] or 0))
            for n in names
        }
        skipped = self._skipped()
        for warning in self._monitor.check(means, skipped - skipped_before):
            _LOG.warning("step %d: warning: %s", self.step, warning)
        values = {f"train/{name}": value for name, value in means.items()}
        values |= {f"train/{n}": float(v) for n, v in self.system.learning_rates().items()}
        values["train/steps_per_second"] = self.timer.steps / max(self.timer.seconds, 1e-9)
        values["train/input_wait_share"] = self.timer.waiting / max(self.timer.seconds, 1e-9)
        values["train/cpu_seconds_per_step"] = self.timer.cpu_seconds / max(self.timer.steps, 1)
        values["train/skipped_steps"] = float(skipped)
        values["train/phase"] = float(self.system.PHASES.index(phase))
        self.timer = StepTimer()
        self._loggers.scalars(values, self.step)
        return skipped

    def _skipped(self) -> int:
        return int(self.system.skipped_steps.numpy())

    def _evaluate(self, phase: str) -> None:
        if self._held_out is None:
            return
        with self.system.synthesis_weights():
            self._metrics = self._held_out.evaluate(phase)
            if self._chief:
                self._held_out.save_samples(self._run, self.step, self._loggers)
        self._loggers.scalars(self._metrics, self.step)
        metric = self.hparams.best_metric
        value = self._metrics.get(metric)
        if value is None:
            _LOG.warning("best_metric %r is not among %s", metric, sorted(self._metrics))
        elif np.isfinite(value):
            warm_up = phase == self.system.PHASES[0]
            # Compared in this order; the largest is the best.
            rank = (not warm_up, self._merit(value))
            if self._best is None or rank > self._best:
                self._best = rank
                if self._chief:
                    self._save()
                    checkpoints.mark_best(self._run, self.step, metric, value, warm_up)
        _LOG.info(
            "step %d: %s", self.step, ", ".join(f"{k} {v:.4f}" for k, v in self._metrics.items())
        )

    def _merit(self, value: float) -> float:
        """The best metric's value, turned so that more is better."""
        return merit(self.hparams.best_metric.removeprefix("eval/"), value)

    # Checkpoints and signals

    def _save(self) -> None:
        self._saved_step = self.step
        if not self._chief:
            return
        meta = Meta(
            step=self.step,
            phase=self._phase(max(self.step - 1, 0)),
            mel_spec=self.system.mel_spec,
            statistics=self.system.statistics,
            metrics=self._metrics,
            origin=self._origin,
        )
        checkpoints.save_checkpoint(
            self._run,
            self.system.state(),
            meta,
            self.hparams,
            keep_last=self.hparams.keep_last_checkpoints,
        )

    def restore(self, checkpoint: checkpoints.Checkpoint) -> None:
        """Continues from a checkpoint of the same hyper-parameters."""
        checkpoints.restore(self.system.state(), checkpoint)
        self.step = checkpoint.meta.step
        self._saved_step = self.step
        self._metrics = dict(checkpoint.meta.metrics)
        self._origin = checkpoint.meta.origin

    def _signals(self) -> _SignalHandler:
        return _SignalHandler(self._on_signal)

    def _on_signal(self, number: int, _frame: object) -> None:
        if self._stop_signal is not None:  # a second Ctrl-C does not wait for the step
            raise KeyboardInterrupt
        self._stop_signal = number
        _LOG.info("%s: finishing the step and saving ...", signal.Signals(number).name)


class _SignalHandler:
    """Routes SIGINT and SIGTERM to a function while active."""

    def __init__(self, handler: Callable[[int, object], None]) -> None:
        self._handler = handler
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handler)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _wait(scalars: Mapping[str, tf.Tensor]) -> None:
    for value in scalars.values():
        value.numpy()


def format_seconds(seconds: float) -> str:
    """Seconds as `45 s`, `12 min`, `3.5 h` or `2.1 days`."""
    for limit, divisor, unit in ((90, 1, "s"), (5400, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            value = seconds / divisor
            return f"{value:.1f} {unit}" if unit == "h" else f"{value:.0f} {unit}"
    return f"{seconds / 86400:.1f} days"
