"""The table of an evaluation while it is being filled; `Table.results` freezes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.evaluation.bootstrap import Estimate, bootstrap_mean
from tf_gantts.evaluation.metric import Column
from tf_gantts.evaluation.missing import Missing
from tf_gantts.evaluation.results import (
    NATURAL,
    Bootstrap,
    Clip,
    Failure,
    Results,
    Row,
    Scale,
    Source,
    audio_file,
)
from tf_gantts.evaluation.stopwatch import Stopwatch
from tf_gantts.evaluation.unavailable import Unavailable


class Table:
    """Rows of sources, columns of metrics, a number per clip in each cell.

    Args:
        folder: OUT; the waveforms are at OUT/audio/ROW/CLIP.wav.
        spec: Mel definition, with the sampling rate of the waveforms.
        clips: The utterances.
        sources: The rows; the first one is named `natural`.
        bootstrap: How intervals are drawn.

    Attributes:
        columns: What has been measured so far.
        stopwatch: The costs so far.
        unavailable: What cannot be measured here.
        failures: (row, clip number) -> what is wrong; the first reason counts.
        weights: Weights of the clips in the means of some columns.
        texts: Row -> what was heard in each clip.
        ratios: Row -> column -> ratio to the recordings.
        scales: What the values of some columns mean.
        recogniser: Name of the recogniser.
    """

    def __init__(
        self,
        folder: Path,
        spec: MelSpec,
        clips: Sequence[Clip],
        sources: Sequence[Source],
        bootstrap: Bootstrap,
    ) -> None:
        self.folder = folder
        self.spec = spec
        self.clips = tuple(clips)
        self.sources = tuple(sources)
        self.bootstrap = bootstrap
        self.columns: list[Column] = []
        self.stopwatch = Stopwatch()
        self.unavailable: list[Unavailable] = []
        self.failures: dict[tuple[str, int], str] = {}
        self.weights: dict[str, tuple[float, ...]] = {}
        self.texts: dict[str, list[str | None]] = {}
        self.ratios: dict[str, dict[str, Estimate]] = {source.name: {} for source in sources}
        self.scales: list[Scale] = []
        self.recogniser: str | None = None
        self._silent: dict[tuple[str, int], str] = {}
        self._numbers: dict[tuple[str, int], dict[str, float]] = {}
        self._estimates: dict[tuple[str, str], Estimate] = {}

    def path(self, row: str, clip: int) -> Path:
        """Where a waveform lies."""
        return audio_file(self.folder, row, self.clips[clip].name)

    def judged(self) -> Iterator[tuple[str, int]]:
        """(row, clip number) of every waveform that there is."""
        for source in self.sources:
            for clip in range(len(self.clips)):
                if (source.name, clip) not in self._silent:
                    yield source.name, clip

    def seconds(self, judged: Sequence[tuple[str, int]]) -> float:
        """Length of some waveforms together, as long as the recordings are."""
        return sum(self.clips[clip].seconds for _, clip in judged)

    def add(self, columns: Sequence[Column]) -> None:
        """Adds columns, without numbers yet."""
        self.columns += columns

    def put(self, row: str, clip: int, numbers: Mapping[str, float]) -> None:
        """Sets the numbers of some columns."""
        self._numbers.setdefault((row, clip), {}).update(numbers)

    def fail(self, row: str, clip: int, message: str) -> None:
        """Notes what went wrong with a clip."""
        self.failures.setdefault((row, clip), message)

    def mute(self, row: str, clip: int, reason: str) -> None:
        """Notes that there is no waveform, which is why columns have no number."""
        self._silent[row, clip] = reason

    def lack(self, row: str, clip: int, message: str) -> None:
        """Notes that there is no waveform because something went wrong."""
        self.fail(row, clip, message)
        self.mute(row, clip, message)

    def set_estimate(self, row: str, column: str, estimate: Estimate) -> None:
        """Sets an estimate that is not the plain mean over clips."""
        self._estimates[row, column] = estimate

    def number(self, row: str, clip: int, column: str) -> float:
        """A number, or a `Missing`."""
        found = self._numbers.get((row, clip), {}).get(column)
        reason = self._silent.get((row, clip), "not measured")
        return Missing(self.failures.get((row, clip), reason)) if found is None else found

    def results(self, facts: Mapping[str, str]) -> Results:
        """Everything, with means and intervals."""
        return Results(
            mel_spec=self.spec,
            clips=self.clips,
            columns=tuple(self.columns),
            rows=tuple(self._row(source) for source in self.sources),
            weights=self.weights,
            scales=tuple(self.scales),
            unavailable=tuple(self.unavailable),
            failures=tuple(
                Failure(row, self.clips[clip].name, message)
                for (row, clip), message in self.failures.items()
            ),
            timings=tuple(self.stopwatch.timings),
            bootstrap=self.bootstrap,
            recogniser=self.recogniser,
            facts=dict(facts),
        )

    def _row(self, source: Source) -> Row:
        name = source.name
        values = {
            column.name: tuple(self.number(name, n, column.name) for n in range(len(self.clips)))
            for column in self.columns
        }
        drawn = self.bootstrap
        estimates = {
            column: self._estimates.get((name, column))
            or bootstrap_mean(numbers, drawn.confidence, drawn.resamples, drawn.seed)
            for column, numbers in values.items()
        }
        ratios = {} if name == NATURAL else self.ratios[name]
        return Row(source, values, estimates, ratios, tuple(self.texts.get(name, ())))
