"""The trials of a listening test, and the key that tells which sound is whose.

The page knows sounds by ids that mean nothing. The key goes with it compressed, and comes back with
the answers: nobody who looks at the page or at his answers sees it, and no file can be mislaid. It
keeps nobody out who wants to know; a listener who does should not take the test.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import itertools
import json
import random
import zlib
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from tf_gantts.audio.files import encode_wav
from tf_gantts.errors import EvaluationError
from tf_gantts.evaluation.listening.stimuli import Stimuli, with_beeps

Mode = Literal["mos", "mushra", "ab"]
Kind = Literal["practice", "test", "repeat", "attention"]

MODES: tuple[Mode, ...] = ("mos", "mushra", "ab")
QUESTIONS: Mapping[Mode, str] = {
    "mos": "How natural does this speech sound?",
    "mushra": "How good is each clip, compared with the reference?",
    "ab": "Which clip sounds more natural?",
}
_MOST_BEEPS = 5  # as many as there are grades
_INSTRUCTIONS: Mapping[Mode, str] = {
    "mos": "Do not grade this one: count the beeps at its end, and choose that number.",
    "mushra": "Do not grade these: one clip ends with beeps. Set it to 0 and all others to 100.",
    "ab": "Do not compare these: choose the one that ends with beeps.",
}


@dataclasses.dataclass(frozen=True)
class Trial:
    """One screen of the page.

    Attributes:
        id: Its name in page and answers.
        kind: `practice` is not counted; `repeat` asks again; `attention` has one right answer.
        clip: Which clip is heard.
        sounds: Id of each sound to be judged -> its system.
        seconds: Length of everything that has to be heard.
        open_reference: Id of the recording that the listener knows as the reference, or empty.
        original: Id of the trial that is repeated, or empty.
        beeps: Beeps in an attention check, else 0; in `mos` the right grade.
        target: Id of the sound that ends with beeps, or empty.
    """

    id: str
    kind: Kind
    clip: str
    sounds: Mapping[str, str]
    seconds: float
    open_reference: str = ""
    original: str = ""
    beeps: int = 0
    target: str = ""


@dataclasses.dataclass(frozen=True)
class Key:
    """What the page does not show.

    Attributes:
        mode: `mos`, `mushra` or `ab`.
        title: Heading of the page.
        question: What listeners are asked.
        seed: Seed of ids and of the choice of practice, repeated and attention trials.
        systems: The systems, in the order of a table.
        reference: The system that is the recordings, or empty.
        anchors: The systems that are low-passed recordings.
        loudness: Of all sounds in LUFS; None if the levels were kept.
        sounds: Hash of all sounds.
        trials: All trials.
    """

    mode: Mode
    title: str
    question: str
    seed: int
    systems: tuple[str, ...]
    reference: str
    anchors: tuple[str, ...]
    loudness: float | None
    sounds: str
    trials: tuple[Trial, ...]

    @property
    def fingerprint(self) -> str:
        """Names the test: 16 hexadecimal digits of the hash of all of it."""
        return hashlib.sha256(_to_json(self).encode()).hexdigest()[:16]

    def seal(self) -> str:
        """The key as compressed text; see `open_key`."""
        return base64.b64encode(zlib.compress(_to_json(self).encode(), 9)).decode("ascii")


@dataclasses.dataclass(frozen=True)
class Test:
    """A test that can be shown.

    Attributes:
        key: Its trials.
        sounds: Id -> a WAV file.
    """

    __test__ = False  # for pytest

    key: Key
    sounds: Mapping[str, bytes]


def open_key(sealed: str) -> Key:
    """Reads what `Key.seal` wrote.

    Raises:
        EvaluationError: If it is damaged.
    """
    try:
        values = json.loads(zlib.decompress(base64.b64decode(sealed, validate=True)))
        trials = tuple(Trial(**trial) for trial in values.pop("trials"))
        systems, anchors = tuple(values.pop("systems")), tuple(values.pop("anchors"))
        return Key(trials=trials, systems=systems, anchors=anchors, **values)
    except (ValueError, TypeError, KeyError, zlib.error) as error:
        raise EvaluationError(f"the key of the test is damaged ({error})") from None


def design_test(
    mode: Mode,
    stimuli: Stimuli,
    title: str = "Listening test",
    question: str = "",
    repeats: int = 2,
    checks: int = 1,
    seed: int = 0,
) -> Test:
    """Makes the trials of a test.

    Args:
        mode: `mos`: every sound alone, graded 1 to 5 (ITU-T P.800). `mushra`: all systems of a
            clip beside the reference, 0 to 100 (ITU-R BS.1534). `ab`: every two systems.
        stimuli: What is heard.
        title: Heading of the page.
        question: What listeners are asked; empty for the mode's own.
        repeats: Trials that are asked twice, at most all of them.
        checks: Attention checks.
        seed: Seed of ids and choices.

    Returns:
        The test, a function of the arguments.

    Raises:
        EvaluationError: If there are too few systems or no reference where one is needed.
    """
    _check(mode, stimuli)
    return _Designer(mode, stimuli, seed).design(
        title, question or QUESTIONS[mode], repeats, checks
    )


def _check(mode: Mode, stimuli: Stimuli) -> None:
    if mode == "mushra" and stimuli.reference is None:
        raise EvaluationError("a MUSHRA test needs the recordings: --reference DIR")
    if mode == "ab" and len(stimuli.audio) < 2:
        raise EvaluationError("an AB test needs two systems; name another one: --system NAME=DIR")
    if len(stimuli.audio) == len(stimuli.anchors) + (stimuli.reference is not None):
        raise EvaluationError("there is no system to judge: --system NAME=DIR")


class _Designer:
    """Draws ids and choices, and collects the sounds."""

    def __init__(self, mode: Mode, stimuli: Stimuli, seed: int) -> None:
        self._mode, self._stimuli, self._seed = mode, stimuli, seed
        self._random = random.Random(seed)
        self._sounds: dict[str, bytes] = {}
        self._seconds: dict[str, float] = {}
        self._known: dict[tuple[str, str], str] = {}

    def design(self, title: str, question: str, repeats: int, checks: int) -> Test:
        trials = [
            self._trial("test", clip, self._of(clip, systems))
            for clip in self._stimuli.clips
            for systems in self._groups()
        ]
        judged = list(trials)
        trials += [
            self._trial("repeat", one.clip, one.sounds, original=one.id)
            for one in self._random.sample(judged, min(repeats, len(judged)))
        ]
        practice = self._random.choice(judged)
        trials.append(self._trial("practice", practice.clip, practice.sounds))
        trials += [self._attention(self._random.choice(judged)) for _ in range(checks)]
        digest = hashlib.sha256()
        for data in self._sounds.values():
            digest.update(hashlib.sha256(data).digest())
        key = Key(
            mode=self._mode,
            title=title,
            question=question,
            seed=self._seed,
            systems=tuple(self._stimuli.audio),
            reference=self._stimuli.reference or "",
            anchors=self._stimuli.anchors,
            loudness=self._stimuli.loudness,
            sounds=digest.hexdigest(),
            # By id, so that their order says nothing.
            trials=tuple(sorted(trials, key=lambda trial: trial.id)),
        )
        return Test(key, dict(sorted(self._sounds.items())))

    def _groups(self) -> list[tuple[str, ...]]:
        """The systems that are judged on one screen."""
        systems = tuple(self._stimuli.audio)
        if self._mode == "mos":
            return [(system,) for system in systems]
        return [systems] if self._mode == "mushra" else list(itertools.combinations(systems, 2))

    def _of(self, clip: str, systems: tuple[str, ...]) -> dict[str, str]:
        for system in systems:
            if (system, clip) not in self._known:
                self._known[system, clip] = self._add(self._stimuli.audio[system][clip])
        return {self._known[system, clip]: system for system in systems}

    def _trial(self, kind: Kind, clip: str, sounds: Mapping[str, str], **more: Any) -> Trial:
        reference, heard = "", list(sounds)
        if self._mode == "mushra":
            # An id of its own, so that the hidden reference cannot be told by it.
            name = ("open reference", clip)
            if name not in self._known:
                audio = self._stimuli.audio[self._stimuli.reference or ""][clip]
                self._known[name] = self._add(audio)
            reference = self._known[name]
            heard.append(reference)
        seconds = sum(self._seconds[sound] for sound in heard)
        ordered = dict(sorted(sounds.items()))
        return Trial(self._id(), kind, clip, ordered, round(seconds, 3), reference, **more)

    def _attention(self, like: Trial) -> Trial:
        sounds = dict(like.sounds)
        replaced = self._random.choice(list(sounds))
        system, beeps = sounds.pop(replaced), self._random.randint(1, _MOST_BEEPS)
        rate, audio = self._stimuli.sampling_rate, self._stimuli.audio[system][like.clip]
        target = self._add(with_beeps(audio, beeps, rate))
        sounds[target] = system
        return self._trial("attention", like.clip, sounds, beeps=beeps, target=target)

    def _add(self, audio: np.ndarray) -> str:
        name, rate = self._id(), self._stimuli.sampling_rate
        self._sounds[name] = encode_wav(audio, rate)
        self._seconds[name] = len(audio) / rate
        return name

    def _id(self) -> str:
        return f"{self._random.getrandbits(40):010x}"


def page_trials(key: Key) -> list[dict[str, Any]]:
    """What the page is told of its trials."""
    return [
        {
            "id": trial.id,
            "practice": trial.kind == "practice",
            "after": trial.original,
            "instruction": _INSTRUCTIONS[key.mode] if trial.kind == "attention" else "",
            "reference": trial.open_reference,
            "sounds": list(trial.sounds),
        }
        for trial in key.trials
    ]


def _to_json(key: Key) -> str:
    return json.dumps(dataclasses.asdict(key), sort_keys=True, ensure_ascii=False)
