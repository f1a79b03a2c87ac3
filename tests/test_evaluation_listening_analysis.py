"""Analysis of answers whose truth is known."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from tf_gantts.errors import EvaluationError
from tf_gantts.evaluation.listening.analysis import analyse, two_way_interval
from tf_gantts.evaluation.listening.answers import read_answers
from tf_gantts.evaluation.listening.design import Key, design_test
from tf_gantts.evaluation.listening.stimuli import Stimuli
from tf_gantts.evaluation.listening.tables import to_markdown

RATE = 8000
CLIPS = tuple(f"c{number}" for number in range(8))
# What everybody thinks of the systems: in MOS and MUSHRA grades.
TRUTH = {
    "mos": {"natural": 4.5, "good": 4.0, "bad": 2.0},
    "mushra": {"natural": 97, "good": 80, "bad": 30},
    "ab": {"natural": 5, "good": 4, "bad": 1},
}


def _key(mode: str, seed: int = 0) -> Key:
    rng = np.random.default_rng(1)
    audio = {
        name: {clip: rng.normal(0, 0.1, RATE // 100).astype(np.float32) for clip in CLIPS}
        for name in ("natural", "good", "bad")
    }
    stimuli = Stimuli(RATE, audio, "natural")
    return design_test(mode, stimuli, repeats=4, checks=2, seed=seed).key


def _grades(mode, trial, rng, noise) -> dict:
    truth = {sound: TRUTH[mode][system] for sound, system in trial.sounds.items()}
    if mode == "ab":
        if trial.target:
            return {"preferred": trial.target}
        felt = {sound: value + noise * rng.normal() for sound, value in truth.items()}
        first, second = felt.values()
        return {"preferred": "none" if abs(first - second) < 0.2 else max(felt, key=felt.get)}
    if trial.target and mode == "mos":
        return {trial.target: trial.beeps}
    if trial.target:
        return {sound: 0 if sound == trial.target else 100 for sound in truth}
    low, high = (1, 5) if mode == "mos" else (0, 100)
    return {
        sound: int(np.clip(round(value + noise * rng.normal()), low, high))
        for sound, value in truth.items()
    }


def _write(folder: Path, key: Key, name: str, change=None, noise=0.5, seed=0) -> Path:
    """Answers of a listener; `change(trial, answer)` makes him a bad one."""
    rng = np.random.default_rng(seed)
    trials = []
    for position, trial in enumerate(key.trials):
        answer = {
            "trial": trial.id,
            "position": position,
            "seconds": 3 * trial.seconds + 1,
            "order": list(rng.permutation(list(trial.sounds))),
            "ratings": _grades(key.mode, trial, rng, noise),
        }
        if change:
            change(trial, answer)
        trials.append(answer)
    values = {
        "format": "tf_gantts listening test",
        "version": 1,
        "fingerprint": key.fingerprint,
        "key": key.seal(),
        "listener": name,
        "headphones": True,
        "trials": trials,
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(values))
    return path


def test_means_are_the_true_ones_and_the_bad_listener_is_left_out(tmp_path):
    key = _key("mos")

    def asleep(trial, answer):
        answer["ratings"] = dict.fromkeys(answer["ratings"], 3)

    paths = [_write(tmp_path, key, f"good{n}", seed=n) for n in range(6)]
    paths.append(_write(tmp_path, key, "asleep", asleep))
    found = analyse(*read_answers(paths))
    (left_out,) = (one for one in found.screenings if one.reasons)
    assert left_out.listener == "asleep"
    assert "failed" in left_out.reasons[0] and "same answer in 100%" in left_out.reasons[1]
    for system, truth in TRUTH["mos"].items():
        estimate = found.screened.systems[system]
        assert estimate.mean == pytest.approx(truth, abs=0.2)
        assert estimate.low < estimate.mean < estimate.high and estimate.count == 6 * 8
    everybody = found.everybody.systems["bad"].mean
    assert everybody == pytest.approx((6 * found.screened.systems["bad"].mean + 3) / 7)


def test_preferences_are_counted_by_hand(tmp_path):
    key = _key("ab")
    clip = {trial.id: trial.clip for trial in key.trials}

    def undecided(trial, answer):
        pair = {system: sound for sound, system in trial.sounds.items()}
        if trial.kind == "test" and set(pair) == {"good", "bad"}:
            number = CLIPS.index(clip[trial.id])
            answer["ratings"]["preferred"] = (
                pair["bad"] if number == 0 else "none" if number < 3 else pair["good"]
            )

    paths = [_write(tmp_path, key, f"l{n}", undecided, noise=0, seed=n) for n in range(2)]
    table = analyse(*read_answers(paths)).screened
    (pair,) = (one for one in table.pairs if {one.first, one.second} == {"good", "bad"})
    assert (pair.prefer_first, pair.no_difference, pair.prefer_second) == (5 / 8, 2 / 8, 1 / 8)
    assert pair.estimate.mean == 6 / 8
    assert table.systems["natural"].mean == 1.0  # preferred to both, always
    assert table.systems["good"].mean == (0 + 6 / 8) / 2


@pytest.mark.parametrize(("mode", "reason"), [("mushra", "ITU-R BS.1534"), ("mos", "repeated")])
def test_each_rule_finds_its_listener(tmp_path, mode, reason):
    key = _key(mode)

    def careless(trial, answer):
        if mode == "mushra" and trial.kind == "test" and trial.clip in CLIPS[:2]:
            for sound, system in trial.sounds.items():
                if system == "natural":
                    answer["ratings"][sound] = 85  # in 2 of 8 trials: more than 15 %
        if mode == "mos" and trial.kind == "repeat":
            answer["ratings"] = {
                s: 5 if grade <= 3 else 1 for s, grade in answer["ratings"].items()
            }

    def once(trial, answer):
        if mode == "mushra" and trial.kind == "test" and trial.clip == CLIPS[0]:
            answer["ratings"] |= {s: 85 for s, name in trial.sounds.items() if name == "natural"}

    def fast(trial, answer):
        answer["seconds"] = 0.5 * trial.seconds

    paths = [
        _write(tmp_path, key, "careless", careless),
        _write(tmp_path, key, "once", once),
        _write(tmp_path, key, "fast", fast),
    ]
    first, second, third = analyse(*read_answers(paths)).screenings
    assert len(first.reasons) == 1 and reason in first.reasons[0]
    assert second.reasons == ()
    assert third.reasons == ("took less time than the clips last in 100% of the trials",)


def test_one_side_only_is_no_opinion_but_no_difference_is(tmp_path):
    key = _key("ab")

    def left(trial, answer):
        if not trial.target:
            answer["ratings"]["preferred"] = answer["order"][0]

    def same(trial, answer):
        if not trial.target:
            answer["ratings"]["preferred"] = "none"

    paths = [_write(tmp_path, key, "left", left), _write(tmp_path, key, "same", same)]
    one, other = analyse(*read_answers(paths)).screenings
    assert any("same answer" in reason for reason in one.reasons) and other.reasons == ()


def test_the_interval_is_the_t_interval_of_the_model():
    # Two listeners, three clips, by hand: MS_L = 6, MS_C = 3.5, MS_E = 0.5; variance 9 / 6.
    cells = np.asarray([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]])
    rows, columns = cells.mean(1), cells.mean(0)
    squares = [
        3 * ((rows - 3) ** 2).sum() / 1,
        2 * ((columns - 3) ** 2).sum() / 2,
        ((cells - rows[:, None] - columns + 3) ** 2).sum() / 2,
    ]
    assert squares == [6.0, 4.5, 0.5]
    freedom = 10**2 / (6**2 / 1 + 4.5**2 / 2 + 0.5**2 / 2)
    from scipy.stats import t

    half = t.ppf(0.975, freedom) * np.sqrt(10 / 6)
    found = two_way_interval(cells)
    assert (found.mean, found.count) == (3.0, 6)
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half))
    clipped = two_way_interval(cells, scale=(1, 5))
    assert (clipped.low, clipped.high) == (1, 5)


@pytest.mark.parametrize("spread", [(0.6, 0.4, 0.7), (0.0, 0.0, 0.7), (0.6, 0.0, 0.3)])
def test_intervals_hold_the_truth_as_often_as_they_say(spread):
    rng = np.random.default_rng(0)
    held = []
    for _ in range(1000):
        listener, clip, rest = (
            s * rng.normal(size=n) for s, n in zip(spread, ((5, 1), 12, (5, 12)), strict=True)
        )
        found = two_way_interval(3 + listener + clip + rest)
        held.append(found.low <= 3 <= found.high)
    assert 0.93 <= np.mean(held) <= 0.995


def test_bad_files_are_answered_in_one_line(tmp_path):
    key = _key("mos")
    good = _write(tmp_path, key, "good")
    values = json.loads(good.read_text())

    def changed(**what) -> Path:
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(values | what))
        return path

    def graded(grade) -> list:
        first = values["trials"][0]
        return [first | {"ratings": dict.fromkeys(first["ratings"], grade)}, *values["trials"][1:]]

    cases = {
        changed: None,
        "format": changed(format="x").read_text(),
        "version 7, 1 is expected": changed(version=7).read_text(),
        "fingerprint": changed(fingerprint="0" * 16).read_text(),
        "key of the test is damaged": changed(key="eJw=").read_text(),
        "no listener": changed(listener="").read_text(),
        r"35 of 36|of \d+ trials": changed(trials=values["trials"][:-1]).read_text(),
        "answered twice": changed(trials=values["trials"][:1] + values["trials"]).read_text(),
        "grade 6, beyond 1 to 5": changed(trials=graded(6)).read_text(),
        "grade '3'": changed(trials=graded("3")).read_text(),
        "grade nan": changed(trials=graded(float("nan"))).read_text(),
        "not the answers": "[]",
        "Expecting value": "nothing",
    }
    cases.pop(changed)
    for message, text in cases.items():
        path = tmp_path / "bad.json"
        path.write_text(text)
        with pytest.raises(EvaluationError, match=message) as caught:
            read_answers([path])
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(EvaluationError, match="no such file"):
        read_answers([tmp_path / "absent.json"])
    with pytest.raises(EvaluationError, match="'good' has answered"):
        read_answers([good, changed()])
    with pytest.raises(EvaluationError, match="another page"):
        read_answers([good, _write(tmp_path, _key("mos", seed=1), "other")])


def test_the_command_writes_both_tables(tmp_path, capsys):
    path = Path(__file__).resolve().parent.parent / "tools" / "listening_test.py"
    spec = importlib.util.spec_from_file_location("listening_test", path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    key = _key("mushra")
    paths = [str(_write(tmp_path, key, f"l{n}", noise=1, seed=n)) for n in range(3)]
    tool.main(["--analyse", *paths, "--out", str(tmp_path / "out")])
    markdown = (tmp_path / "out" / "listening.md").read_text()
    assert (
        capsys.readouterr().out
        == markdown
        == to_markdown(analyse(*read_answers([Path(one) for one in paths])))
    )
    assert "| natural (hidden reference) | 9" in markdown
    values = json.loads((tmp_path / "out" / "listening.json").read_text())
    assert values["screened"]["systems"]["bad"]["mean"] == pytest.approx(30, abs=1)
    assert values["all"]["listeners"] == 3
