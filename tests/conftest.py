"""Fixtures for the whole suite."""

import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_ROOT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """The same weights in every run of a test; seeded before its fixtures, its module's too."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with the reference tensors and the recordings."""
    path = Path(os.environ.get("TF_GANTTS_SHARED", _ROOT.parent / "shared"))
    if not (path / "reference").is_dir():
        reason = f"no reference data at {path} (set TF_GANTTS_SHARED)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def small_store(shared, tmp_path_factory) -> Path:
    """A feature store of eight short LJSpeech recordings, in ParallelWaveGAN's mel definition."""
    return _write_recordings(shared, tmp_path_factory.mktemp("features"), with_text=False)


@pytest.fixture(scope="session")
def spoken_store(shared, tmp_path_factory) -> Path:
    """The same recordings with what they say, for acoustic models."""
    return _write_recordings(shared, tmp_path_factory.mktemp("spoken"), with_text=True)


def _write_recordings(shared: Path, directory: Path, with_text: bool) -> Path:
    from tf_gantts.audio.files import read_audio, to_int16
    from tf_gantts.audio.mel import frame_align
    from tf_gantts.audio.mel_spec import PROFILES
    from tf_gantts.audio.statistics import StatisticsAccumulator
    from tf_gantts.data.store import StoredUtterance, write_store

    corpus = shared / "data" / "ljspeech-mini"
    spec = PROFILES["parallel_wavegan"]
    statistics = StatisticsAccumulator(spec.num_mels)
    recordings = sorted((corpus / "wavs").glob("*.wav"))
    recordings = sorted(recordings, key=lambda path: path.stat().st_size)[:8]
    lines = (corpus / "metadata.csv").read_text(encoding="utf-8").splitlines()
    texts = {line.split("|")[0]: line.split("|")[2] for line in lines if with_text}
    utterances, arrays = [], []
    for number, path in enumerate(recordings):
        audio, _ = read_audio(path)
        audio, mel = frame_align(audio, spec)
        arrays.append({"audio": to_int16(audio), "mel": mel})
        split = {0: "valid", 1: "test"}.get(number, "train")
        if split == "train":
            statistics.update(mel)
        text, length = texts.get(path.stem, ""), (len(mel), len(audio))
        utterances.append(StoredUtterance(path.stem, text, "LJ", split, *length, path.stem))
    write_store(
        directory,
        spec=spec,
        statistics=statistics.result(),
        preprocessing={},
        utterances=utterances,
        read=lambda number: arrays[number],
    )
    return directory
