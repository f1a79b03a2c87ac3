"""The report page: complete in itself, and the numbers on it are the results."""

import base64
import dataclasses
import io
import platform
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from chromium import Chromium

from tf_gantts.audio.files import read_audio, write_wav
from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.evaluation import machine
from tf_gantts.evaluation.bootstrap import bootstrap_mean
from tf_gantts.evaluation.curves import Curve
from tf_gantts.evaluation.f0 import COLUMNS as F0_COLUMNS
from tf_gantts.evaluation.log_mel import COLUMNS as MEL_COLUMNS
from tf_gantts.evaluation.machine import machine_facts
from tf_gantts.evaluation.metric import Column
from tf_gantts.evaluation.missing import Missing
from tf_gantts.evaluation.report import Report, Stage, Training, render, write_report
from tf_gantts.evaluation.report_scores import worst_column, worst_first
from tf_gantts.evaluation.results import (
    Clip,
    Failure,
    Results,
    Row,
    Scale,
    Source,
    Timing,
    audio_file,
)
from tf_gantts.evaluation.training_charts import PHASES, phase_marks
from tf_gantts.evaluation.transcript import align_words, marked_transcript
from tf_gantts.evaluation.unavailable import Unavailable

SPEC = PROFILES["parallel_wavegan"]
_VOID = {"meta", "img", "line", "circle", "polyline", "br", "link"}
COLUMNS = (MEL_COLUMNS[0], Column("wer", "WER", "", "word error rate"), F0_COLUMNS[0])


class _Page(HTMLParser):
    """Collects tags and checks that they are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def of(self, tag: str) -> list[dict]:
        return [attrs for name, attrs in self.tags if name == tag]


def _parse(html: str) -> _Page:
    page = _Page()
    page.feed(html)
    page.close()
    assert page.open == []
    return page


@pytest.fixture(scope="module")
def report(shared, tmp_path_factory) -> Report:
    """Three clips of speech; the middle one is the worst, the last one failed in a row."""
    folder = tmp_path_factory.mktemp("evaluation")
    speech, _ = read_audio(sorted((shared / "data/ljspeech-mini/wavs").glob("*.wav"))[0])
    clips = tuple(
        Clip(f"clip-{n}", "tea & <biscuits>" if n == 1 else "", "LJ", 0.8) for n in range(3)
    )
    for row in ("natural", "half", "unheard"):
        (folder / "audio" / row).mkdir(parents=True)
    for number, clip in enumerate(clips):
        audio = speech[17640 * number : 17640 * (number + 1)]
        for name, gain in (("natural", 1.0), ("half", 0.5), ("unheard", 0.2)):
            if (name, number) != ("half", 2):
                write_wav(audio_file(folder, name, clip.name), gain * audio, SPEC.sampling_rate)
    numbers = {
        "natural": ((0.0, 0.0, 0.0), (0.5, 0.25, 0.0), (0.0, 0.0, 0.0)),
        "unheard": ((9.0, 9.0, 9.0), (1.0, 1.0, 1.0), (Missing("no F0"),) * 3),
        "half": ((6.02, 7.5, Missing("cut short")), (0.5, 0.75, 0.0), (0.1, 0.2, 0.1)),
    }
    sources = (
        Source("natural", "Recording", "itself"),
        Source("unheard", "Unheard", "note", heard=False),
        Source("half", "Half as loud", "A note.", main=True),
    )
    rows = []
    for source in sources:
        values = dict(zip((c.name for c in COLUMNS), numbers[source.name], strict=True))
        rows.append(
            Row(
                source,
                values,
                {name: bootstrap_mean(column) for name, column in values.items()},
                {} if source.name == "natural" else {"wer": bootstrap_mean([2.0, 2.5])},
                ("", "t <b> biscuits" if source.name == "half" else "tea and biscuits", None),
            )
        )
    results = Results(
        mel_spec=SPEC,
        clips=clips,
        columns=COLUMNS,
        rows=tuple(rows),
        scales=(Scale("wer", "a human", bootstrap_mean([0.04, 0.04])),),
        unavailable=(Unavailable("utmos", "install <it>"),),
        failures=(Failure("half", "clip-2", "cut short"),),
        timings=(Timing("signal metrics", 10.0, 1.0, 2.0),),
        recogniser="ears",
        facts={"Date": "today"},
    )
    return Report(
        title="A <title>",
        results=results,
        folder=folder,
        trainings=[
            Training(
                "half",
                "vocoder_gan",
                {
                    "train/mel_spectrogram_loss": Curve([1, 2, 3], [3.0, 2.0, 1.0]),
                    "train/phase": Curve([1, 2, 3], [0.0, 0.0, 1.0]),
                },
                "batch_size: 8\n# <comment>\n",
            )
        ],
        stages=[Stage("train", 61.4, "python -m train --set a='<b>'", "stopped")],
        heard_clips=3,
    )


@pytest.fixture(scope="module")
def html(report) -> str:
    return render(report)


def test_nothing_is_loaded_from_anywhere(html):
    page = _parse(html)
    assert not page.of("script") and not page.of("iframe")
    for _, attrs in page.tags:
        for name in ("src", "href", "data", "poster", "srcset"):
            assert attrs.get(name, "data:").startswith("data:")
    assert "@import" not in html and "url(" not in html


def test_a_browser_finds_every_player_and_plot_and_plays_none(report, tmp_path):
    path = write_report(tmp_path / "report.html", report)
    browser = Chromium(tmp_path)
    try:
        browser.open(path)
        players = browser.evaluate(
            "Promise.all([...document.querySelectorAll('audio')].map(async a => {"
            "  if (a.readyState < 1) await new Promise(done => a.onloadedmetadata = done);"
            "  return [a.duration, a.paused, a.currentTime, a.played.length, a.error]; }))"
        )
        pictures = browser.evaluate(
            "[...document.images].map(i => [i.complete, i.naturalWidth, i.naturalHeight])"
        )
        plots = browser.evaluate(
            "[...document.querySelectorAll('svg')].map(s => [s.getBBox().width, s.getBBox().height,"
            " s.querySelectorAll('polyline').length])"
        )
        wide = browser.evaluate("document.documentElement.scrollWidth > innerWidth")
    finally:
        browser.close()
    assert len(players) == 5  # three clips, two heard rows; one waveform is not there
    for seconds, *rest in players:
        assert seconds == pytest.approx(0.8, abs=0.01) and rest == [True, 0, 0, None]
    assert len(pictures) == 5 + 1 and all(done and w and h for done, w, h in pictures)
    assert len(plots) >= 1 + 2 and all(w > 100 and h > 50 and lines for w, h, lines in plots)
    assert not wide
    assert browser.problems == [] and browser.requests == [path.as_uri()]


def test_the_worst_clip_comes_first_and_is_called_so(report, html):
    column = worst_column(report.results)
    assert column.name == "log_mel_l1"
    assert worst_first(report.results, column) == [2, 1, 0]  # the failed one before all
    higher = dataclasses.replace(column, higher_is_better=True)
    assert worst_first(report.results, higher) == [2, 0, 1]
    assert re.findall(r"<h3>(clip-\d)", html) == ["clip-2", "clip-1", "clip-0"]
    assert "All 3 clips, by Log-mel L1 of Half as loud, the worst first" in html
    assert "Log-mel L1 of Half as loud: 7.50 dB" in html
    fewer = render(dataclasses.replace(report, heard_clips=1))
    assert "The 1 worst of 3 clips" in fewer and fewer.count("<audio") == 1


def test_what_few_clips_have_does_not_say_which_are_the_worst(report):
    few, cer = (1.0, *(Missing("own timing"),) * 2), (0.2, 0.1, 0.3)
    columns = (*COLUMNS, dataclasses.replace(COLUMNS[0], name="cer", title="CER"))
    rows = []
    for row in report.results.rows:
        values = {**row.values, "log_mel_l1": few, "cer": cer}
        estimates = {name: bootstrap_mean(column) for name, column in values.items()}
        rows.append(dataclasses.replace(row, values=values, estimates=estimates))
    results = dataclasses.replace(report.results, columns=columns, rows=tuple(rows))
    column = worst_column(results)
    assert column.name == "cer"
    assert worst_first(results, column) == [2, 0, 1]


def test_every_heard_clip_has_its_sound(report, html):
    sounds = [attrs["src"] for attrs in _parse(html).of("audio")]
    found = {}
    for uri in sounds:
        data = base64.b64decode(uri.removeprefix("data:audio/wav;base64,"))
        audio, rate = soundfile.read(io.BytesIO(data), dtype="int16")
        assert rate == SPEC.sampling_rate
        found[audio.tobytes()] = True
    for path in report.folder.rglob("*.wav"):
        audio, _ = soundfile.read(path, dtype="int16")
        assert (audio.tobytes() in found) == ("unheard" not in str(path))


def test_pictures_share_one_colour_scale(html):
    from matplotlib.image import imread

    page = _parse(html)
    pictures = [attrs for attrs in page.of("img") if attrs.get("class") == "spectrogram"]
    means = []
    for attrs in pictures[1:3]:  # clip-1: the recording and half of it
        data = base64.b64decode(attrs["src"].partition(",")[2])
        means.append(imread(io.BytesIO(data), format="png")[..., :3].mean())
    assert means[1] < means[0] - 0.01  # half the level is darker


def test_the_table_holds_the_results(html):
    rows = re.findall(r"<tr[^>]*><th scope=\"row\">(.*?)</th>(.*?)</tr>", html)
    cells = {name: re.findall(r"<td>(-|-?[\d.]+)", row) for name, row in rows[:3]}
    assert list(cells) == ["Recording", "Unheard", "Half as loud"]  # natural first
    assert cells["Recording"] == ["0.00", "0.250", "1", "0.000"]
    assert cells["Unheard"] == ["9.00", "1.000", "2.25", "-"]
    assert cells["Half as loud"] == ["6.76", "0.417", "2.25", "0.133"]
    assert "2 of 3 clips" in html and "95 %" in html and "Lower is nearer" in html
    assert "utmos: install &lt;it&gt;" in html
    assert "WER of a human: 0.040" in html
    assert html.count('title="cut short"') == 1 and html.count('title="no F0"') == 3
    assert "half, clip-2: cut short" in html and "Unheard, Log-F0 RMSE: no F0" in html
    assert "signal metrics" in html and "<td>720</td>" in html


def test_what_was_misheard_is_marked(html):
    assert '<mark title="said: tea">t</mark> <mark title="said: and">b</mark> biscuits' in html
    assert "tea and biscuits</dd>" in html
    assert align_words(["a", "b", "c"], ["a", "x", "c", "e"]) == [
        ("right", "a", "a"),
        ("wrong", "b", "x"),
        ("right", "c", "c"),
        ("extra", "", "e"),
    ]
    assert marked_transcript("One, two.", "two") == "<del>one</del> two"
    jiwer = pytest.importorskip("jiwer")
    rng = np.random.default_rng(0)
    for _ in range(30):
        said, heard = (list(rng.choice(list("abcd"), rng.integers(1, 9))) for _ in range(2))
        errors = sum(kind != "right" for kind, _, _ in align_words(said, heard))
        assert errors == round(jiwer.wer(" ".join(said), " ".join(heard)) * len(said))


def test_text_is_escaped(html):
    assert "tea &amp; &lt;biscuits&gt;" in html
    assert "A &lt;title&gt;" in html and "&lt;comment&gt;" in html
    assert "<biscuits>" not in html and "<comment>" not in html and "<b>" not in html


def test_commands_and_charts_are_there(html):
    text = "".join(_parse(html).text)
    assert "python -m train --set a='<b>'" in text and "61 s" in text and "stopped" in text
    assert "adversarial from here" in text and "Distance of log-mels" in text


def test_several_trainings_have_a_heading_each_and_the_charts_of_their_system(report):
    acoustic = {
        "train/duration_loss": Curve([1, 2, 3], [3.0, 2.0, 1.0]),
        "train/phase": Curve([1, 2, 3], [0.0, 1.0, 2.0]),
    }
    trainings = [*report.trainings, Training("speech", "gan_tts", acoustic, "system: gan_tts\n")]
    page = render(dataclasses.replace(report, trainings=trainings))
    text = "".join(_parse(page).text)
    assert "<h3>half</h3>" in page and "<h3>speech</h3>" in page
    assert "Hyper-parameters of half" in text and "Hyper-parameters of speech" in text
    assert text.index("Distance of log-mels") < text.index("Durations")
    assert "discriminator warm up from here" in text
    assert "<h3>half</h3>" not in render(report)


def test_phases_are_marked_where_they_begin():
    from tf_gantts.systems.gan_tts import GANTTS
    from tf_gantts.systems.vocoder_gan import VocoderGAN

    assert PHASES == {"vocoder_gan": VocoderGAN.PHASES, "gan_tts": GANTTS.PHASES}
    curves = {"train/phase": Curve([50, 100, 150, 200], [0.0, 0.0, 1.0, 1.0])}
    assert phase_marks(curves, PHASES["vocoder_gan"]) == {100: "adversarial from here"}
    assert phase_marks({}, PHASES["vocoder_gan"]) == {}


def test_the_total_counts_stages_at_the_same_time_once(report):
    stages = [
        Stage("features", 10.0, "a", start=100.0),
        Stage("acoustic", 30.0, "b", start=111.0),
        Stage("vocoder", 50.0, "c", start=111.0),
        Stage("acoustic", 15.0, "d", start=141.0),
        Stage("report", 3.0, "e", start=900.0),
    ]
    page = render(dataclasses.replace(report, stages=stages))
    assert '<td>total</td><td class="number">63 s</td>' in page


def test_alignments_and_usage_are_shown(report, tmp_path):
    (tmp_path / "clip-1_attention.png").write_bytes(b"\x89PNG a picture")
    usage = {"In <any> process:": "speak(text)  # <audio>"}
    page = render(dataclasses.replace(report, alignments=tmp_path, usage=usage))
    (picture,) = [one for one in _parse(page).of("img") if one.get("class") == "alignment"]
    assert picture["alt"] == "alignment of clip-1"
    assert base64.b64decode(picture["src"].partition(",")[2]) == b"\x89PNG a picture"
    text = "".join(_parse(page).text)
    assert "Use it" in text and "In <any> process:" in text and "speak(text)  # <audio>" in text


def test_a_page_without_a_run_or_sounds_is_still_a_page(report, tmp_path):
    bare = Report("Bare", report.results, tmp_path)
    page = _parse(render(bare))
    assert not page.of("audio") and not page.of("svg")
    assert "Half as loud" in "".join(page.text)


def test_the_file_is_written_whole(report, html, tmp_path):
    path = tmp_path / "new" / "report.html"
    assert write_report(path, report) == path
    assert path.read_text() == html
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]


def test_machine_facts_name_versions_and_no_person():
    import getpass
    import socket

    facts = machine_facts()
    assert {"Date", "Processor", "Memory", "System", "Packages"} <= set(facts)
    assert re.search(r"tensorflow \d+\.\d+", facts["Packages"])
    joined = " ".join(facts.values())
    assert socket.gethostname() not in joined
    if getpass.getuser() != "root":
        assert getpass.getuser() not in joined


def test_the_processor_is_told_with_family_and_model(monkeypatch, tmp_path):
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(machine, "_CPU_INFO", path)
    assert machine.processor() == (platform.processor() or platform.machine())
    core = "processor\t: {}\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n\n"
    path.write_text(core.format(0) + core.format(1))
    assert machine.processor() == "AMD EPYC (family 25, model 17)"
    path.write_text("processor\t: 0\nmodel name\t: ARMv8\n")
    assert machine.processor() == "ARMv8"


def test_the_page_needs_neither_tensorflow_nor_a_system():
    import subprocess
    import sys

    code = (
        "import sys; import tf_gantts.evaluation.report, tf_gantts.evaluation.machine;"
        "bad = [m for m in sys.modules if m.split('.')[0] == 'tensorflow'"
        " or m.startswith(('tf_gantts.training', 'tf_gantts.systems', 'tf_gantts.serving'))];"
        "sys.exit(str(bad) if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
