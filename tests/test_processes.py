"""Work in several processes."""

import os
import sys
from concurrent.futures.process import BrokenProcessPool

import pytest

from tf_gantts.processes import run_in_processes


def describe(number):
    return number, os.getpid(), os.environ.get("OMP_NUM_THREADS"), "tensorflow" in sys.modules


def die_of_two(number):
    if number == 2:
        os._exit(1)
    return 10 * number


def test_every_item_is_done_in_another_process_with_one_thread(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    results = dict(run_in_processes(describe, [5, 6, 7], jobs=2))
    assert [results[position][0] for position in range(3)] == [5, 6, 7]
    for _, process, threads, has_tensorflow in results.values():
        assert process != os.getpid()
        assert (threads, has_tensorflow) == ("1", False)
    assert "OMP_NUM_THREADS" not in os.environ


def test_one_job_is_done_here():
    ((position, result),) = run_in_processes(describe, [5], jobs=1)
    assert (position, *result[:2]) == (0, 5, os.getpid())
    assert list(run_in_processes(describe, [], jobs=2)) == []


def test_a_process_that_dies_is_an_error():
    with pytest.raises(BrokenProcessPool):
        list(run_in_processes(die_of_two, [2], jobs=1, here=False))
