"""Flat-start HMM: durations of a made-up language are found, and the search is the best of all."""

import itertools

import numpy as np
import pytest

from tf_gantts.data import hmm_alignment
from tf_gantts.data.hmm_alignment import HmmOptions, align
from tf_gantts.errors import FeatureStoreError

BANDS = 24
SPACE = 9  # id of a symbol without sound


def language(count=60, seed=0, pauses=0.0):
    """Texts of eight sounds, each with its own spectrum, between spaces; durations are random.

    Half of the spaces (`pauses`) are silent frames, the others have none.
    """
    random = np.random.default_rng(seed)
    spectra = random.normal(0.0, 1.5, (SPACE + 1, BANDS))
    spectra[SPACE] = -8.0
    texts, durations, mels = [], [], []
    for _ in range(count):
        # Between two equal sounds nobody could find the boundary.
        sounds = np.cumsum(random.integers(1, SPACE, 12)) % SPACE
        text = np.insert(sounds, [3, 7, 12], SPACE)
        frames = random.integers(3, 12, len(text))
        frames[text == SPACE] *= random.uniform(size=3) < pauses
        mel = np.repeat(spectra[text], frames, axis=0)
        mels.append((mel + random.normal(0.0, 0.5, mel.shape)).astype(np.float32))
        texts.append(text)
        durations.append(frames)
    return mels, texts, durations


def boundary_errors(found, expected):
    """Frames between boundaries."""
    pairs = zip(found, expected, strict=True)
    return np.concatenate([np.abs(np.cumsum(a) - np.cumsum(b))[:-1] for a, b in pairs])


@pytest.mark.parametrize("states", [1, 2])
def test_it_finds_the_durations_of_a_language_it_does_not_know(states):
    mels, texts, durations = language()
    texts = [text[text != SPACE] for text in texts]
    durations = [frames[frames > 0] for frames in durations]
    result = align(mels, texts, options=HmmOptions(states_per_symbol=states))
    for mel, text, found in zip(mels, texts, result.durations, strict=True):
        assert found.dtype == np.int32 and found.shape == text.shape
        assert found.sum() == len(mel) and found.min() >= states
    errors = boundary_errors(result.durations, durations)
    even = [np.full(len(text), len(mel) / len(text)) for text, mel in zip(texts, mels, strict=True)]
    assert errors.mean() < 0.3 < 2.0 < boundary_errors(even, durations).mean()
    assert list(result.log_likelihood) == sorted(result.log_likelihood)
    assert result.too_short == ()


def test_pauses_are_found_where_they_are_and_left_out_where_not():
    mels, texts, durations = language(pauses=0.5)
    result = align(mels, texts, pauses=[SPACE])
    spaces = np.concatenate(texts) == SPACE
    found, expected = np.concatenate(result.durations), np.concatenate(durations)
    agree = (found[spaces] > 0) == (expected[spaces] > 0)
    assert 0.3 < (expected[spaces] > 0).mean() < 0.7
    assert agree.mean() > 0.97
    forced = align(mels, texts)  # which takes two frames from the neighbours for every space
    error, forced_error = (
        boundary_errors(found.durations, durations).mean() for found in (result, forced)
    )
    assert error < 0.1 < 0.2 < forced_error


def test_silence_at_both_ends_goes_to_the_outer_symbols():
    mels, texts, durations = language(pauses=0.5)
    texts = [text[:-1] for text in texts]
    durations = [np.append(frames[:-2], frames[-2:].sum()) for frames in durations]
    silence = np.full((6, BANDS), -8.0, np.float32)
    longer = [np.concatenate([silence, mel]) for mel in mels]
    for frames in durations:
        frames[0] += len(silence)
    result = align(longer, texts, pauses=[SPACE])
    assert boundary_errors(result.durations, durations).mean() < 0.3


def test_of_neighbouring_pauses_the_first_gets_all():
    mels, texts, _ = language(pauses=0.9)
    comma = SPACE + 1
    texts = [np.insert(text, np.flatnonzero(text == SPACE), comma) for text in texts]
    result = align(mels, texts, pauses=[SPACE, comma])
    found, symbols = np.concatenate(result.durations), np.concatenate(texts)
    assert not found[symbols == SPACE].any()
    assert (found[symbols == comma] > 0).mean() > 0.7


def test_what_is_too_short_is_reported_and_the_rest_aligned():
    mels, texts, _ = language(count=12)
    texts = [text[text != SPACE] for text in texts]
    whole = align(mels, texts)
    mels.insert(1, mels[0][: 2 * len(texts[0]) - 1])
    texts.insert(1, texts[0])
    result = align(mels, texts)
    assert result.too_short == (1,)
    assert result.durations[1].shape == (0,)
    for found, expected in zip(result.durations[2:], whole.durations[1:], strict=True):
        np.testing.assert_array_equal(found, expected)
    nothing = align([np.zeros((1, BANDS))], [np.array([1, 2])])
    assert nothing.too_short == (0,) and nothing.log_likelihood == ()
    exact = align([np.zeros((4, BANDS))], [np.array([1, 2])])
    np.testing.assert_array_equal(exact.durations[0], [2, 2])


def test_it_is_a_function_of_its_input():
    mels, texts, _ = language(count=20, pauses=0.5)
    first, second = (align(mels, texts, pauses=[SPACE]) for _ in range(2))
    assert first.log_likelihood == second.log_likelihood
    for one, other in zip(first.durations, second.durations, strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_logarithms_and_gains_change_nothing():
    mels, texts, _ = language(count=20)
    decibel = [mel * (20.0 / np.log(10.0)) - 30.0 for mel in mels]
    for one, other in zip(
        align(mels, texts).durations, align(decibel, texts).durations, strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("text", [[1, 2], [5, 1, 5, 2, 5], [1, 5, 1], [5, 5, 5]])
def test_the_path_is_the_best_of_all(text):
    count, frames = 2, 7
    chain = hmm_alignment._chains([np.array(text)], frozenset([5]), count)[0]
    states = len(chain.models)
    density = np.random.default_rng(len(text)).normal(size=(frames, chain.models.max() + 1))
    (path,), likelihood = hmm_alignment._viterbi(
        density.astype(np.float32), [chain], np.array([frames]), count
    )

    def score(states):
        return sum(density[frame, chain.models[state]] for frame, state in enumerate(states))

    def allowed(states):
        last = len(chain.models) - 1
        starts = {0, count if chain.pauses[0] else 0}
        ends = {last, last - count if chain.pauses[-1] else last}
        return (
            states[0] in starts
            and states[-1] in ends
            and all(_follows(chain, a, b, count) for a, b in itertools.pairwise(states))
        )

    best = max(
        filter(allowed, itertools.combinations_with_replacement(range(states), frames)), key=score
    )
    np.testing.assert_array_equal(path, best)
    assert likelihood == pytest.approx(score(best), rel=1e-5)


def _follows(chain, before, after, count):
    leaps = after == before + count + 1 and after % count == 0 and chain.pauses[after - 1]
    return after - before in (0, 1) or leaps


def test_broken_input_is_named():
    mel, text = np.zeros((9, BANDS)), np.array([1, 2])
    with pytest.raises(FeatureStoreError, match="2 mels and 1 texts"):
        align([mel, mel], [text])
    with pytest.raises(FeatureStoreError, match=r"utterance 1: .*\(0,\)"):
        align([mel, mel], [text, np.zeros(0, int)])
