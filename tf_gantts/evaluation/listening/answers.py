"""The files that the listening page saves."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tf_gantts.errors import EvaluationError
from tf_gantts.evaluation.listening.design import Key, Trial, open_key
from tf_gantts.evaluation.listening.page import FORMAT, VERSION

NO_DIFFERENCE = "none"
_RANGES = {"mos": (1, 5), "mushra": (0, 100)}


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a listener said to one trial.

    Attributes:
        trial: The trial.
        seconds: How long the screen was open.
        order: Ids of the sounds as they were shown.
        ratings: Id of a sound -> its grade; empty in `ab`.
        preferred: Id of the preferred sound or `none`; empty but in `ab`.
    """

    trial: Trial
    seconds: float
    order: tuple[str, ...]
    ratings: Mapping[str, float]
    preferred: str = ""


@dataclasses.dataclass(frozen=True)
class Listener:
    """One finished file of answers.

    Attributes:
        name: Who listened.
        path: The file.
        headphones: Whether he said that he wears some.
        answers: In the order in which they were given, all kinds of trials.
    """

    name: str
    path: Path
    headphones: bool
    answers: tuple[Answer, ...]

    def of_kind(self, kind: str) -> list[Answer]:
        """The answers to trials of one kind."""
        return [answer for answer in self.answers if answer.trial.kind == kind]


def read_answers(paths: Sequence[Path]) -> tuple[Key, list[Listener]]:
    """Reads the answers of several listeners to one test.

    Args:
        paths: The files.

    Returns:
        The key of the test and the listeners.

    Raises:
        EvaluationError: If a file is no such file, unfinished or changed, the files belong to
            different pages, or two have the same listener.
    """
    key: Key | None = None
    listeners: dict[str, Listener] = {}
    for path in paths:
        found, listener = _read(path)
        if key is not None and found.fingerprint != key.fingerprint:
            raise EvaluationError(
                f"{path}: answers to another page ({found.fingerprint}, {found.title!r}) than"
                f" {paths[0]} ({key.fingerprint}, {key.title!r}); analyse them apart"
            )
        key = key or found
        if listener.name in listeners:
            raise EvaluationError(
                f"{path}: listener {listener.name!r} has answered in"
                f" {listeners[listener.name].path} already; give one file of each listener"
            )
        listeners[listener.name] = listener
    if key is None:
        raise EvaluationError("no answers; at least one file is expected")
    return key, list(listeners.values())


def _read(path: Path) -> tuple[Key, Listener]:
    if not path.is_file():
        raise EvaluationError(f"{path}: no such file of answers")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ValueError("the format is another one")
        if values["version"] != VERSION:
            raise ValueError(f"version {values['version']}, {VERSION} is expected")
        key = open_key(values["key"])
        if key.fingerprint != values["fingerprint"]:
            raise ValueError("the fingerprint is not that of the test in it")
        name = values["listener"]
        if not isinstance(name, str) or not name:
            raise ValueError("it has no listener")
        answers = tuple(_answer(key, trial) for trial in values["trials"])
        _check_complete(key, answers)
        return key, Listener(name, path, bool(values["headphones"]), answers)
    except (ValueError, TypeError, KeyError, AttributeError, EvaluationError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise EvaluationError(
            f"{path}: not the answers of a finished listening test: {reason}"
        ) from None


def _check_complete(key: Key, answers: Sequence[Answer]) -> None:
    answered = [answer.trial.id for answer in answers]
    if len(set(answered)) < len(answered):
        raise ValueError("a trial is answered twice")
    if len(answered) < len(key.trials):
        raise ValueError(f"{len(answered)} of {len(key.trials)} trials are answered")


def _answer(key: Key, values: Mapping[str, Any]) -> Answer:
    trial = next((trial for trial in key.trials if trial.id == values["trial"]), None)
    if trial is None:
        raise ValueError(f"the test has no trial {values['trial']!r}")
    ratings, order = dict(values["ratings"]), tuple(values["order"])
    if sorted(order) != sorted(trial.sounds):
        raise ValueError(f"trial {trial.id} has other sounds than the test")
    preferred = ""
    if key.mode == "ab":
        preferred = ratings["preferred"]
        if preferred != NO_DIFFERENCE and preferred not in trial.sounds:
            raise ValueError(f"trial {trial.id} prefers a sound that it does not have")
        ratings = {}
    else:
        low, high = _RANGES[key.mode]
        if set(ratings) != set(trial.sounds):
            raise ValueError(f"trial {trial.id} does not grade each of its sounds")
        for grade in ratings.values():
            if isinstance(grade, bool) or not isinstance(grade, int | float):
                raise ValueError(f"trial {trial.id} has a grade {grade!r}")
            if not low <= grade <= high:
                raise ValueError(f"trial {trial.id} has a grade {grade}, beyond {low} to {high}")
    return Answer(trial, float(values["seconds"]), order, ratings, preferred)
