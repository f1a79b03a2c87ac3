"""The judges of an evaluation: what they put into the table, and what a bad clip does to it."""

import numpy as np
import pytest
from test_processes import die_of_two

from tf_gantts.audio.files import write_wav
from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.errors import AudioError, EvaluationError
from tf_gantts.evaluation import judges, recognition, tasks
from tf_gantts.evaluation.results import Bootstrap, Clip, Source
from tf_gantts.evaluation.speaker_similarity import NO_ENCODER
from tf_gantts.evaluation.table import Table
from tf_gantts.evaluation.unavailable import Unavailable

SPEC = PROFILES["parallel_wavegan"]
RATE = SPEC.sampling_rate


@pytest.fixture
def table(tmp_path) -> Table:
    """Three clips of half a second of noise, twice."""
    clips = [Clip(name, f"word {name}", "a", 0.5) for name in ("x", "y", "z")]
    sources = [Source("natural", "Recording"), Source("copy", "Copy", main=True)]
    table = Table(tmp_path, SPEC, clips, sources, Bootstrap(resamples=100))
    rng = np.random.default_rng(0)
    for clip in range(3):
        noise = rng.normal(0.0, 0.1, RATE // 2)
        for source in sources:
            path = table.path(source.name, clip)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_wav(path, noise, RATE)
    return table


class Opinion:
    """A predictor of mean opinion scores that cannot stand the second clip."""

    name = "opinion"
    titles = {"opinion": "Opinion", "doubt": "Doubt"}

    def __init__(self):
        self.calls = 0

    def predict(self, audio, sampling_rate):
        assert len(audio) == RATE // 2 and sampling_rate == RATE
        self.calls += 1
        if self.calls == 2:
            raise RuntimeError("no idea\nat all")
        return {"opinion": float(self.calls), "doubt": float("nan")}


def test_an_item_that_kills_its_process_loses_no_other():
    found = dict(judges.each("numbers", die_of_two, [1, 2, 3], jobs=2))
    assert found == {0: 10, 1: None, 2: 30}


def test_a_predictor_fills_its_columns(table, monkeypatch):
    absent = Unavailable("nisqa", "install it")
    predictors = {"dnsmos": Opinion(), "nisqa": absent}
    monkeypatch.setattr(judges, "load_predictor", predictors.__getitem__)
    judges.measure_naturalness(table, ["dnsmos", "nisqa"])
    results = table.results({})
    assert [column.name for column in results.columns] == ["opinion", "doubt"]
    values = results.natural.values["opinion"]
    assert (values[0], values[2]) == (1.0, 3.0)
    assert values[1].reason == "RuntimeError: no idea at all"
    assert results.natural.values["doubt"][0].reason == "it is not defined for this clip"
    assert results.row("copy").values["opinion"] == (4.0, 5.0, 6.0)
    assert results.unavailable == (absent,)
    assert [str(one) for one in results.failures] == ["natural, y: RuntimeError: no idea at all"]
    assert [column.name for column in results.measured_columns()] == ["opinion"]


def test_without_a_package_there_is_no_error_rate(table, monkeypatch):
    absent = Unavailable("WER and CER by pocketsphinx", "install it")
    monkeypatch.setattr(recognition, "missing_packages", lambda name: absent)
    judges.check_recogniser("pocketsphinx", None)
    judges.measure_error_rates(table, "pocketsphinx", None, jobs=1)
    results = table.results({})
    assert results.unavailable == (absent,) and results.recogniser is None
    assert results.natural.estimates["wer"].count == 0 and results.measured_columns() == ()


def test_a_wrong_model_is_an_error_before_any_work():
    with pytest.raises(EvaluationError, match="it has its own en-us model only"):
        judges.check_recogniser("pocketsphinx", "/nowhere")


def test_a_recogniser_that_fails_on_a_clip_is_noted(table, monkeypatch):
    pytest.importorskip("jiwer")
    heard = iter(["word x", AudioError("deaf"), "word z", "word", "", "word z z"])

    class Ears:
        name = "ears"

        def recognise(self, clips):
            text = next(heard)
            if isinstance(text, Exception):
                raise text
            return [text]

    monkeypatch.setattr(tasks, "recogniser", lambda name, model: Ears())
    judges.measure_error_rates(table, "pocketsphinx", None, jobs=1)
    results = table.results({})
    assert results.natural.texts == ("word x", None, "word z")
    assert results.natural.values["wer"][1].reason == "deaf"
    assert results.natural.estimates["wer"].count == 2
    copy = results.row("copy")
    assert copy.values["wer"] == (0.5, 1.0, 0.5)
    assert copy.estimates["wer"].mean == pytest.approx(4 / 6)
    # The recordings have no error, so there is no ratio to theirs.
    assert np.isnan(copy.ratios["wer"].mean) and copy.ratios["wer"].count == 2
    assert results.weights["cer"] == (6.0, 6.0, 6.0)


def test_a_silent_waveform_has_no_numbers_but_a_reason(table):
    table.path("copy", 1).unlink()
    table.lack("copy", 1, "lost")
    judges.measure_signal(table, [], jobs=1)
    judges.measure_speakers(table, NO_ENCODER)
    results = table.results({"seed": "0"})
    copy = results.row("copy")
    assert [value == 0.0 for value in copy.values["log_mel_l1"]] == [True, False, True]
    assert copy.values["log_mel_l1"][1].reason == "lost"
    assert results.natural.estimates["log_mel_l1"].count == 3
    assert [str(one) for one in results.failures] == ["copy, y: lost"]
    assert results.unavailable[0].name == "secs" and results.facts == {"seed": "0"}
    (timing,) = results.timings
    assert timing.audio_seconds == 5 * 0.5
