"""Speech of several pieces of text in one, with pauses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf_gantts.errors import AudioError

FADE = 0.005  # seconds; long enough for no click, too short to hear


def join_speech(
    clips: Sequence[np.ndarray], pauses: Sequence[float], sampling_rate: int
) -> np.ndarray:
    """Puts clips one after the other, with silence between them.

    Where a clip meets silence it fades over 5 ms, so that there is no click. The beginning of the
    first clip and the end of the last stay as they are.

    Args:
        clips: Mono speech, each float32 `(N_i,)`.
        pauses: Silence after each clip in seconds; the last is not used.
        sampling_rate: Hz.

    Returns:
        float32 `(N,)`; empty if there are no clips.

    Raises:
        AudioError: If there is not one pause to each clip, or one is negative.
    """
    if len(clips) != len(pauses) or any(pause < 0 for pause in pauses):
        raise AudioError(
            f"{len(clips)} clips and pauses {list(pauses)}; one pause of 0 seconds or more to each "
            f"clip is expected"
        )
    parts = []
    for place, (clip, pause) in enumerate(zip(clips, pauses, strict=True)):
        first, last = place == 0, place == len(clips) - 1
        parts.append(_faded(clip, not first, not last, sampling_rate))
        if not last:
            parts.append(np.zeros(round(pause * sampling_rate), np.float32))
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _faded(clip: np.ndarray, begins: bool, ends: bool, sampling_rate: int) -> np.ndarray:
    clip = np.array(clip, np.float32)
    length = min(round(FADE * sampling_rate), len(clip) // 2)
    rise = np.linspace(0.0, 1.0, length, endpoint=False, dtype=np.float32)
    if begins and length:
        clip[:length] *= rise
    if ends and length:
        clip[-length:] *= rise[::-1]
    return clip
