"""The listening page in a real browser: what it asks, what it waits for, what it saves."""

import json

import numpy as np
import pytest
from chromium import Chromium

from tf_gantts.audio.files import read_audio
from tf_gantts.audio.loudness import integrated_loudness
from tf_gantts.errors import EvaluationError
from tf_gantts.evaluation.listening.answers import read_answers
from tf_gantts.evaluation.listening.design import design_test, open_key
from tf_gantts.evaluation.listening.page import render, write_page
from tf_gantts.evaluation.listening.screening import screen
from tf_gantts.evaluation.listening.stimuli import (
    choose_clips,
    low_pass,
    prepare_stimuli,
    read_folders,
    with_beeps,
)

RATE = 22050
# Sounds are short and played quickly; `current` is the screen of the page's script.
_FASTER = """
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () { this.playbackRate = 8; return play.call(this); };
document.querySelector("[name=listener]").value = "Eva";
document.querySelector("form .next").click();
"""
_LISTEN = """(async () => {
  for (const player of current.players) {
    while (!player.heard) {
      if (player.audio.paused) player.button.click();
      await new Promise(done => setTimeout(done, 10));
    }
  }
})()"""


@pytest.fixture(scope="module")
def speech(shared) -> np.ndarray:
    recordings = (shared / "data" / "ljspeech-mini" / "wavs").glob("*.wav")
    audio, rate = read_audio(sorted(recordings)[0])
    assert rate == RATE
    return audio


@pytest.fixture(scope="module")
def stimuli(speech):
    half = RATE * 6 // 10
    natural = {f"clip{i}": speech[i * half : (i + 1) * half] for i in range(3)}
    noise = np.random.default_rng(0).normal(0, 0.02, half).astype(np.float32)
    noisy = {name: audio + noise for name, audio in natural.items()}
    return prepare_stimuli({"natural": natural, "noisy": noisy}, RATE, "natural", [3500.0])


@pytest.fixture
def browser(tmp_path):
    browser = Chromium(tmp_path)
    yield browser
    browser.close()


def test_a_whole_test_is_answered_and_read_back(stimuli, browser, tmp_path):
    test = design_test("mushra", stimuli, repeats=1)
    write_page(tmp_path / "page.html", test)
    browser.open(tmp_path / "page.html")
    browser.download_to(tmp_path)
    browser.evaluate(_FASTER)
    assert browser.evaluate("current.next.disabled")
    trials = {trial.id: trial for trial in test.key.trials}
    truth = {"natural": 97, "noisy": 60, "anchor 3.5 kHz": 20}
    order = []
    while name := browser.evaluate("current && current.trial.id"):
        order.append(name)
        trial = trials[name]
        grades = {sound: truth[system] for sound, system in trial.sounds.items()}
        if trial.kind == "attention":
            grades = {sound: 0 if sound == trial.target else 100 for sound in trial.sounds}
        browser.evaluate(_LISTEN)
        # All heard, nothing graded: neither the button nor the key goes on.
        browser.press("Enter")
        assert browser.evaluate("current.next.disabled && current.trial.id") == name
        for sound, grade in grades.items():
            browser.evaluate(
                f"{{ const at = current.sounds.indexOf('{sound}');"
                "const s = main.querySelectorAll('input')[at];"
                f"s.value = {grade}; s.dispatchEvent(new Event('input')); }}"
            )
        browser.press("Enter")
    assert trials[order[0]].kind == "practice" and sorted(order) == sorted(trials)
    repeat = next(trial for trial in test.key.trials if trial.kind == "repeat")
    assert order.index(repeat.original) < order.index(repeat.id)
    browser.evaluate("document.getElementById('save').click()")
    path = tmp_path / f"answers-{test.key.fingerprint}-Eva.json"
    for _ in range(500):
        if path.is_file() and path.stat().st_size:
            break
        browser.evaluate("new Promise(done => setTimeout(done, 10))")
    key, (listener,) = read_answers([path])
    assert key == test.key and listener.name == "Eva" and not listener.headphones
    assert [answer.trial.id for answer in listener.answers] == order
    assert screen(key, listener).failed_checks == 0
    for answer in listener.of_kind("test"):
        assert {answer.trial.sounds[s]: g for s, g in answer.ratings.items()} == truth
    assert (browser.problems, len(browser.requests)) == ([], 1)


@pytest.mark.parametrize(("mode", "key", "expected"), [("mos", "4", 4), ("ab", "3", "second")])
def test_the_keyboard_is_enough(stimuli, browser, tmp_path, mode, key, expected):
    write_page(tmp_path / "page.html", design_test(mode, stimuli))
    browser.open(tmp_path / "page.html")
    browser.evaluate(_FASTER)
    browser.press(key)
    browser.press("Enter")
    assert browser.evaluate("place") == 0  # graded, but not heard
    for letter in "A" if mode == "mos" else "AB":
        browser.press(letter)
        browser.evaluate(
            f"new Promise(done => {{ const one = current.judged[LETTERS.indexOf('{letter}')].audio;"
            "if (one.ended) done(); else one.addEventListener('ended', done); })"
        )
    browser.press("Enter")
    assert browser.evaluate("place") == 1
    answer = browser.evaluate("answers.trials[0]")
    given = answer["ratings"].get("preferred", answer["ratings"].get(answer["order"][0]))
    assert given == (answer["order"][1] if expected == "second" else expected)
    assert all(count == 1 for count in answer["plays"].values())
    assert browser.problems == []


def test_the_order_is_the_listeners_own_and_can_be_had_again(stimuli, browser, tmp_path):
    write_page(tmp_path / "page.html", design_test("ab", stimuli))
    browser.open(tmp_path / "page.html")
    order = "ordered(test.trials, draws(test.fingerprint + '/%s')).map(trial => trial.id)"
    eva, adam = browser.evaluate(order % "Eva"), browser.evaluate(order % "Adam")
    assert eva == browser.evaluate(order % "Eva") != adam
    assert sorted(eva) == sorted(adam)


def test_the_page_does_not_tell_whose_a_sound_is(stimuli):
    test = design_test("mos", stimuli, title="Which?")
    html = render(test)
    for word in ("noisy", "anchor", "natural'", 'natural"', "clip0", "attention"):
        assert word not in html.partition('id="test">')[2].partition("</script>")[0]
    assert html == render(design_test("mos", stimuli, title="Which?"))
    other = design_test("mos", stimuli, title="Which?", seed=1)
    assert other.key.fingerprint != test.key.fingerprint
    assert open_key(test.key.seal()) == test.key
    for name in ("http:", "https:", "@import", "url("):
        assert name not in html


def test_hidden_and_open_reference_have_ids_of_their_own(stimuli):
    test = design_test("mushra", stimuli)
    for trial in test.key.trials:
        assert trial.open_reference not in trial.sounds
        if trial.kind == "test":
            (hidden,) = (one for one, system in trial.sounds.items() if system == "natural")
            assert test.sounds[hidden] == test.sounds[trial.open_reference]


def test_all_sounds_have_one_loudness_and_anchors_lose_their_treble(speech):
    clips = {"natural": {"a": speech[:RATE]}, "quiet": {"a": 0.05 * speech[:RATE]}}
    made = prepare_stimuli(clips, RATE, "natural", [3500.0])
    levels = [integrated_loudness(one["a"], RATE) for one in made.audio.values()]
    np.testing.assert_allclose(levels, made.loudness, atol=0.01)
    assert all(np.abs(one["a"]).max() < 0.9 for one in made.audio.values())
    kept = prepare_stimuli(clips, RATE, loudness=None)
    np.testing.assert_array_equal(kept.audio["quiet"]["a"], clips["quiet"]["a"])
    time = np.arange(RATE) / RATE
    for hz, low, high in ((3000, 0.98, 1.01), (4000, 0.0, 0.06)):  # ITU-R BS.1534: 25 dB at 4 kHz
        tone = np.sin(2 * np.pi * hz * time)
        gain = np.std(low_pass(tone, 3500, RATE)[2000:-2000]) / np.std(tone)
        assert low <= gain <= high


def test_beeps_can_be_counted():
    heard = with_beeps(np.zeros(1000, np.float32), 3, RATE)
    loud = np.convolve(np.abs(heard), np.ones(400), "same") > 1
    assert np.count_nonzero(np.diff(loud.astype(int)) == 1) == 3


def test_what_cannot_be_asked_is_refused(stimuli, tmp_path, speech):
    from tf_gantts.audio.files import write_wav

    alone = prepare_stimuli({"a": stimuli.audio["noisy"]}, RATE)
    with pytest.raises(EvaluationError, match="--reference"):
        design_test("mushra", alone)
    with pytest.raises(EvaluationError, match="two systems"):
        design_test("ab", alone)
    with pytest.raises(EvaluationError, match="no system to judge"):
        design_test("mos", prepare_stimuli({"n": stimuli.audio["noisy"]}, RATE, "n"))
    with pytest.raises(EvaluationError, match="11025 Hz"):
        prepare_stimuli({"n": stimuli.audio["noisy"]}, RATE, "n", [12000.0])
    with pytest.raises(EvaluationError, match="a, x: silent"):
        prepare_stimuli({"a": {"x": np.zeros(RATE, np.float32)}}, RATE)
    with pytest.raises(EvaluationError, match="no clip is between"):
        choose_clips(stimuli.audio, RATE, 0.55, None, 0)
    for folder, name, rate in (("a", "x", 16000), ("b", "x", RATE), ("c", "y", RATE)):
        (tmp_path / folder).mkdir()
        write_wav(tmp_path / folder / f"{name}.wav", speech[:RATE], rate)
    one, two, three = (tmp_path / name for name in "abc")
    with pytest.raises(EvaluationError, match=r"16000 Hz.*22050 Hz; .*--sampling-rate"):
        read_folders({"one": one, "two": two})
    audio, rate = read_folders({"one": one, "two": two}, 16000)
    assert rate == 16000 and abs(len(audio["two"]["x"]) - 16000) <= 1
    with pytest.raises(EvaluationError, match="no recording has the same name"):
        read_folders({"one": one, "three": three})
    with pytest.raises(EvaluationError, match="no such folder"):
        read_folders({"one": tmp_path / "d"})


def test_clips_are_drawn_with_a_seed(stimuli):
    drawn = choose_clips(stimuli.audio, RATE, 12.0, 2, seed=3)
    assert len(drawn["noisy"]) == 2 and list(drawn["noisy"]) == list(drawn["natural"])
    assert list(choose_clips(stimuli.audio, RATE, 12.0, 2, seed=3)["noisy"]) == list(drawn["noisy"])


def test_text_of_the_page_is_escaped(stimuli):
    html = render(design_test("mos", stimuli, title="A </script><b>", question="</script>?"))
    assert html.count("</script>") == 2 and "<b>" not in html
    json.loads(html.partition('id="test">')[2].partition("</script>")[0])
