"""Runs clips through several processes."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool

from tf_gantts.data.clip import ClipResult, ClipSettings, process_clip
from tf_gantts.data.corpora import Utterance
from tf_gantts.data.parts import PartFolder
from tf_gantts.errors import CorpusError
from tf_gantts.processes import run_in_processes


def process_clips(
    utterances: Sequence[Utterance], settings: ClipSettings, parts: PartFolder, jobs: int
) -> Iterator[tuple[int, ClipResult]]:
    """Makes the part files of many recordings.

    Args:
        utterances: The recordings.
        settings: How they become features.
        parts: Where part files are.
        jobs: Number of processes; with 1 the work is done here.

    Yields:
        Position of an utterance and its outcome, in the order in which they finish.

    Raises:
        OSError: If a part cannot be written.
        CorpusError: If a process dies, for instance for lack of memory.
    """
    work = functools.partial(process_clip, settings=settings, parts=parts)
    try:
        yield from run_in_processes(work, utterances, jobs)
    except BrokenProcessPool:
        raise CorpusError(
            "a worker process died, perhaps for lack of memory; run the same command again with"
            " --jobs 1: it goes on with the clips that are not finished"
        ) from None
