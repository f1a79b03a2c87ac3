"""Recognisers: what they hear in real speech, and how they answer what is no speech."""

import sys
import types

import numpy as np
import pytest

from tf_gantts.audio.files import read_audio
from tf_gantts.errors import AudioError, EvaluationError
from tf_gantts.evaluation import recognition
from tf_gantts.evaluation.intelligibility import micro_average, score
from tf_gantts.evaluation.recognition import make_recognizer

RATE = 16_000


@pytest.fixture(scope="module")
def spoken(shared):
    """Eight short LJSpeech recordings and what is said in them."""
    folder = shared / "data" / "ljspeech-mini"
    lines = (folder / "metadata.csv").read_text(encoding="utf-8").splitlines()
    texts = {line.split("|")[0]: line.split("|")[2] for line in lines}
    paths = sorted((folder / "wavs").glob("*.wav"), key=lambda path: path.stat().st_size)[:8]
    return [read_audio(path) for path in paths], [texts[path.stem] for path in paths]


@pytest.fixture(scope="module")
def heard(spoken):
    pytest.importorskip("pocketsphinx")
    return make_recognizer(jobs=2).recognise(spoken[0])


def test_natural_speech_is_recognised_as_measured(heard, spoken):
    scores = score(heard, spoken[1])
    # 0.24 and 0.11 on 83 clips of the corpus; the shortest clips are harder than most.
    assert 0.05 < micro_average(scores).mean < 0.45
    assert 0.02 < micro_average(scores, "character").mean < 0.25


def test_a_text_depends_on_its_own_clip_only(heard, spoken):
    # The decoder's running cepstral mean would otherwise carry over: measured, it changed words.
    recognizer = make_recognizer(jobs=1)
    order = [1, 0]
    assert recognizer.recognise([spoken[0][n] for n in order]) == [heard[n] for n in order]


def test_rate_and_sample_type_do_not_matter(heard, spoken):
    audio, rate = spoken[0][0]
    integers = np.round(audio * 32768.0).clip(-32768, 32767).astype(np.int16)
    assert make_recognizer(jobs=1).recognise([(integers, rate)]) == heard[:1]
    doubled = np.repeat(audio, 2)  # 44.1 kHz: the images are far above 8 kHz
    there, wrong = make_recognizer(jobs=1).recognise([(doubled, 2 * rate), (doubled, rate)])
    assert score([there], heard[:1])[0].cer < 0.2
    assert score([wrong], heard[:1])[0].wer > 0.5  # half the speed


def test_silence_and_too_short_clips_have_no_text():
    pytest.importorskip("pocketsphinx")
    speech_like = np.random.default_rng(0).normal(0, 0.1, 1500).astype(np.float32)
    clips = [(np.zeros(RATE, np.float32), RATE), (speech_like, RATE), (speech_like[:1], 8000)]
    assert make_recognizer(jobs=2).recognise(clips) == ["", "", ""]
    assert make_recognizer().recognise([]) == []


@pytest.mark.parametrize(
    ("audio", "rate", "message"),
    [
        (np.zeros(0, np.float32), RATE, "clip 1: no samples"),
        (np.zeros((RATE, 2), np.float32), RATE, r"clip 1: audio of shape \(16000, 2\): one mono"),
        (np.full(RATE, np.nan, np.float32), RATE, "clip 1: 16000 of 16000 samples are not finite"),
        (np.full(RATE, 3000.0), RATE, "clip 1: a sample of 3000"),
        (np.ones(RATE, np.int32), RATE, "clip 1: samples of type int32"),
        (np.ones(RATE, np.float32), 0, "cannot resample from 0"),
    ],
)
def test_what_is_no_clip_is_an_error_with_its_number(audio, rate, message):
    pytest.importorskip("pocketsphinx")
    good = (np.zeros(RATE, np.float32), RATE)
    with pytest.raises(AudioError, match=message):
        make_recognizer().recognise([good, (audio, rate)])


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("pocketsphinx", "pocketsphinx", "asr"),
        ("faster-whisper", "faster_whisper", "whisper"),
        ("huggingface", "transformers", "huggingface"),
    ],
)
def test_a_missing_package_is_answered_with_its_pip_line(monkeypatch, name, package, extra):
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EvaluationError, match=rf'pip install "tf_gantts\[{extra}\]"'):
        make_recognizer(name)


def test_wrong_names_models_and_jobs_are_refused():
    with pytest.raises(EvaluationError, match="'kaldi' is unknown; one of pocketsphinx, faster"):
        make_recognizer("kaldi")
    pytest.importorskip("pocketsphinx")
    with pytest.raises(EvaluationError, match="has its own en-us model only"):
        make_recognizer("pocketsphinx", model="base.en")
    with pytest.raises(EvaluationError, match="jobs is 0"):
        make_recognizer("pocketsphinx", jobs=0)


def test_faster_whisper_is_given_16_khz_and_its_segments_are_joined(monkeypatch, tmp_path):
    asked = []

    class WhisperModel:
        def __init__(self, model, **options):
            asked.append(model)

        def transcribe(self, audio, **options):
            asked.append((audio.dtype, len(audio), options["language"], options["temperature"]))
            return iter(
                [types.SimpleNamespace(text=" One,"), types.SimpleNamespace(text=" two.")]
            ), None

    monkeypatch.setitem(
        sys.modules, "faster_whisper", types.SimpleNamespace(WhisperModel=WhisperModel)
    )
    recognizer = make_recognizer("faster-whisper", model=str(tmp_path))
    silence = (np.zeros(RATE, np.float32), RATE)
    tone = (np.sin(np.arange(22_050) * 0.1), 22_050)
    assert recognizer.recognise([silence, tone]) == ["", "One, two."]
    assert asked == [str(tmp_path), (np.dtype(np.float32), RATE, "en", 0.0)]
    assert recognizer.name == f"faster-whisper {tmp_path.name}"
    with pytest.raises(EvaluationError, match="no such folder"):
        make_recognizer("faster-whisper", model=str(tmp_path / "absent"))


def test_a_model_that_cannot_be_loaded_is_one_line(monkeypatch):
    def pipeline(task, model):
        raise OSError(f"{model} is not a local folder\nand more lines")

    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    monkeypatch.setitem(sys.modules, "transformers", types.SimpleNamespace(pipeline=pipeline))
    with pytest.raises(EvaluationError, match=r"'some/model' cannot be loaded \(some/model is not"):
        make_recognizer("huggingface", model="some/model")


def test_hugging_face_pipeline_is_given_16_khz(monkeypatch):
    def pipeline(task, model):
        assert task == "automatic-speech-recognition"
        return lambda clip, **options: {
            "text": f"{model} {clip['sampling_rate']} {len(clip['raw'])} {options}"
        }

    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    monkeypatch.setitem(sys.modules, "transformers", types.SimpleNamespace(pipeline=pipeline))
    recognizer = make_recognizer("huggingface", model="a/b")
    clip = (np.sin(np.arange(48_000) * 0.1), 48_000)
    long = (np.sin(np.arange(31 * RATE) * 0.1), RATE)
    assert recognizer.recognise([clip, long]) == [
        "a/b 16000 16000 {}",
        "a/b 16000 496000 {'chunk_length_s': 30}",  # Whisper takes no more at once
    ]
    assert recognizer.name == "huggingface b"


def test_a_worker_that_dies_is_answered(monkeypatch, heard, spoken):
    def broken(*arguments):
        raise recognition.BrokenProcessPool("gone")

    monkeypatch.setattr(recognition, "run_in_processes", broken)
    with pytest.raises(EvaluationError, match="a worker process died"):
        make_recognizer(jobs=2).recognise(spoken[0][:2])


def test_an_absent_package_is_named_with_how_to_install_it(monkeypatch):
    found = {"jiwer", "num2words", "torch"}
    monkeypatch.setattr(recognition.importlib.util, "find_spec", lambda p: p in found or None)
    absent = recognition.missing_packages("huggingface")
    assert str(absent) == (
        "WER and CER by huggingface: transformers is not installed; "
        'pip install "tf_gantts[huggingface]"'
    )
    found.add("transformers")
    assert recognition.missing_packages("huggingface") is None
    found.clear()
    absent = recognition.missing_packages("pocketsphinx")
    assert absent.message.startswith("pocketsphinx, jiwer, num2words are not installed")
