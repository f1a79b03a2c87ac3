"""What is heard in a listening test: clips at one rate and loudness, anchors, beeps."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfiltfilt

from tf_gantts.audio.files import read_audio
from tf_gantts.audio.loudness import integrated_loudness
from tf_gantts.errors import EvaluationError

_LOG = logging.getLogger(__name__)

REFERENCE = "natural"  # name of the recordings among the systems
LOUDNESS = -26.0  # LUFS; the level of speech in ITU-T P.800.1 is -26 dBov
_QUIETEST = -36.0  # LUFS; below, listeners turn the volume up so far that noise is heard
_PEAK = 10.0 ** (-1.0 / 20.0)  # 1 dB below full scale
_SHORTEST = 0.5  # seconds; nobody can judge less
_KINDS = ("*.wav", "*.flac")
_BEEP_HZ, _BEEP_SECONDS, _BEEP_PAUSE, _BEEP_PEAK = 880.0, 0.18, 0.22, 0.12

Clips = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Stimuli:
    """All sounds of a test but those with beeps.

    Attributes:
        sampling_rate: In Hz, of all of them.
        audio: System -> clip -> samples `(N,)`, float32; every system has the same clips.
        reference: Name of the system that is the recordings; None without one.
        anchors: Names of the systems that were made by low-pass filtering the reference.
        loudness: What all clips were set to, in LUFS; None if their levels were kept.
    """

    sampling_rate: int
    audio: Mapping[str, Clips]
    reference: str | None = None
    anchors: tuple[str, ...] = ()
    loudness: float | None = None

    @property
    def clips(self) -> tuple[str, ...]:
        """Names of the clips."""
        return tuple(next(iter(self.audio.values())))


def read_folders(
    folders: Mapping[str, Path], sampling_rate: int | None = None
) -> tuple[dict[str, dict[str, np.ndarray]], int]:
    """Reads the recordings that have the same name in every folder.

    Args:
        folders: System -> its folder of wav or flac files.
        sampling_rate: Rate in Hz that all are converted to; None if they have one already.

    Returns:
        System -> clip -> samples `(N,)`, float32, and their rate in Hz.

    Raises:
        EvaluationError: If a folder has no recordings, they have no name in common, or they have
            different rates and none was chosen.
        AudioError: If a recording cannot be read.
    """
    files = {system: _files(folder) for system, folder in folders.items()}
    names = sorted(set.intersection(*(set(found) for found in files.values())))
    if not names:
        raise EvaluationError(
            f"{' and '.join(map(str, folders.values()))}: no recording has the same name in all of"
            f" them; the clips of the systems are matched by their file names"
        )
    for system, found in files.items():
        if len(found) > len(names):
            _LOG.info("%s: %d of %d clips are in all folders", system, len(names), len(found))
    audio: dict[str, dict[str, np.ndarray]] = {}
    rates: dict[int, Path] = {}
    for system, found in files.items():
        audio[system] = {}
        for name in names:
            audio[system][name], rate = read_audio(found[name], sampling_rate)
            rates.setdefault(rate, found[name])
    if len(rates) > 1:
        different = ", ".join(f"{path} has {rate} Hz" for rate, path in rates.items())
        raise EvaluationError(
            f"{different}; choose one rate for all with --sampling-rate (a lower rate takes the"
            f" highest frequencies from the others)"
        )
    return audio, next(iter(rates))


def choose_clips(
    audio: Mapping[str, Clips], sampling_rate: int, longest: float, count: int | None, seed: int
) -> dict[str, dict[str, np.ndarray]]:
    """Leaves out clips that cannot be judged, and draws some of the others.

    Args:
        audio: System -> clip -> samples.
        sampling_rate: Their rate in Hz.
        longest: Seconds; clips that are longer in any system are left out.
        count: How many to draw; None for all.
        seed: Seed of the draw.

    Returns:
        The same without the clips left out, which are logged.

    Raises:
        EvaluationError: If none is left.
    """
    kept = []
    for name in next(iter(audio.values())):
        seconds = [len(clips[name]) / sampling_rate for clips in audio.values()]
        if min(seconds) >= _SHORTEST and max(seconds) <= longest:
            kept.append(name)
        else:
            _LOG.info(
                "%s is left out: %.1f to %.1f s long, %.1f to %.1f s can be judged",
                *(name, min(seconds), max(seconds), _SHORTEST, longest),
            )
    if not kept:
        raise EvaluationError(
            f"no clip is between {_SHORTEST:g} and {longest:g} s long in every system; longer ones"
            f" are let in by --longest SECONDS"
        )
    if count is not None and count < len(kept):
        chosen = np.random.default_rng(seed).choice(len(kept), count, replace=False)
        kept = [kept[number] for number in sorted(chosen)]
    return {system: {name: clips[name] for name in kept} for system, clips in audio.items()}


def prepare_stimuli(
    audio: Mapping[str, Clips],
    sampling_rate: int,
    reference: str | None = None,
    anchors: Sequence[float] = (),
    loudness: float | None = LOUDNESS,
) -> Stimuli:
    """Makes the anchors and sets every clip to one loudness.

    Args:
        audio: System -> clip -> samples `(N,)`.
        sampling_rate: Their rate in Hz.
        reference: Name of the system that is the recordings.
        anchors: Cut-off frequencies in Hz of low-passed copies of the reference.
        loudness: In LUFS, by ITU-R BS.1770-4; all clips get less, and the same, where one of them
            would come nearer to full scale than 1 dB. None keeps the levels.

    Returns:
        The stimuli.

    Raises:
        EvaluationError: If anchors are wanted without a reference or beyond its band, or a clip
            is silent.
    """
    systems = {system: dict(clips) for system, clips in audio.items()}
    names = []
    for cutoff in anchors:
        if reference is None:
            raise EvaluationError("anchors are made of the reference; name it: --reference DIR")
        if not 0 < cutoff < 0.5 * sampling_rate:
            raise EvaluationError(
                f"an anchor of {cutoff:g} Hz: recordings of {sampling_rate} Hz end at"
                f" {sampling_rate / 2:g} Hz; a lower cut-off is expected"
            )
        names.append(f"anchor {cutoff / 1000:g} kHz")
        systems[names[-1]] = {
            clip: low_pass(samples, cutoff, sampling_rate)
            for clip, samples in audio[reference].items()
        }
    if loudness is not None:
        systems, loudness = _matched(systems, sampling_rate, loudness)
    return Stimuli(sampling_rate, systems, reference, tuple(names), loudness)


def low_pass(audio: np.ndarray, cutoff: float, sampling_rate: int) -> np.ndarray:
    """Takes the frequencies above a cut-off away: samples `(N,)`, float32, not delayed.

    A Butterworth filter, forwards and backwards: -6 dB at the cut-off. The one for 3.5 kHz takes
    45 dB away at 4 kHz and 77 dB at 4.4 kHz, where ITU-R BS.1534-3 asks for 25 dB at 4 kHz and
    50 dB at 4.5 kHz.
    """
    sections = butter(16, cutoff, fs=sampling_rate, output="sos")
    padding = min(3 * 16, max(0, len(audio) - 1))
    return sosfiltfilt(sections, audio, padlen=padding).astype(np.float32)


def with_beeps(audio: np.ndarray, count: int, sampling_rate: int) -> np.ndarray:
    """A clip with that many beeps behind it: samples `(M,)`, float32."""
    time = np.arange(round(_BEEP_SECONDS * sampling_rate)) / sampling_rate
    fade = np.minimum(1.0, np.minimum(time, time[::-1]) / 0.01)
    beep = _BEEP_PEAK * fade * np.sin(2 * np.pi * _BEEP_HZ * time)
    pause = np.zeros(round(_BEEP_PAUSE * sampling_rate))
    return np.concatenate([audio, *([pause, beep] * count), pause]).astype(np.float32)


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise EvaluationError(
            f"{folder}: no such folder; a folder of wav or flac files is expected"
        )
    found = {path.stem: path for kind in _KINDS for path in sorted(folder.glob(kind))}
    if not found:
        raise EvaluationError(f"{folder}: no wav or flac file in it")
    return found


def _matched(
    systems: Mapping[str, Clips], sampling_rate: int, loudness: float
) -> tuple[dict[str, dict[str, np.ndarray]], float]:
    levels: dict[tuple[str, str], float] = {}
    target = loudness
    for system, clips in systems.items():
        for clip, samples in clips.items():
            level = integrated_loudness(samples, sampling_rate)
            if not math.isfinite(level):
                raise EvaluationError(
                    f"{system}, {clip}: silent, so its loudness cannot be set; leave the clip out"
                    f" or keep the levels with --keep-levels"
                )
            levels[system, clip] = level
            headroom = 20.0 * math.log10(_PEAK / float(np.abs(samples).max()))
            target = min(target, level + headroom)
    if target < _QUIETEST:
        _LOG.warning(
            "the clips are set to %.1f LUFS, which is quiet, because one of them has high peaks",
            target,
        )
    matched = {
        system: {
            clip: (samples * 10.0 ** ((target - levels[system, clip]) / 20.0)).astype(np.float32)
            for clip, samples in clips.items()
        }
        for system, clips in systems.items()
    }
    return matched, target
