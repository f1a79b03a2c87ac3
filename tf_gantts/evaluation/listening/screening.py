"""Which listeners' answers cannot be used, and why.

Every rule is about the listener alone, never about how he likes a system.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from tf_gantts.evaluation.listening.answers import NO_DIFFERENCE, Answer, Listener
from tf_gantts.evaluation.listening.design import Key

_TOLERANCE = 5  # points beside 0 and 100 in an attention check
_REFERENCE_GRADE, _REFERENCE_SHARE = 90, 0.15  # ITU-R BS.1534-3, section 4.1.2
_SAME_SHARE, _SAME_TRIALS = 0.95, 8  # one grade, or one side, in nearly all of enough trials
_FLAT = 5  # points between the best and the worst grade of a screen
_FAST_SHARE, _FAST_LENGTH = 0.15, 0.8  # the page lets nobody on before 0.9 of all is heard
_REPEAT_LIMIT = {"mos": 1.0, "mushra": 25.0}  # mean difference between two answers
_FEWEST_REPEATS = {"mos": 2, "mushra": 1, "ab": 4}  # fewer say too little to exclude anybody


@dataclasses.dataclass(frozen=True)
class Screening:
    """What was found out about a listener.

    Attributes:
        listener: Who.
        headphones: Whether he said that he wears some.
        minutes: Time that he took, all screens together.
        failed_checks: Attention checks that were answered wrongly.
        checks: How many there were.
        repeat_difference: Mean difference of the two answers to repeated trials, in grades; in
            `ab` the share where the other clip was preferred. NaN without repeats.
        reasons: Why his answers are left out; empty if they are used.
    """

    listener: str
    headphones: bool
    minutes: float
    failed_checks: int
    checks: int
    repeat_difference: float
    reasons: tuple[str, ...]


def screen(key: Key, listener: Listener) -> Screening:
    """Looks at the answers of one listener.

    Args:
        key: The test.
        listener: His answers.

    Returns:
        What was found.
    """
    checks = listener.of_kind("attention")
    failed = sum(not _attentive(key, answer) for answer in checks)
    differences = _repeat_differences(key, listener)
    reasons = [f"failed {failed} of {len(checks)} attention checks"] if failed else []
    for rule in (_misses_reference, _same_answer, _too_fast):
        reasons += rule(key, listener)
    difference = float(np.mean(differences)) if differences else np.nan
    if len(differences) >= _FEWEST_REPEATS[key.mode]:
        if key.mode == "ab" and difference > 0.5:
            reasons.append(f"preferred the other clip in {difference:.0%} of the repeated trials")
        elif key.mode != "ab" and difference > _REPEAT_LIMIT[key.mode]:
            reasons.append(
                f"repeated trials differ by {difference:.1f} on average, more than"
                f" {_REPEAT_LIMIT[key.mode]:g}"
            )
    seconds = sum(answer.seconds for answer in listener.answers)
    return Screening(
        listener.name,
        listener.headphones,
        seconds / 60,
        failed,
        len(checks),
        difference,
        tuple(reasons),
    )


def _attentive(key: Key, answer: Answer) -> bool:
    trial = answer.trial
    if key.mode == "ab":
        return answer.preferred == trial.target
    if key.mode == "mos":
        return answer.ratings[trial.target] == trial.beeps
    return all(
        abs(grade - (0 if sound == trial.target else 100)) <= _TOLERANCE
        for sound, grade in answer.ratings.items()
    )


def _misses_reference(key: Key, listener: Listener) -> list[str]:
    if key.mode != "mushra":
        return []
    grades = [_of_system(answer, key.reference) for answer in listener.of_kind("test")]
    share = float(np.mean([grade < _REFERENCE_GRADE for grade in grades]))
    if share <= _REFERENCE_SHARE:
        return []
    return [
        f"graded the hidden reference below {_REFERENCE_GRADE} in {share:.0%} of the trials, more"
        f" than {_REFERENCE_SHARE:.0%} (ITU-R BS.1534)"
    ]


def _of_system(answer: Answer, system: str) -> float:
    (sound,) = (sound for sound, name in answer.trial.sounds.items() if name == system)
    return answer.ratings[sound]


def _same_answer(key: Key, listener: Listener) -> list[str]:
    judged = listener.of_kind("test")
    if key.mode == "mushra":
        flat = [max(one.ratings.values()) - min(one.ratings.values()) < _FLAT for one in judged]
        if np.mean(flat) > 0.5:
            return [f"gave all clips of a screen the same grade in {np.mean(flat):.0%} of them"]
        return []
    if len(judged) < _SAME_TRIALS:
        return []
    if key.mode == "mos":
        given: list[object] = [next(iter(answer.ratings.values())) for answer in judged]
    else:  # the side; seeing no difference is an opinion
        given = [one.order.index(one.preferred) for one in judged if _decided(one)]
    share = max((given.count(one) for one in set(given)), default=0) / len(judged)
    if share < _SAME_SHARE:
        return []
    return [f"gave the same answer in {share:.0%} of the trials"]


def _decided(answer: Answer) -> bool:
    return answer.preferred != NO_DIFFERENCE


def _too_fast(key: Key, listener: Listener) -> list[str]:
    fast = [answer.seconds < _FAST_LENGTH * answer.trial.seconds for answer in listener.answers]
    share = float(np.mean(fast))
    if share <= _FAST_SHARE:
        return []
    return [f"took less time than the clips last in {share:.0%} of the trials"]


def _repeat_differences(key: Key, listener: Listener) -> list[float]:
    answers = {answer.trial.id: answer for answer in listener.answers}
    differences: list[float] = []
    for again in listener.of_kind("repeat"):
        first = answers[again.trial.original]
        if key.mode != "ab":
            differences += [abs(again.ratings[one] - first.ratings[one]) for one in again.ratings]
        elif _decided(first) and _decided(again):
            differences.append(float(first.preferred != again.preferred))
        else:
            differences.append(0.0)
    return differences
