"""The forward-sum aligner learns a made-up language by itself."""

import numpy as np

from tf_gantts.training.aligner import ForwardSumOptions, align

SPACE = 7  # id of a symbol without sound


def language(count):
    """Texts of six sounds, each with its own spectrum, and random durations."""
    random = np.random.default_rng(0)
    spectra = random.normal(0.0, 1.5, (6, 24))
    texts = [np.cumsum(random.integers(1, 6, 8)) % 6 for _ in range(count)]
    durations = [random.integers(3, 12, 8) for _ in range(count)]
    mels = [
        np.repeat(spectra[text], frames, axis=0) + random.normal(0.0, 0.3, (frames.sum(), 24))
        for text, frames in zip(texts, durations, strict=True)
    ]
    return mels, texts, durations


def test_it_finds_durations_and_leaves_out_what_it_should():
    mels, texts, durations = language(48)
    silence = np.full((5, 24), -8.0)
    mels = [np.concatenate([silence, mel]) for mel in mels]
    mels.insert(1, mels[0][:15])
    texts.insert(1, texts[0])
    spaced = [np.insert(text, [3, 8], SPACE) for text in texts]
    options = ForwardSumOptions(steps=60, batch_size=8, prior_steps=30)
    found = align(mels, spaced, options, left_out=[SPACE])
    assert found.pop(1).shape == (0,)
    assert all(frames.shape == (10,) and not frames[[3, 9]].any() for frames in found)
    found = [np.delete(frames, [3, 9]) for frames in found]
    durations = [np.append(frames[0] + 5, frames[1:]) for frames in durations]
    assert all(frames.min() >= 2 for frames in found)
    for frames, expected in zip(found, durations, strict=True):
        assert frames.sum() == expected.sum()
    errors = [
        np.abs(np.cumsum(a) - np.cumsum(b))[:-1] for a, b in zip(found, durations, strict=True)
    ]
    even = [np.abs(np.arange(1, 8) * d.sum() / 8 - np.cumsum(d)[:-1]) for d in durations]
    assert np.mean(errors) < 0.5 < 2.0 < np.mean(even)
