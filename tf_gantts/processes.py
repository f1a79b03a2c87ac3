"""Work spread over several processes, one thread each."""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# The processes share the cores already.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_in_processes(
    work: Callable[[Item], Result], items: Sequence[Item], jobs: int, here: bool | None = None
) -> Iterator[tuple[int, Result]]:
    """Does the same work on many items.

    Args:
        work: What is done; a function at the top of a module, or a partial of one.
        items: The items, in the order in which they are begun.
        jobs: Number of processes, at least 1.
        here: Whether the work is done in this process; None does so for one job.

    Yields:
        Position of an item and its result, in the order in which they finish.

    Raises:
        concurrent.futures.process.BrokenProcessPool: If a process dies, for instance for lack of
            memory; what was yielded before is good.
    """
    if jobs <= 1 if here is None else here:
        yield from ((number, work(item)) for number, item in enumerate(items))
        return
    with _one_thread_each():
        # Spawned, not forked: a fork would break the parent's threads (TensorFlow, BLAS).
        pool = concurrent.futures.ProcessPoolExecutor(
            max(1, min(jobs, len(items))),
            multiprocessing.get_context("spawn"),
            initializer=_start_worker,
        )
        try:
            numbers = {pool.submit(work, item): number for number, item in enumerate(items)}
            for future in concurrent.futures.as_completed(numbers):
                yield numbers.pop(future), future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Lets processes that start within use one thread in BLAS and OpenMP."""
    added = [name for name in _THREAD_VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _start_worker() -> None:
    """Leaves Ctrl-C to the parent, and ends this process when the parent is gone (kill -9)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
