"""What one process does for one clip: files in, numbers or the reason why not out.

Each function is at the top of this module, so that other processes find it, and answers a clip that
cannot be judged with a `Missing` or a message in place of an error: one bad clip loses no other.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tf_gantts.audio.files import read_audio, write_wav
from tf_gantts.audio.griffin_lim import griffin_lim
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.errors import GanTTSError
from tf_gantts.evaluation import scores, warped
from tf_gantts.evaluation.missing import Missing
from tf_gantts.evaluation.recognition import Recognizer, make_recognizer

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class GriffinLimTask:
    """A waveform to be made from a mel.

    Attributes:
        mel: Raw log-mel `(T, n_mels)`.
        path: The WAV file to be written.
        spec: The mel definition.
        iterations: Rounds of phase estimation.
    """

    mel: np.ndarray
    path: Path
    spec: MelSpec
    iterations: int = 60


@dataclasses.dataclass(frozen=True)
class ScoreTask:
    """A recording and the clips that are to be compared with it.

    Attributes:
        natural: The recording's WAV file.
        generated: Row -> WAV file.
        own_timing: Rows whose clip has another timing than the recording; see `warped`.
        spec: The mel definition.
    """

    natural: Path
    generated: Mapping[str, Path]
    own_timing: frozenset[str]
    spec: MelSpec


@dataclasses.dataclass(frozen=True)
class RecognitionTask:
    """A clip to be recognised.

    Attributes:
        path: The WAV file.
        recogniser: Name of the recogniser.
        model: Its model; None for its own choice.
    """

    path: Path
    recogniser: str
    model: str | None = None


def make_griffin_lim(task: GriffinLimTask) -> str | None:
    """Writes a waveform whose mel is near the given one; what went wrong, or None."""
    try:
        audio = griffin_lim(task.mel, task.spec, task.iterations)
        write_wav(task.path, np.clip(audio, -1.0, 1.0), task.spec.sampling_rate)
    except GanTTSError as error:
        return str(error)
    return None


def score_files(task: ScoreTask) -> dict[str, dict[str, float] | str]:
    """The numbers of all signal metrics, or what went wrong, for each row."""
    natural, _ = read_audio(task.natural)
    return {row: _score(task, natural, row, path) for row, path in task.generated.items()}


def recognise_file(task: RecognitionTask) -> tuple[str | None, str]:
    """The text, or None and what went wrong."""
    try:
        recognizer = recogniser(task.recogniser, task.model)
        (text,) = recognizer.recognise([read_audio(task.path)])
    except Exception as error:  # what a recogniser raises is not known
        return None, describe(error)
    return text, ""


@functools.cache
def recogniser(name: str, model: str | None) -> Recognizer:
    """The recogniser, loaded once in each process, working in this process."""
    return make_recognizer(name, model, jobs=1)


def describe(error: Exception) -> str:
    """One line about an error; one that is not the clip's is logged with its traceback."""
    if isinstance(error, GanTTSError):
        return str(error)
    _LOG.debug("a clip could not be judged", exc_info=error)
    return f"{type(error).__name__}: {error}".strip().replace("\n", " ")


def _score(task: ScoreTask, natural: np.ndarray, row: str, path: Path) -> dict[str, float] | str:
    try:
        generated, _ = read_audio(path)
        metrics = warped if row in task.own_timing else scores
        values = metrics.score(natural, generated, task.spec)
    except Exception as error:  # a metric is foreign code; the other rows are to be scored
        return describe(error)
    return {name: with_reason(value) for name, value in values.items()}


def with_reason(value: float) -> float:
    """The same number; where it is not one, a `Missing`."""
    if isinstance(value, Missing) or np.isfinite(value):
        return value
    return Missing("it is not defined for this clip")
