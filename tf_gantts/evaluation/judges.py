"""Fills the table of an evaluation: each function adds the columns of one kind of judge."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile
from tqdm import tqdm

from tf_gantts.audio.files import read_audio
from tf_gantts.evaluation import (
    intelligibility,
    recognition,
    scores,
    speaker_similarity,
    tasks,
    warped,
)
from tf_gantts.evaluation.bootstrap import Estimate, bootstrap_mean
from tf_gantts.evaluation.intelligibility import TextScore, Unit
from tf_gantts.evaluation.metric import Column
from tf_gantts.evaluation.missing import Missing
from tf_gantts.evaluation.naturalness import Predictor, load_predictor
from tf_gantts.evaluation.results import NATURAL, Scale
from tf_gantts.evaluation.speaker_similarity import SpeakerEncoder
from tf_gantts.evaluation.table import Table
from tf_gantts.evaluation.unavailable import Unavailable
from tf_gantts.processes import run_in_processes

Item = TypeVar("Item")
Result = TypeVar("Result")

_DIED = "the process that measured it died, perhaps for lack of memory"

_RATES: tuple[tuple[Column, Unit], ...] = (
    (
        Column(
            "wer",
            "WER",
            "",
            "word error rate of the recogniser: errors in all clips over all words",
        ),
        "word",
    ),
    (
        Column(
            "cer",
            "CER",
            "",
            "character error rate of the recogniser: errors in all clips over all characters",
        ),
        "character",
    ),
)
_SECS = Column(
    "secs",
    "SECS",
    "",
    "cosine of the speaker embeddings of the clip and of another recording of its speaker",
    higher_is_better=True,
)


def measure_signal(table: Table, own_timing: Sequence[str], jobs: int) -> None:
    """Compares every clip with its recording by all metrics of `scores`.

    Args:
        table: Gets the columns.
        own_timing: Rows that need not have the timing of the recordings; whether their clips do
            is told by the lengths, see `warped`.
        jobs: Number of processes.
    """
    table.add(scores.columns())
    judged: dict[int, dict[str, Path]] = {}
    for row, clip in table.judged():
        judged.setdefault(clip, {})[row] = table.path(row, clip)
    clips = sorted(judged, key=lambda clip: -table.clips[clip].seconds)
    apart = {row: _clips_with_own_timing(table, row) for row in own_timing}
    work = []
    for clip in clips:
        rows = frozenset(row for row in own_timing if clip in apart[row])
        task = tasks.ScoreTask(table.path(NATURAL, clip), judged[clip], rows, table.spec)
        work.append(task)
    seconds = sum(table.clips[clip].seconds * len(judged[clip]) for clip in clips)
    with table.stopwatch.stage("signal metrics", seconds):
        for number, found in each("signal metrics", tasks.score_files, work, jobs):
            for row in judged[clips[number]]:
                numbers = _DIED if found is None else found[row]
                if isinstance(numbers, str):
                    table.fail(row, clips[number], numbers)
                    missing = Missing(numbers)
                    numbers = {column.name: missing for column in scores.columns()}
                table.put(row, clips[number], numbers)


def _clips_with_own_timing(table: Table, row: str) -> set[int]:
    clips = [clip for name, clip in table.judged() if name == row]
    natural, generated = (
        [soundfile.info(str(table.path(name, clip))).frames for clip in clips]
        for name in (NATURAL, row)
    )
    own = warped.clips_with_own_timing(natural, generated, table.spec.sampling_rate)
    return {clip for clip, apart in zip(clips, own, strict=True) if apart}


def check_recogniser(name: str, model: str | None) -> None:
    """Loads a recogniser, so that a wrong model is an error before any work and not after it.

    Raises:
        EvaluationError: If the model cannot be loaded.
    """
    if recognition.missing_packages(name) is None:
        tasks.recogniser(name, model)


def measure_error_rates(table: Table, name: str, model: str | None, jobs: int) -> None:
    """Lets a recogniser write down every clip and counts its errors.

    Clips without words in their transcript are left out.

    Args:
        table: Gets the columns, the texts and the ratios to the recordings.
        name: One of `recognition.RECOGNIZERS`.
        model: Its model; None for its own choice.
        jobs: Number of processes of PocketSphinx; the others work in this one.

    Raises:
        EvaluationError: If the model cannot be loaded.
    """
    table.add([column for column, _ in _RATES])
    absent = recognition.missing_packages(name)
    if absent is None and not any(map(_has_words, (clip.text for clip in table.clips))):
        absent = Unavailable("WER and CER", "no clip has a transcript with words")
    if absent is not None:
        table.unavailable.append(absent)
        return
    table.recogniser = tasks.recogniser(name, model).name
    table.texts = {source.name: [None] * len(table.clips) for source in table.sources}
    judged = sorted(table.judged(), key=lambda one: -table.clips[one[1]].seconds)
    work = [tasks.RecognitionTask(table.path(*one), name, model) for one in judged]
    found: dict[tuple[str, int], TextScore] = {}
    jobs = jobs if name == "pocketsphinx" else 1
    with table.stopwatch.stage(f"recognition, {table.recogniser}", table.seconds(judged)):
        for number, answer in each("recognition", tasks.recognise_file, work, jobs):
            row, clip = judged[number]
            text, message = (None, _DIED) if answer is None else answer
            table.texts[row][clip] = text
            if text is None:
                table.fail(row, clip, message)
            elif _has_words(table.clips[clip].text):
                (found[row, clip],) = intelligibility.score([text], [table.clips[clip].text])
    _put_error_rates(table, found)


def measure_naturalness(table: Table, names: Sequence[str]) -> None:
    """Lets predictors of mean opinion scores judge every clip.

    Args:
        table: Gets the columns, or what to install.
        names: Some of `naturalness.PREDICTORS`.
    """
    for name in names:
        predictor = load_predictor(name)
        if isinstance(predictor, Unavailable):
            table.unavailable.append(predictor)
            continue
        table.add(
            [
                Column(key, title, "MOS", f"mean opinion score that {name} predicts", 2, True)
                for key, title in predictor.titles.items()
            ]
        )
        judged = list(table.judged())
        work = [_Prediction(predictor, table.path(*one)) for one in judged]
        with table.stopwatch.stage(name, table.seconds(judged)):
            for number, answer in each(name, _predict, work, jobs=1):
                row, clip = judged[number]
                if isinstance(answer, str):
                    table.fail(row, clip, answer)
                    answer = dict.fromkeys(predictor.titles, Missing(answer))
                table.put(row, clip, answer or {})


def measure_speakers(table: Table, encoder: SpeakerEncoder | Unavailable) -> None:
    """Compares the voice of every clip with another recording of its speaker.

    Args:
        table: Gets the column and its scale, or what to install.
        encoder: The result of `speaker_similarity.load_encoder`.
    """
    if isinstance(encoder, Unavailable):
        table.unavailable.append(encoder)
        return
    table.add([_SECS])
    judged = list(table.judged())
    work = [_Embedding(encoder, table.path(*one)) for one in judged]
    vectors: dict[tuple[str, int], np.ndarray] = {}
    with table.stopwatch.stage("speaker similarity", table.seconds(judged)):
        for number, answer in each("speaker similarity", _embed, work, jobs=1):
            if isinstance(answer, np.ndarray):
                vectors[judged[number]] = answer
            else:
                table.fail(*judged[number], answer or _DIED)
    for (row, clip), vector in vectors.items():
        other = _other_recording(table, clip, vectors)
        value: float = Missing("there is no other recording of its speaker")
        if other is not None:
            value = float(vector @ vectors[NATURAL, other])
        table.put(row, clip, {"secs": value})
    _put_scale(table, vectors)


def each(
    title: str, work: Callable[[Item], Result], items: Sequence[Item], jobs: int
) -> Iterator[tuple[int, Result | None]]:
    """Does the same work on many items, with a progress bar; None for one that kills its process.

    Args:
        title: What the bar is called.
        work: A function at the top of a module, that raises nothing.
        items: The items.
        jobs: Number of processes; with 1 the work is done here.
    """
    waiting = dict(enumerate(items))
    with tqdm(total=len(items), desc=title, unit="clip", disable=None) as bar:

        def finished(number: int) -> int:
            del waiting[number]
            bar.update()
            return number

        try:
            for number, result in run_in_processes(work, items, jobs):
                yield finished(number), result
        except BrokenProcessPool:
            # Which clip it was is not known: the rest gets a process each.
            for number in list(waiting):
                yield finished(number), _alone(work, items[number])


def _alone(work: Callable[[Item], Result], item: Item) -> Result | None:
    try:
        ((_, result),) = run_in_processes(work, [item], jobs=1, here=False)
    except BrokenProcessPool:
        return None
    return result


# Error rates


def _has_words(text: str) -> bool:
    return bool(intelligibility.normalise_text(text))


def _put_error_rates(table: Table, found: dict[tuple[str, int], TextScore]) -> None:
    drawn = dataclasses.astuple(table.bootstrap)
    clips = range(len(table.clips))
    for row, clip in table.judged():
        if not _has_words(table.clips[clip].text):
            missing = Missing("its transcript has no words")
            table.put(row, clip, {"wer": missing, "cer": missing})
        elif (row, clip) in found:
            score = found[row, clip]
            table.put(row, clip, {"wer": score.wer, "cer": score.cer})
    for column, unit in _RATES:
        table.weights[column.name] = tuple(_length(found, clip, unit) for clip in clips)
    for source in table.sources:
        row = source.name
        scored = [found[row, clip] for clip in clips if (row, clip) in found]
        both = [n for n in clips if (row, n) in found and (NATURAL, n) in found]
        generated, natural = ([found[name, n] for n in both] for name in (row, NATURAL))
        for column, unit in _RATES:
            rate = intelligibility.micro_average(scored, unit, *drawn)
            table.set_estimate(row, column.name, rate)
            ratio = intelligibility.ratio_to_natural(generated, natural, unit, *drawn)
            table.ratios[row][column.name] = ratio


def _length(found: dict[tuple[str, int], TextScore], clip: int, unit: Unit) -> float:
    """Words or characters of a clip's transcript."""
    for (_, number), score in found.items():
        if number == clip:
            return float(score.words if unit == "word" else score.characters)
    return 0.0


# Naturalness and speakers


@dataclasses.dataclass(frozen=True)
class _Prediction:
    predictor: Predictor
    path: Path


def _predict(work: _Prediction) -> dict[str, float] | str:
    try:
        numbers = work.predictor.predict(*read_audio(work.path))
    except Exception as error:  # of a foreign package
        return tasks.describe(error)
    return {name: tasks.with_reason(value) for name, value in numbers.items()}


@dataclasses.dataclass(frozen=True)
class _Embedding:
    encoder: SpeakerEncoder
    path: Path


def _embed(work: _Embedding) -> np.ndarray | str:
    try:
        return speaker_similarity.embed(work.encoder, [read_audio(work.path)])[0]
    except Exception as error:  # of a foreign package
        return f"speaker similarity: {tasks.describe(error)}"


def _other_recording(
    table: Table, clip: int, vectors: dict[tuple[str, int], np.ndarray]
) -> int | None:
    """The next recording of the same speaker: the encoder is not to hear the same sentence."""
    count = len(table.clips)
    for other in (number % count for number in range(clip + 1, clip + count)):
        if table.clips[other].speaker == table.clips[clip].speaker and (NATURAL, other) in vectors:
            return other
    return None


def _put_scale(table: Table, vectors: dict[tuple[str, int], np.ndarray]) -> None:
    """Cosines among the recordings: of the same speaker and of different ones."""
    clips = [clip for row, clip in vectors if row == NATURAL]
    for title, wanted in (("same speaker", True), ("different speakers", False)):
        means = []
        for clip in clips:
            cosines = [
                float(vectors[NATURAL, clip] @ vectors[NATURAL, other])
                for other in clips
                if other != clip
                and (table.clips[other].speaker == table.clips[clip].speaker) == wanted
            ]
            if cosines:
                means.append(float(np.mean(cosines)))
        if means:
            estimate: Estimate = bootstrap_mean(means, *dataclasses.astuple(table.bootstrap))
            table.scales.append(Scale("secs", f"recordings, {title}", estimate))
        else:
            table.unavailable.append(
                Unavailable(f"SECS of {title}", "the clips have no such pair of recordings")
            )
