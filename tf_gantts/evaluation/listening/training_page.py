"""A listening page of a training run: what the network made of the same clips at several steps."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tf_gantts.audio.files import read_audio
from tf_gantts.audio.loudness import integrated_loudness
from tf_gantts.errors import GanTTSError
from tf_gantts.evaluation.listening.design import design_test
from tf_gantts.evaluation.listening.page import write_page
from tf_gantts.evaluation.listening.stimuli import REFERENCE, prepare_stimuli

_LOG = logging.getLogger(__name__)

PAGE_NAME = "listening.html"
_STEPS = 6  # more sliders on a screen than these and two others cannot be compared
_ANCHORS = (3500.0,)  # Hz


def write_training_page(
    samples: Path, natural: Mapping[str, np.ndarray], sampling_rate: int
) -> Path | None:
    """Writes SAMPLES/listening.html, a MUSHRA page whose systems are the steps.

    Steps whose samples are silent or not complete are left out; of many, six are taken at even
    distances, the first and the last among them.

    Args:
        samples: RUN/samples, with `step-XXXXXXXX/CLIP.wav`.
        natural: Clip -> its recording `(N,)`.
        sampling_rate: In Hz, of all of them.

    Returns:
        The page; None if there is nothing to hear yet, which is logged.

    Raises:
        OSError: If the page cannot be written.
    """
    steps = _readable(samples, list(natural), sampling_rate)
    try:
        if not steps:
            raise GanTTSError(f"{samples}: no step whose samples can be heard")
        chosen = _evenly(sorted(steps))
        audio = {REFERENCE: natural} | {f"step {step}": steps[step] for step in chosen}
        stimuli = prepare_stimuli(audio, sampling_rate, REFERENCE, _ANCHORS)
        title = f"Training up to step {chosen[-1]:,}"
        page = samples / PAGE_NAME
        write_page(page, design_test("mushra", stimuli, title=title, repeats=0, checks=0))
        return page
    except GanTTSError as error:  # training goes on without the page
        _LOG.warning("no listening page: %s", error)
        return None


def _readable(
    samples: Path, clips: Sequence[str], sampling_rate: int
) -> dict[int, dict[str, np.ndarray]]:
    """Step -> clip -> waveform, of the steps that have a sound for every clip."""
    found = {}
    for folder in samples.glob("step-*"):
        try:
            audio = {clip: read_audio(folder / f"{clip}.wav")[0] for clip in clips}
        except GanTTSError:
            continue
        levels = [integrated_loudness(one, sampling_rate) for one in audio.values()]
        if audio and all(map(math.isfinite, levels)):
            found[int(folder.name.removeprefix("step-"))] = audio
    return found


def _evenly(steps: Sequence[int]) -> list[int]:
    places = np.linspace(0, len(steps) - 1, min(_STEPS, len(steps)))
    return [steps[round(place)] for place in places]
