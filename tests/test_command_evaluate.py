"""python -m tf_gantts.evaluate on a few short recordings and a generator that knows nothing."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from tiny_run import make_run

from tf_gantts import command, evaluate
from tf_gantts.audio.files import read_audio, to_int16, write_wav
from tf_gantts.audio.mel import frame_align
from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.audio.statistics import StatisticsAccumulator
from tf_gantts.data.store import StoredUtterance, write_store
from tf_gantts.evaluation import tasks
from tf_gantts.evaluation.results import read_results

SPEC = PROFILES["parallel_wavegan"]
RATE = SPEC.sampling_rate
TEXTS = ("it is said", "...", "they were")
SPEAKERS = ("a", "a", "b")
SILENT = ("--recogniser", "none", "--naturalness", "none")


class Ears:
    """A recogniser that hears what the test says, clip after clip, the longest clip first."""

    name = "ears"

    def __init__(self, *texts):
        self._texts = list(texts)

    def recognise(self, clips):
        text = self._texts.pop(0)
        if isinstance(text, Exception):
            raise text
        return [text]


def loudness(audio):
    """A speaker encoder without an ear for speakers: two numbers that any clip has."""
    return np.array([1.0, 10.0 * float(np.sqrt(np.mean(audio**2)))])


@pytest.fixture(scope="module")
def recordings(shared) -> list[np.ndarray]:
    """Three recordings of up to 1.1 s, as long as their frames; the longest first."""
    paths = sorted((shared / "data" / "ljspeech-mini" / "wavs").glob("*.wav"))[:3]
    clips = [
        read_audio(path)[0][: int(seconds * RATE)]
        for path, seconds in zip(paths, (1.1, 1.0, 0.9), strict=True)
    ]
    return [frame_align(clip, SPEC)[0] for clip in clips]


@pytest.fixture(scope="module")
def store(recordings, tmp_path_factory):
    """Three clips in the split test: one has no transcript with words, one has another speaker."""
    statistics = StatisticsAccumulator(SPEC.num_mels)
    arrays, utterances = [], []
    for number, clip in enumerate(recordings):
        _, mel = frame_align(clip, SPEC)
        statistics.update(mel)
        arrays.append({"audio": to_int16(clip), "mel": mel})
        utterances.append(
            StoredUtterance(
                f"c{number}",
                TEXTS[number],
                SPEAKERS[number],
                "test",
                len(mel),
                len(clip),
                str(number),
            )
        )
    folder = tmp_path_factory.mktemp("features")
    write_store(
        folder,
        spec=SPEC,
        statistics=statistics.result(),
        preprocessing={},
        utterances=utterances,
        read=lambda number: arrays[number],
    )
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "tiny"
    make_run(path)
    return path


@pytest.fixture
def generated(recordings, tmp_path):
    """The recordings themselves, as files that were made elsewhere."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for number, clip in enumerate(recordings):
        write_wav(folder / f"c{number}.wav", clip, RATE)
    return folder


def call(*arguments):
    return command.run(evaluate.main, [str(argument) for argument in arguments])


def error(capsys):
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
    return line


@pytest.fixture(scope="module")
def out(run, store, tmp_path_factory):
    """An evaluation of the run, with broken forms of it."""
    folder = tmp_path_factory.mktemp("out")
    words = ("--run", run, "--features", store, "--out", folder, "--jobs", 1, *SILENT)
    encoder = f"{__name__}:loudness"
    words += ("--broken", "shuffled", "untrained", "--speaker-encoder", encoder)
    assert call(*words) == 0
    return folder


def test_every_row_has_its_numbers_and_its_waveforms(out):
    results = read_results(out)
    names = [row.source.name for row in results.rows]
    assert names == ["natural", "griffin_lim", "tiny", "tiny_shuffled", "tiny_untrained"]
    assert [clip.name for clip in results.clips] == ["c0", "c1", "c2"]
    assert [clip.text for clip in results.clips] == list(TEXTS)
    assert results.main.source.name == "tiny" and not results.failures
    for name in names:
        for clip in range(3):
            audio, rate = read_audio(results.audio_file(out, name, clip))
            assert rate == RATE
            assert len(audio) / RATE == pytest.approx(results.clips[clip].seconds)
    stages = [timing.name for timing in results.timings]
    assert stages[:2] == ["Griffin-Lim", "synthesis, tiny"] and "signal metrics" in stages
    assert all(timing.wall_seconds > 0 and timing.cpu_seconds > 0 for timing in results.timings)
    seconds = sum(clip.seconds for clip in results.clips)
    assert results.timings[stages.index("signal metrics")].audio_seconds == pytest.approx(
        5 * seconds
    )


def test_the_recordings_are_perfect_and_a_broken_network_is_not(out):
    results = read_results(out)
    perfect = {"pesq_wb": 4.64, "stoi": 1.0, "log_f0_correlation": 1.0}
    measured = [c for c in results.measured_columns() if c.name not in ("duration_error", "secs")]
    assert len(measured) >= 9
    for column in measured:
        natural = results.natural.estimates[column.name]
        ideal = perfect.get(column.name, column.ideal or 0.0)
        assert natural.mean == pytest.approx(ideal, abs=0.01)
        better = results.row("griffin_lim").estimates[column.name]
        for broken in ("tiny_shuffled", "tiny_untrained"):
            worse = results.row(broken).estimates[column.name]
            if worse.count:  # what has no voiced frame has no F0
                judged = [column.judged(one.mean) for one in (worse, better)]
                assert (judged[0] < judged[1]) == column.higher_is_better, column.name
    assert results.natural.estimates["mcd"].count == 3


def test_speakers_are_compared_with_other_recordings(out, recordings):
    results = read_results(out)
    vectors = [loudness(clip) for clip in (recordings)]  # the level does not change with the rate
    a, b = (vector / np.linalg.norm(vector) for vector in vectors[:2])
    values = results.natural.values["secs"]
    assert values[0] == pytest.approx(a @ b, abs=1e-3) and values[1] == values[0]
    assert values[2].reason == "there is no other recording of its speaker"
    assert [scale.title for scale in results.scales] == [
        "recordings, same speaker",
        "recordings, different speakers",
    ]
    assert results.scales[1].estimate.count == 3


def test_all_tables_say_the_same(out, capsys):
    results = read_results(out)
    with (out / "results.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 3 * 5
    line = next(x for x in lines if (x["clip"], x["row"]) == ("c1", "griffin_lim"))
    assert float(line["mcd"]) == results.row("griffin_lim").values["mcd"][1]
    line = next(x for x in lines if (x["clip"], x["row"]) == ("c2", "natural"))
    assert line["secs"] == "" and "secs: there is no other recording" in line["missing"]
    text = (out / "results.md").read_text()
    mcd = results.row("griffin_lim").estimates["mcd"]
    assert f"{mcd.mean:.2f} [{mcd.low:.2f}, {mcd.high:.2f}]" in text
    assert "| | Recording | Griffin-Lim | MelGAN | MelGAN, shuffled | MelGAN, untrained |" in (
        text.replace("|  |", "| |")
    )


def test_the_page_has_a_player_for_what_is_heard(out):
    page = (out / "report.html").read_text()
    assert page.count("<audio ") == 3 * 3  # clips and rows; broken networks are not heard
    assert "generator_params" in page and "MelGAN, shuffled" in page


def test_an_evaluation_equals_itself(out, tmp_path):
    assert call("--compare", out, out, "--out", tmp_path) == 0
    found = json.loads((tmp_path / "comparison.json").read_text())
    assert len(found["differences"]) >= 10
    for one in found["differences"]:
        estimate = one["difference"]
        assert (estimate["mean"], estimate["low"], estimate["high"]) == (0.0, 0.0, 0.0)
        assert one["p"] in (1.0, None)
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "comparison.svg").read_bytes()[:1000]


def test_rows_are_compared_with_the_right_sign(out, tmp_path):
    assert call("--compare", f"{out}:griffin_lim", f"{out}:natural", "--out", tmp_path) == 0
    found = json.loads((tmp_path / "comparison.json").read_text())
    results = read_results(out)
    signs = {}
    for one in found["differences"]:
        name = one["column"]["name"]
        signs[name] = np.sign(one["difference"]["mean"])
        judged = results.column(name).judged
        natural, other = (
            np.mean([judged(value) for value in results.row(row).values[name]])
            for row in ("natural", "griffin_lim")
        )
        if one["difference"]["count"] == 3:
            assert one["difference"]["mean"] == pytest.approx(natural - other)
    assert signs["mcd"] == -1 and signs["stoi"] == 1 and signs["spectral_detail"] == -1
    assert "| STOI ↑ |" in (tmp_path / "comparison.md").read_text()


def test_what_is_heard_is_counted(store, generated, tmp_path, monkeypatch, capsys):
    # c0 and c2 have words: of the recordings and of what was generated, the longest clip first.
    ears = Ears("It is set.", "it is", "noise", "noise", "they were", "")
    monkeypatch.setattr(tasks, "recogniser", lambda name, model: ears)
    words = ("--generated", generated, "--features", store, "--out", tmp_path / "out", "--jobs", 1)
    assert call(*words, "--naturalness", "none", "--no-griffin-lim") == 0
    results = read_results(tmp_path / "out")
    natural, other = results.natural, results.row("elsewhere")
    assert results.recogniser == "ears"
    assert natural.texts == ("It is set.", "noise", "they were")
    assert other.texts == ("it is", "noise", "")
    assert natural.values["wer"][0] == pytest.approx(1 / 3)
    assert natural.values["wer"][1].reason == "its transcript has no words"
    assert natural.estimates["wer"].mean == pytest.approx(1 / 5)
    assert natural.estimates["wer"].count == 2
    assert other.values["wer"][2] == 1.0  # nothing heard: both words are lost
    assert other.estimates["wer"].mean == pytest.approx(3 / 5)
    assert other.ratios["wer"].mean == pytest.approx(3.0)
    assert results.weights["wer"] == (3.0, 0.0, 2.0)
    assert natural.ratios == {}
    assert other.estimates["mcd"].mean == 0.0 and other.estimates["stoi"].mean == pytest.approx(1)
    text = capsys.readouterr().out
    assert "| WER, times that of the recordings | 1 | 3.00" in text
    assert "Recording: WER, CER of c1: its transcript has no words" in text


def test_a_bad_clip_is_named_and_loses_no_other(store, generated, tmp_path, capsys):
    torn = generated / "c1.wav"
    torn.write_bytes(torn.read_bytes()[:-3000])
    soundfile.write(generated / "c2.wav", np.full(RATE, np.nan, np.float32), RATE, "FLOAT")
    words = ("--generated", generated, "--features", store, "--out", tmp_path / "out", "--jobs", 1)
    assert call(*words, *SILENT) == command.EXIT_BAD_INPUT
    message = error(capsys)
    assert "elsewhere, c1" in message and str(torn) in message and "and 1 more" in message
    results = read_results(tmp_path / "out")
    assert [(one.row, one.clip) for one in results.failures] == [
        ("elsewhere", "c1"),
        ("elsewhere", "c2"),
    ]
    assert "not finite" in results.failures[1].message
    row = results.row("elsewhere")
    assert row.estimates["stoi"].count == 1 and row.values["stoi"][0] == pytest.approx(1.0)
    assert row.values["stoi"][1].reason == results.failures[0].message
    assert results.row("griffin_lim").estimates["stoi"].count == 3
    assert not results.audio_file(tmp_path / "out", "elsewhere", 1).exists()


def test_foreign_audio_is_brought_to_the_recordings(store, recordings, generated, tmp_path, caplog):
    """Stereo, another rate, another length, silence, too short: numbers or reasons."""
    audio, _ = read_audio(generated / "c0.wav", 44100)
    soundfile.write(generated / "c0.wav", np.stack([audio, audio], 1), 44100)
    write_wav(generated / "c1.wav", np.pad(recordings[1], (RATE // 4, 0)), RATE)
    write_wav(generated / "c2.wav", np.zeros_like(recordings[2]), RATE)
    words = ("--generated", generated, "--features", store, "--out", tmp_path / "out", "--jobs", 1)
    assert call(*words, *SILENT, "--no-griffin-lim") == 0
    assert "waveforms of 44100 Hz were converted to 22050 Hz" in caplog.text
    row = read_results(tmp_path / "out").row("elsewhere")
    assert row.values["stoi"][0] > 0.999 and row.values["mcd"][0] < 0.5
    assert "differs by more than 50 ms" in row.values["mcd"][1].reason
    assert row.values["mcd_dtw"][1] < 4 and row.values["log_f0_correlation"][1] > 0.99
    assert row.values["duration_error"][1] == pytest.approx(250, abs=0.1)
    assert row.values["pesq_wb"][2].reason == "the generated clip is digital silence"
    assert row.values["stoi"][2] == 0.0

    write_wav(generated / "c2.wav", recordings[2][:500], RATE)
    assert call(*words, *SILENT, "--no-griffin-lim") == 0
    row = read_results(tmp_path / "out").row("elsewhere")
    assert row.values["duration_error"][2] > 800
    assert np.isnan(row.values["stoi"][2])


def test_mels_that_were_made_elsewhere_are_compared(store, recordings, tmp_path, capsys):
    folder = tmp_path / "mels"
    folder.mkdir()
    mels = [frame_align(clip, SPEC)[1] for clip in recordings]
    np.save(folder / "c0.npy", mels[0] + np.float32(0.5))
    np.save(folder / "c1.npy", mels[1][:-1])
    words = ("--generated", folder, "--features", store, "--out", tmp_path / "out", "--jobs", 1)
    assert call(*words, *SILENT, "--no-griffin-lim") == command.EXIT_BAD_INPUT
    assert "mels, c1: mel-spectrograms of shapes" in error(capsys)
    results = read_results(tmp_path / "out")
    row = results.row("mels")
    assert row.values["mel_mse"][0] == pytest.approx(0.25)
    assert row.values["mel_mae"][0] == pytest.approx(0.5)
    assert "of the same shape" in row.values["mel_mae"][1].reason
    assert row.values["mel_mae"][2].reason == "no mel-spectrogram is given"
    assert row.values["stoi"][0].reason == "there are mel-spectrograms only"
    assert results.natural.estimates["stoi"].count == 3
    assert [one.clip for one in results.failures] == ["c1"]


def test_wrong_requests_are_refused_in_one_line(run, store, out, generated, tmp_path, capsys):
    where = ("--features", store, "--out", tmp_path / "out", "--jobs", 1, *SILENT)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert call("--generated", empty, *where) == command.EXIT_BAD_INPUT
    assert "no file is named as a clip, such as c0.wav" in error(capsys)
    assert call("--run", empty, *where) == command.EXIT_BAD_INPUT
    assert str(empty) in error(capsys)
    assert call("--run", run, *where, "--split", "valid") == command.EXIT_BAD_INPUT
    assert "split valid is empty" in error(capsys)
    assert call("--compare", out, empty, "--out", tmp_path / "x") == command.EXIT_BAD_INPUT
    assert "results.json: no such file" in error(capsys)
    assert call("--compare", out, f"{out}:x", "--out", tmp_path / "x") == command.EXIT_BAD_INPUT
    assert "row 'x' is not in these results" in error(capsys)
    for words in (("--run", run), ("--features", store), ("--run", run, *where, "--clips", "0")):
        with pytest.raises(SystemExit):
            call(*words, "--out", tmp_path / "out")


def test_a_stale_waveform_is_not_judged(store, generated, tmp_path, capsys):
    words = ("--generated", generated, "--features", store, "--out", tmp_path / "out", "--jobs", 1)
    assert call(*words, *SILENT, "--no-griffin-lim") == 0
    (generated / "c0.wav").unlink()
    assert call(*words, *SILENT, "--no-griffin-lim") == command.EXIT_BAD_INPUT
    assert "c0.wav: no such file" in error(capsys)
    row = read_results(tmp_path / "out").row("elsewhere")
    assert [np.isnan(value) for value in row.values["mcd"]] == [True, False, False]


def test_several_processes_find_the_same(store, generated, tmp_path):
    words = ("--generated", generated, "--features", store, *SILENT, "--no-griffin-lim")
    words += ("--clips", 1)
    for jobs in (1, 2):
        assert call(*words, "--out", tmp_path / str(jobs), "--jobs", jobs) == 0
    one, two = (read_results(tmp_path / jobs) for jobs in ("1", "2"))
    assert repr(one.rows) == repr(two.rows)


def test_what_the_processes_need_does_not_import_tensorflow():
    program = (
        "import sys; import tf_gantts.evaluate, tf_gantts.evaluation.tasks, tf_gantts.serving.rows;"
        "print(sorted({'tensorflow', 'keras', 'torch', 'transformers'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
