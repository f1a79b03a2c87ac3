"""Scores of speech with its own timing: the same words later have the same intonation."""

import numpy as np
import pytest

from tf_gantts.audio.files import read_audio
from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.evaluation import scores, warped
from tf_gantts.evaluation.missing import Missing

SPEC = PROFILES["parallel_wavegan"]
RATE = SPEC.sampling_rate


@pytest.fixture(scope="module")
def recording(shared) -> np.ndarray:
    """The shortest recording, up to 2 s."""
    paths = (shared / "data" / "ljspeech-mini" / "wavs").glob("*.wav")
    audio, _ = read_audio(min(paths, key=lambda path: path.stat().st_size))
    return audio[: 2 * RATE]


def test_50_ms_are_no_other_timing():
    few, many = int(0.049 * RATE), int(0.051 * RATE)
    for length in (RATE - few, RATE + few):
        assert not warped.has_own_timing(RATE, length, RATE)
    for length in (RATE - many, RATE + many):
        assert warped.has_own_timing(RATE, length, RATE)


def test_a_clip_that_is_as_long_by_chance_has_its_own_timing_too():
    natural = [RATE] * 4
    spoken = [RATE // 2, RATE, 2 * RATE, RATE + 5000]
    assert warped.clips_with_own_timing(natural, spoken, RATE) == [True] * 4
    vocoded = [RATE + 300, RATE, 2 * RATE, RATE + 300]  # one went wrong
    assert warped.clips_with_own_timing(natural, vocoded, RATE) == [False, False, True, False]
    assert warped.clips_with_own_timing([], [], RATE) == []


def test_identical_clips_keep_their_numbers(recording):
    result = warped.score(recording, recording, SPEC)
    plain = scores.score(recording, recording, SPEC)
    assert list(result) == list(plain)
    measured = ["mcd_dtw", "log_f0_rmse", "log_f0_correlation", "vuv_error", "variance_ratio"]
    measured += ["spectral_detail", "temporal_detail", "duration_error"]
    assert [name for name in result if not isinstance(result[name], Missing)] == measured
    assert [result[name] for name in measured] == [plain[name] for name in measured]


def test_a_later_beginning_and_a_longer_pause_do_not_spoil_f0(recording):
    quiet = np.zeros(RATE // 4, np.float32)
    middle = len(recording) // 2
    later = np.concatenate([quiet, recording[:middle], quiet, recording[middle:]])
    result = warped.score(recording, later, SPEC)
    plain = scores.score(recording, later, SPEC)
    assert plain["log_f0_correlation"] < 0.8 and plain["vuv_error"] > 20
    assert result["log_f0_correlation"] > 0.99 and result["vuv_error"] < 2
    assert result["mcd_dtw"] == plain["mcd_dtw"] < plain["mcd"] / 2
    assert result["duration_error"] == pytest.approx(500, abs=0.1)
    assert result["stoi"].reason == (
        "its length, or that of most clips of its row, differs by more than 50 ms from the"
        " recording's, so frames have no counterpart"
    )
