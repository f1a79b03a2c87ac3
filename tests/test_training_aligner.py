"""The forward-sum aligner learns a made-up language by itself."""

import numpy as np

from tf_gantts.training.aligner import ForwardSumOptions, align


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


def test_it_finds_durations_and_leaves_out_what_is_too_short():
    mels, texts, durations = language(48)
    mels.insert(1, mels[0][:7])
    texts.insert(1, texts[0])
    found = align(mels, texts, ForwardSumOptions(steps=60, batch_size=8, prior_steps=30))
    assert found.pop(1).shape == (0,)
    for frames, expected in zip(found, durations, strict=True):
        assert frames.sum() == expected.sum() and frames.min() >= 1
    errors = [
        np.abs(np.cumsum(a) - np.cumsum(b))[:-1] for a, b in zip(found, durations, strict=True)
    ]
    even = [np.abs(np.arange(1, 8) * d.sum() / 8 - np.cumsum(d)[:-1]) for d in durations]
    assert np.mean(errors) < 0.5 < 2.0 < np.mean(even)
