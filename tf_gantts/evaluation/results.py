"""What an evaluation found: every number of every clip and row, and how it was measured.

`python -m tf_gantts.evaluate --out OUT` leaves a folder that is read with `read_results(OUT)`:

    OUT/results.json            everything below, the only file that programs need
    OUT/results.csv             one line per clip and row
    OUT/results.md              the tables, for people
    OUT/report.html             the page to listen to
    OUT/audio/ROW/CLIP.wav      what was judged, at `mel_spec.sampling_rate`; ROW `natural` is the
                                recordings, ROW and CLIP are `Source.name` and `Clip.name`

A `Results` is a table in memory:

    results.clips[i].text                       transcript of clip i
    results.columns                             what was measured, in the order of a table
    results.row("model").values["mcd"][i]       number of clip i, or a `Missing` with its reason
    results.row("model").estimates["mcd"]       mean and confidence interval over the clips
    results.row("model").ratios["wer"]          the rate over that of the recordings
    results.row("model").texts[i]               what the recogniser heard in clip i
    results.audio_file(OUT, "model", i)         the waveform

Error rates are sums over clips: the estimate of a column that has `weights` is the mean of its
values with these weights (for `wer` the words of each reference), not the plain mean.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tf_gantts.audio.files import write_atomically
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.errors import EvaluationError
from tf_gantts.evaluation.bootstrap import Estimate
from tf_gantts.evaluation.metric import Column
from tf_gantts.evaluation.missing import Missing
from tf_gantts.evaluation.unavailable import Unavailable

NATURAL = "natural"  # name of the row of the recordings, always the first
RESULTS_NAME = "results.json"
_FORMAT = "tf_gantts evaluation"
_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a waveform comes from: a row of the score table.

    Attributes:
        name: Key, and the name of its folder of waveforms.
        title: What a reader sees.
        note: One sentence about it.
        heard: Whether a page has players for it.
        main: Whether it is what the evaluation is about.
    """

    name: str
    title: str
    note: str = ""
    heard: bool = True
    main: bool = False


@dataclasses.dataclass(frozen=True)
class Clip:
    """One held-out utterance.

    Attributes:
        name: Its id.
        text: Its transcript; empty if there is none.
        speaker: Its speaker; empty if that is not known.
        seconds: Length of the recording.
    """

    name: str
    text: str
    speaker: str
    seconds: float


@dataclasses.dataclass(frozen=True)
class Row:
    """The numbers of one source.

    Attributes:
        source: Whose numbers.
        values: Column name -> a number per clip, in the order of `Results.clips`; a number that
            there is not is a `Missing`, which says why.
        estimates: Column name -> mean over the clips that have a number, with its interval.
        ratios: Column name -> how many times the value of the recordings; error rates only, and
            none for the recordings themselves.
        texts: What the recogniser heard in each clip; None where it was not asked. Empty without a
            recogniser.
    """

    source: Source
    values: Mapping[str, tuple[float, ...]]
    estimates: Mapping[str, Estimate]
    ratios: Mapping[str, Estimate] = dataclasses.field(default_factory=dict)
    texts: tuple[str | None, ...] = ()


@dataclasses.dataclass(frozen=True)
class Scale:
    """A line that says what the values of a column mean, measured on recordings.

    Attributes:
        column: Name of the column.
        title: What a reader sees, such as `different speakers`.
        estimate: The value.
    """

    column: str
    title: str
    estimate: Estimate


@dataclasses.dataclass(frozen=True)
class Timing:
    """What one stage of the evaluation cost.

    Attributes:
        name: The stage.
        audio_seconds: Audio that went through it, all rows together.
        wall_seconds: Time on the clock.
        cpu_seconds: Processor time of all processes.
    """

    name: str
    audio_seconds: float
    wall_seconds: float
    cpu_seconds: float

    @property
    def wall_per_hour(self) -> float:
        """Seconds on the clock for an hour of audio."""
        return 3600.0 * self.wall_seconds / self.audio_seconds if self.audio_seconds else math.nan

    @property
    def cpu_per_hour(self) -> float:
        """Seconds of processor time for an hour of audio."""
        return 3600.0 * self.cpu_seconds / self.audio_seconds if self.audio_seconds else math.nan


@dataclasses.dataclass(frozen=True)
class Failure:
    """A clip of a row that could not be judged; its numbers are `Missing`.

    Attributes:
        row: Name of the source.
        clip: Name of the clip.
        message: What is wrong, one line.
    """

    row: str
    clip: str
    message: str

    def __str__(self) -> str:
        return f"{self.row}, {self.clip}: {self.message}"


@dataclasses.dataclass(frozen=True)
class Bootstrap:
    """How the intervals were drawn.

    Attributes:
        confidence: Share of the resampled means that an interval holds.
        resamples: How many times the clips were drawn with replacement.
        seed: Seed of the draws.
    """

    confidence: float = 0.95
    resamples: int = 10_000
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Results:
    """An evaluation; see the module.

    Attributes:
        mel_spec: Mel definition of the features, with the sampling rate of the audio.
        clips: The held-out utterances.
        columns: What was measured.
        rows: The sources; the first one is named `natural`.
        weights: Column name -> weight of each clip in the mean; columns without an entry weigh all
            clips alike.
        scales: What the values of some columns mean.
        unavailable: What could not be measured here, and what to install.
        failures: Clips that could not be judged.
        timings: What each stage cost.
        bootstrap: How the intervals were drawn.
        recogniser: Its name and model; None without one.
        facts: Name -> value for a reader: data, checkpoint, seeds, machine, date, versions.
    """

    mel_spec: MelSpec
    clips: tuple[Clip, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    weights: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    scales: tuple[Scale, ...] = ()
    unavailable: tuple[Unavailable, ...] = ()
    failures: tuple[Failure, ...] = ()
    timings: tuple[Timing, ...] = ()
    bootstrap: Bootstrap = Bootstrap()
    recogniser: str | None = None
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def row(self, name: str) -> Row:
        """The row of a source.

        Raises:
            EvaluationError: If there is none of that name.
        """
        for row in self.rows:
            if row.source.name == name:
                return row
        names = ", ".join(row.source.name for row in self.rows)
        raise EvaluationError(f"row {name!r} is not in these results; they have {names}")

    @property
    def natural(self) -> Row:
        """The row of the recordings."""
        return self.row(NATURAL)

    @property
    def main(self) -> Row:
        """The row that the evaluation is about: the first that is marked, else the last one."""
        return next((row for row in self.rows if row.source.main), self.rows[-1])

    def column(self, name: str) -> Column:
        """A column by its name.

        Raises:
            EvaluationError: If there is none of that name.
        """
        for column in self.columns:
            if column.name == name:
                return column
        names = ", ".join(column.name for column in self.columns)
        raise EvaluationError(f"column {name!r} is not in these results; they have {names}")

    @property
    def total(self) -> Timing:
        """The cost of all stages for the audio of all rows."""
        return Timing(
            "everything",
            len(self.rows) * sum(clip.seconds for clip in self.clips),
            sum(timing.wall_seconds for timing in self.timings),
            sum(timing.cpu_seconds for timing in self.timings),
        )

    def measured_columns(self) -> tuple[Column, ...]:
        """The columns that have a number in at least one row."""
        return tuple(
            column
            for column in self.columns
            if any(row.estimates[column.name].count for row in self.rows)
        )

    def missing(self, row: str, column: str) -> dict[str, list[str]]:
        """Why numbers are missing: reason -> names of the clips."""
        reasons: dict[str, list[str]] = {}
        values = self.row(row).values[column]
        for clip, value in zip(self.clips, values, strict=True):
            if isinstance(value, Missing):
                reasons.setdefault(value.reason, []).append(clip.name)
        return reasons

    def audio_file(self, folder: str | Path, row: str, clip: int) -> Path:
        """Where the waveform of a clip lies; the file is absent if the clip failed.

        Args:
            folder: The folder of the evaluation, OUT.
            row: Name of the source.
            clip: Number of the clip.
        """
        return audio_file(folder, row, self.clips[clip].name)


def audio_file(folder: str | Path, row: str, clip: str) -> Path:
    """OUT/audio/ROW/CLIP.wav."""
    return Path(folder) / "audio" / row / f"{clip}.wav"


def write_results(folder: str | Path, results: Results) -> Path:
    """Writes OUT/results.json, in one piece; returns its path.

    Raises:
        OSError: If it cannot be written.
    """
    path = Path(folder) / RESULTS_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {"format": _FORMAT, "version": _VERSION} | jsonable(results)
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(path, f"{text}\n".encode())
    return path


def read_results(path: str | Path) -> Results:
    """Reads what `write_results` wrote.

    Args:
        path: The folder of an evaluation, or its results.json.

    Raises:
        EvaluationError: If there is no such file or it is something else.
    """
    path = Path(path)
    path = path / RESULTS_NAME if path.is_dir() else path
    if not path.is_file():
        raise EvaluationError(
            f"{path}: no such file; `python -m tf_gantts.evaluate --out {path.parent}` writes it"
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != _FORMAT or values["version"] != _VERSION:
            raise ValueError(f"format {values['format']!r}, version {values['version']}")
        return _from_json(values)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EvaluationError(
            f"{path}: not the results of an evaluation of version {_VERSION} ({error}); evaluate"
            f" again"
        ) from None


def jsonable(value: Any) -> Any:
    """A value as JSON has it: NaN is null, a `Missing` an object with its reason."""
    if isinstance(value, MelSpec):
        return value.to_dict()
    if isinstance(value, Missing):
        return {"missing": value.reason}
    if dataclasses.is_dataclass(value):
        return {f.name: jsonable(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _from_json(values: Mapping[str, Any]) -> Results:
    def many(kind: type, key: str) -> tuple[Any, ...]:
        return tuple(kind(**item) for item in values[key])

    return Results(
        mel_spec=MelSpec.from_dict(values["mel_spec"]),
        clips=many(Clip, "clips"),
        columns=many(Column, "columns"),
        rows=tuple(_row(row) for row in values["rows"]),
        weights={name: tuple(weights) for name, weights in values["weights"].items()},
        scales=tuple(
            Scale(scale["column"], scale["title"], _estimate(scale["estimate"]))
            for scale in values["scales"]
        ),
        unavailable=many(Unavailable, "unavailable"),
        failures=many(Failure, "failures"),
        timings=many(Timing, "timings"),
        bootstrap=Bootstrap(**values["bootstrap"]),
        recogniser=values["recogniser"],
        facts=dict(values["facts"]),
    )


def _row(values: Mapping[str, Any]) -> Row:
    return Row(
        Source(**values["source"]),
        {name: tuple(map(_number, column)) for name, column in values["values"].items()},
        {name: _estimate(estimate) for name, estimate in values["estimates"].items()},
        {name: _estimate(estimate) for name, estimate in values["ratios"].items()},
        tuple(values["texts"]),
    )


def _estimate(values: Mapping[str, Any]) -> Estimate:
    mean, low, high = (_number(values[key]) for key in ("mean", "low", "high"))
    return Estimate(mean, low, high, values["count"])


def _number(value: Any) -> float:
    if isinstance(value, Mapping):
        return Missing(value["missing"])
    return math.nan if value is None else float(value)
