"""What tools/benchmark.py measures: each case runs in a process of its own."""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

from tf_gantts.hparams import load_hparams


@dataclasses.dataclass(frozen=True)
class Timing:
    """Medians over repeated runs, in seconds."""

    cpu: float
    wall: float


def measure(function: Callable[[], Any], runs: int, warm_up: int = 1) -> Timing:
    """Median CPU and wall seconds of a call, after `warm_up` calls."""
    for _ in range(warm_up):
        function()
    cpu, wall = [], []
    for _ in range(runs):
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        function()
        cpu.append(time.process_time() - cpu_start)
        wall.append(time.perf_counter() - wall_start)
    return Timing(statistics.median(cpu), statistics.median(wall))


def hparams_of(options: argparse.Namespace, *overrides: str) -> Any:
    """The recipe that is measured.

    Args:
        options: The benchmark's options `hparams` and `set`.
        overrides: Further `key=value` items.
    """
    return load_hparams(options.hparams, [*options.set, *overrides])


def measure_step(system: Any, batch: Any, options: argparse.Namespace) -> dict[str, Any]:
    """One training step of the phase `options.phase`, compiled as in training.

    Args:
        system: The system, prepared for training.
        batch: What the step is given, already in memory.
        options: The benchmark's options `phase` and `runs`.
    """
    from tf_gantts.training.fixed_order import compile_step

    traces = 0

    def train_step(batch: Any) -> Any:
        nonlocal traces
        traces += 1
        return system.train_step(batch, options.phase)

    def run() -> list[float]:
        return [float(value) for value in step(batch).values()]

    start = time.perf_counter()
    step = compile_step(train_step, batch)
    run()
    first_step = time.perf_counter() - start
    timing = measure(run, options.runs)
    return {
        "cpu_seconds": timing.cpu,
        "wall_seconds": timing.wall,
        "first_step_seconds": first_step,
        "traces": traces,
    }
