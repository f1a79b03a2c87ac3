"""Pitch and energy of symbols whose F0, loudness and durations are known."""

import math

import numpy as np
import pytest
from tones import tone

from tf_gantts.audio.files import to_int16
from tf_gantts.audio.mel import frame_align
from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.audio.statistics import StatisticsAccumulator
from tf_gantts.data.added_tracks import add_rows
from tf_gantts.data.store import StoredUtterance, open_store, write_store
from tf_gantts.errors import FeatureStoreError
from tf_gantts.training.variance_tracks import UNITS, VARIANCES, add_variances

SPEC = PROFILES["parallel_wavegan"]
# Symbols of an utterance: tone, its end, a pause, the next one's beginning, tone, not spoken.
DURATIONS = np.array([20, 4, 12, 4, 20, 0], np.int32)
LOW, PAUSE, HIGH, UNSPOKEN = 0, 2, 4, 5
TONES = {"a": (110.0, 220.0), "b": (180.0, 150.0), "faint": (110.0, 220.0)}


def speech(name: str) -> np.ndarray:
    """Two tones with digital silence between, 60 frames; "hiss" has noise instead."""
    if name == "hiss":
        return np.random.default_rng(0).normal(0.0, 0.05, 60 * SPEC.hop_size)
    low, high = (tone(f, 22050)[: 22 * SPEC.hop_size] for f in TONES[name])
    gain = 0.5 if name == "faint" else 1.0
    return gain * np.concatenate([low, np.zeros(16 * SPEC.hop_size), high])


def make_store(directory, splits: dict[str, str], aligned: list[str]):
    """A store of these utterances, some of them with durations."""
    statistics, rows, utterances = StatisticsAccumulator(SPEC.num_mels), [], []
    for name, split in splits.items():
        samples = to_int16(speech(name).astype(np.float32))
        _, mel = frame_align(samples.astype(np.float32) / 32768.0, SPEC)
        statistics.update(mel)
        rows.append({"audio": samples, "mel": mel})
        utterances.append(StoredUtterance(name, "x", "s", split, len(mel), len(samples), name))
    write_store(
        directory,
        spec=SPEC,
        statistics=statistics.result(),
        preprocessing={},
        utterances=utterances,
        read=lambda place: rows[place],
    )
    if aligned:
        align(directory, aligned, DURATIONS)
    return directory


def align(directory, names: list[str], durations: np.ndarray, aligner: str = "known") -> None:
    with open_store(directory) as store:
        places = [place for place, u in enumerate(store.utterances) if u.id in names]
        rows = {place: {"durations": durations} for place in places}
        add_rows(store, "alignment", rows, {"aligner": aligner})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    splits = {"a": "train", "b": "train", "faint": "valid", "hiss": "train"}
    made = make_store(tmp_path_factory.mktemp("tones"), splits, ["a", "b", "faint"])
    calls = []
    add_variances(made, lambda: calls.append(1))
    assert len(calls) == len(splits)
    return made


def read(folder) -> tuple[dict[str, dict[str, np.ndarray]], dict]:
    with open_store(folder) as store:
        values = {
            u.id: {name: store.read(place, name) for name in VARIANCES}
            for place, u in enumerate(store.utterances)
        }
        return values, store.descriptions["pitch"]


def test_pitch_is_the_f0_of_the_symbol(folder) -> None:
    values, description = read(folder)
    mean, std = description["pitch"]["mean"], description["pitch"]["std"]
    for name, (low, high) in TONES.items():
        pitch = values[name]["pitch"]
        assert pitch.dtype == np.float32 and pitch.shape == DURATIONS.shape
        found = np.exp(pitch[[LOW, HIGH]] * std + mean)
        assert found == pytest.approx([low, high], rel=5e-3)
        assert not pitch[[PAUSE, UNSPOKEN]].any()


def test_values_are_normalised_over_the_training_split(folder) -> None:
    values, _ = read(folder)
    pitch, energy = (np.concatenate([values[n][v] for n in "ab"]) for v in VARIANCES)
    for kept in (pitch[pitch != 0.0], energy[np.tile(DURATIONS > 0, 2)]):
        assert kept.mean() == pytest.approx(0.0, abs=1e-5)
        assert kept.std() == pytest.approx(1.0, abs=1e-5)


def test_energy_is_the_logarithm_of_the_amplitude(folder) -> None:
    values, description = read(folder)
    loud, faint = (values[name]["energy"] * description["energy"]["std"] for name in ("a", "faint"))
    assert (loud - faint)[[LOW, HIGH]] == pytest.approx(math.log(2.0), abs=1e-2)
    assert values["a"]["pitch"] == pytest.approx(values["faint"]["pitch"], abs=1e-2)
    assert loud[PAUSE] - loud[LOW] == pytest.approx(math.log(1e-3), abs=0.2)  # digital silence
    assert values["a"]["energy"][UNSPOKEN] == 0.0


def test_an_octave_is_a_shift_of_twelve_semitones(folder) -> None:
    values, description = read(folder)
    pitch = values["a"]["pitch"]
    octave = 12.0 * UNITS["pitch"] / description["pitch"]["std"]
    assert pitch[HIGH] - pitch[LOW] == pytest.approx(octave, rel=1e-2)


def test_an_utterance_without_durations_has_no_rows(folder) -> None:
    values, _ = read(folder)
    assert all(values["hiss"][name].shape == (0,) for name in VARIANCES)


def test_what_is_there_is_made_again_only_for_new_durations(tmp_path) -> None:
    folder = make_store(tmp_path / "store", {"a": "train", "b": "train"}, ["a", "b"])
    add_variances(folder)
    index = (folder / "index.json").read_bytes()
    add_variances(folder)
    assert (folder / "index.json").read_bytes() == index
    align(folder, ["a", "b"], np.array([22, 38], np.int32), "other")
    add_variances(folder)
    values, _ = read(folder)
    assert [values[name]["pitch"].shape for name in "ab"] == [(2,), (2,)]


def test_stores_without_what_is_needed_are_refused(tmp_path) -> None:
    unaligned = make_store(tmp_path / "unaligned", {"a": "train"}, [])
    with pytest.raises(FeatureStoreError, match="no track 'durations'"):
        add_variances(unaligned)
    voiceless = make_store(tmp_path / "hiss", {"hiss": "train", "a": "valid"}, ["hiss", "a"])
    with pytest.raises(FeatureStoreError, match="no symbol of the split train has a pitch"):
        add_variances(voiceless)
