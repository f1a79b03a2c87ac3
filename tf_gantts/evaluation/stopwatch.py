"""Wall and processor time of the stages of an evaluation."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Iterator

from tf_gantts.evaluation.results import Timing


class Stopwatch:
    """Adds up what stages cost.

    Attributes:
        timings: The finished stages, in order.
    """

    def __init__(self) -> None:
        self.timings: list[Timing] = []

    @contextlib.contextmanager
    def stage(self, name: str, audio_seconds: float) -> Iterator[None]:
        """Times what is done within the block; the processes that it starts have to end in it.

        Args:
            name: What it is called.
            audio_seconds: How much audio goes through.
        """
        wall, cpu = time.perf_counter(), _processor_seconds()
        yield
        wall, cpu = time.perf_counter() - wall, _processor_seconds() - cpu
        self.timings.append(Timing(name, audio_seconds, wall, cpu))


def _processor_seconds() -> float:
    """Of this process and of those of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
