"""Durations of symbols by a hidden Markov model that starts flat: no labels, no other program.

Every symbol is a chain of Gaussian states; a text is the chain of its symbols. All frames of an
utterance are first shared out evenly, then models and paths are estimated in turns (Viterbi
training, Juang and Rabiner 1990). Flat start: Young et al., "The HTK book", section 8.3.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection, Sequence

import numpy as np
from scipy.fft import dct

from tf_gantts.errors import FeatureStoreError

_LOG = logging.getLogger(__name__)

_BATCH = 128  # utterances that go through the frames together
_IMPOSSIBLE = np.float32(-1e30)
_QUIETEST = 0.05  # share of the frames that the model of a pause starts from


@dataclasses.dataclass(frozen=True)
class HmmOptions:
    """Settings of the aligner; the defaults are those of the project's own measurements.

    Attributes:
        states_per_symbol: States of every symbol, and so the least frames it can have. 2 suit
            phonemes and frames of 10 to 16 ms, 1 suits letters, of which some have no sound.
        passes: How often paths and models are estimated.
        coefficients: Cosine coefficients of the log-mel; as many differences over time are added.
        variance_floor: Least variance of a model, as a share of the corpus'.
        pseudo_count: Frames of the corpus' variance that every model has seen beforehand.
    """

    states_per_symbol: int = 2
    passes: int = 12
    coefficients: int = 20
    variance_floor: float = 0.05
    pseudo_count: float = 3.0


@dataclasses.dataclass(frozen=True)
class HmmAlignment:
    """Durations of a corpus.

    Attributes:
        durations: Frames of each symbol, int32 (N,) per utterance with the utterance's frames as
            sum; empty (0,) for an utterance that is too short.
        log_likelihood: Mean over all aligned frames, in nats, after each pass.
        too_short: Utterances with fewer frames than states, which have no alignment.
    """

    durations: list[np.ndarray]
    log_likelihood: tuple[float, ...]
    too_short: tuple[int, ...]


def align(
    mels: Sequence[np.ndarray],
    symbols: Sequence[np.ndarray],
    pauses: Collection[int] = (),
    options: HmmOptions | None = None,
) -> HmmAlignment:
    """Aligns the symbols of a corpus with its frames.

    The same input gives the same durations. A thousand frames take 15 to 50 ms of one core: time
    grows with the frames times the symbols of an utterance.

    Args:
        mels: Log-mel `(T, n_mels)` of each utterance, any logarithm, not normalised.
        symbols: Ids `(N,)` of each.
        pauses: Ids of symbols that may have no sound at all: spaces and punctuation. They share one
            model, of silence, and get no frame where the speaker made no pause; of several in a row
            the first gets all. Silence before the first symbol and after the last one is counted to
            them. Every other symbol gets `states_per_symbol` frames or more.
        options: Settings.

    Returns:
        Durations of every utterance.

    Raises:
        FeatureStoreError: If the input is not one mel and one text each, or a text is empty.
    """
    options = options or HmmOptions()
    _check(mels, symbols)
    chains = _chains(symbols, frozenset(pauses), options.states_per_symbol)
    lengths = np.asarray([len(mel) for mel in mels], np.int64)
    long_enough = lengths >= [chain.least_frames for chain in chains]
    kept = np.flatnonzero(long_enough).tolist()
    too_short = tuple(np.flatnonzero(~long_enough).tolist())
    durations = [np.zeros(0, np.int32) for _ in mels]
    if not kept:
        return HmmAlignment(durations, (), too_short)
    corpus = _Corpus([mels[place] for place in kept], [chains[place] for place in kept], options)
    gaussians, likelihoods = corpus.flat_start(), []
    for _ in range(options.passes):
        paths, likelihood = corpus.viterbi(gaussians)
        gaussians = corpus.estimate(paths)
        likelihoods.append(likelihood)
        _LOG.debug("log-likelihood %.3f per frame", likelihood)
    for place, found in zip(kept, corpus.durations(paths), strict=True):
        durations[place] = found
    return HmmAlignment(durations, tuple(likelihoods), too_short)


@dataclasses.dataclass(frozen=True)
class _Gaussians:
    """One diagonal Gaussian for each state of each model, (models * states, dimensions)."""

    mean: np.ndarray
    variance: np.ndarray

    def log_density(self, features: np.ndarray) -> np.ndarray:
        """(F, dimensions) -> (F, models * states), without the constant."""
        precision = 1.0 / self.variance
        scaled = self.mean * precision
        constant = np.sum(self.mean * scaled + np.log(self.variance), axis=1)
        squares = np.square(features) @ precision.T
        return -0.5 * (squares - 2.0 * features @ scaled.T + constant)


@dataclasses.dataclass(frozen=True)
class _Chain:
    """The states of one utterance: a text without the second of two neighbouring pauses."""

    models: np.ndarray  # (J,) Gaussian of each state
    symbols: np.ndarray  # (J,) place in the text
    pauses: np.ndarray  # (J,) whether the state belongs to a pause
    text: int  # symbols of the text

    @property
    def least_frames(self) -> int:
        return int(len(self.models) - self.pauses.sum()) or len(self.models)

    def flat(self, frames: int) -> np.ndarray:
        """State of each of a number of frames, evenly shared by what is surely spoken."""
        spoken = np.flatnonzero(~self.pauses)
        states = spoken if len(spoken) else np.arange(len(self.models))
        return states[np.arange(frames) * len(states) // frames]


class _Corpus:
    """Features and state chains of utterances, the shortest first.

    Args:
        mels: Log-mel of each utterance.
        chains: Its states.
        options: Settings.
    """

    def __init__(
        self, mels: Sequence[np.ndarray], chains: Sequence[_Chain], options: HmmOptions
    ) -> None:
        self._options = options
        self._order = np.argsort([len(mel) for mel in mels], kind="stable")
        self._chains = [chains[place] for place in self._order]
        mels = [mels[place] for place in self._order]
        self._lengths = np.asarray([len(mel) for mel in mels])
        self._ends = np.cumsum(self._lengths)
        self._models = 1 + max(int(chain.models.max()) for chain in chains)
        self._features = _features(mels, options.coefficients)
        self._loudness = np.concatenate([mel.mean(axis=1) for mel in mels])

    def flat_start(self) -> _Gaussians:
        """Models of evenly shared frames; that of a pause has the corpus' quietest frames."""
        paths = [
            chain.flat(count) for chain, count in zip(self._chains, self._lengths, strict=True)
        ]
        gaussians = self.estimate(paths)
        if self._chains[0].pauses.any():
            quiet = self._features[self._loudness <= np.quantile(self._loudness, _QUIETEST)]
            # The pauses' model is the last.
            pause = slice(-self._options.states_per_symbol, None)
            gaussians.mean[pause] = quiet.mean(axis=0)
            gaussians.variance[pause] = np.maximum(quiet.var(axis=0), self._options.variance_floor)
        return gaussians

    def estimate(self, paths: Sequence[np.ndarray]) -> _Gaussians:
        """Models from the state of each frame."""
        of_frame = np.concatenate(
            [chain.models[path] for chain, path in zip(self._chains, paths, strict=True)]
        )
        order = np.argsort(of_frame, kind="stable")
        found, starts = np.unique(of_frame[order], return_index=True)
        features = self._features[order]
        counts = np.zeros((self._models, 1))
        sums = np.zeros((self._models, features.shape[1]))
        squares = np.zeros_like(sums)
        counts[found, 0] = np.diff(np.append(starts, len(order)))
        sums[found] = np.add.reduceat(features, starts, dtype=np.float64)
        squares[found] = np.add.reduceat(np.square(features), starts, dtype=np.float64)
        mean = sums / np.maximum(counts, 1.0)
        pseudo = self._options.pseudo_count
        variance = (squares - counts * mean**2 + pseudo) / (counts + pseudo)
        variance = np.maximum(variance, self._options.variance_floor)
        return _Gaussians(mean.astype(np.float32), variance.astype(np.float32))

    def viterbi(self, gaussians: _Gaussians) -> tuple[list[np.ndarray], float]:
        """The likeliest state of each frame, and the log-likelihood per frame."""
        paths: list[np.ndarray] = []
        total = 0.0
        for first in range(0, len(self._chains), _BATCH):
            batch = slice(first, first + _BATCH)
            lengths, ends = self._lengths[batch], self._ends[batch]
            features = self._features[ends[0] - lengths[0] : ends[-1]]
            density = gaussians.log_density(features)
            found, likelihood = _viterbi(
                density, self._chains[batch], lengths, self._options.states_per_symbol
            )
            paths.extend(found)
            total += likelihood
        return paths, total / float(self._ends[-1])

    def durations(self, paths: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Frames of each symbol, in the utterances' own order."""
        counted = [
            np.bincount(chain.symbols[path], minlength=chain.text).astype(np.int32)
            for chain, path in zip(self._chains, paths, strict=True)
        ]
        return [counted[place] for place in np.argsort(self._order)]


def _check(mels: Sequence[np.ndarray], symbols: Sequence[np.ndarray]) -> None:
    if len(mels) != len(symbols) or not len(mels):
        raise FeatureStoreError(f"{len(mels)} mels and {len(symbols)} texts cannot be aligned")
    for place, (mel, text) in enumerate(zip(mels, symbols, strict=True)):
        if np.ndim(mel) != 2 or np.ndim(text) != 1 or not len(text):
            raise FeatureStoreError(
                f"utterance {place}: a mel (T, n_mels) and at least one symbol are needed, not"
                f" {np.shape(mel)} and {np.shape(text)}"
            )


def _chains(symbols: Sequence[np.ndarray], pauses: frozenset[int], count: int) -> list[_Chain]:
    """Chains of `count` states per symbol; ids become models without gaps, pauses the last one.

    With pauses every chain also begins and ends with one, whose frames are counted to the first and
    last symbol.
    """
    ids = np.unique(np.concatenate([np.asarray(text) for text in symbols]))
    spoken = ids[~np.isin(ids, list(pauses))]
    silence = len(spoken)
    chains = []
    for text in symbols:
        models = np.where(np.isin(text, list(pauses)), silence, np.searchsorted(spoken, text))
        places = np.arange(len(text))
        if pauses:
            models = np.pad(models, 1, constant_values=silence)
            places = np.pad(places, 1, mode="edge")
        pause = models == silence
        kept = np.flatnonzero(~(pause & np.append(False, pause[:-1])))
        chains.append(
            _Chain(
                models=(models[kept, np.newaxis] * count + np.arange(count)).ravel(),
                symbols=np.repeat(places[kept], count),
                pauses=np.repeat(pause[kept], count),
                text=len(text),
            )
        )
    return chains


def _features(mels: Sequence[np.ndarray], coefficients: int) -> np.ndarray:
    """Cepstra and their differences, each with mean 0 and variance 1 over the corpus."""
    parts = []
    for mel in mels:
        cepstra = dct(mel.astype(np.float64), norm="ortho")[:, :coefficients]
        change = np.gradient(cepstra, axis=0) if len(cepstra) > 1 else np.zeros_like(cepstra)
        parts.append(np.hstack([cepstra, change]))
    features = np.concatenate(parts)
    features -= features.mean(axis=0)
    return (features / np.maximum(features.std(axis=0), 1e-8)).astype(np.float32)


def _viterbi(
    density: np.ndarray, chains: Sequence[_Chain], lengths: np.ndarray, count: int
) -> tuple[list[np.ndarray], float]:
    """Paths of utterances of similar length through their chains, and their log-likelihood.

    Args:
        density: Log-density (frames of all, states of all models), utterance after utterance.
        chains: One per utterance.
        lengths: Frames of each (B,).
        count: States of a symbol.
    """
    emission, leap = _emission(density, chains, lengths), _leaps(chains, count)
    frames, rows, states = emission.shape
    jump = count + 1
    # Impossible states on the left, so that predecessors are slices.
    padded = np.full((rows, jump + states), _IMPOSSIBLE)
    score, before, far = padded[:, jump:], padded[:, count:-1], padded[:, :states]
    score[:, 0] = emission[0, :, 0]
    starts = [row for row, chain in enumerate(chains) if chain.pauses[0] and states > count]
    if starts:
        score[starts, count] = emission[0, starts, count]
    steps = np.zeros(emission.shape, np.uint8)
    final = np.empty((rows, states), np.float32)
    for frame in range(frames):
        if frame:
            best = np.maximum(score, before)
            np.multiply(before > score, np.uint8(1), out=steps[frame])
            if leap is not None:
                jumped = far + leap
                steps[frame][jumped > best] = jump
                np.maximum(best, jumped, out=best)
            np.add(best, emission[frame], out=score)
        ended = lengths == frame + 1
        final[ended] = score[ended]
    state, total = _last_states(final, chains, count)
    path = np.empty((frames, rows), np.int64)
    every = np.arange(rows)
    for frame in range(frames - 1, -1, -1):
        path[frame] = state
        state = state - np.where(frame < lengths, steps[frame, every, state], 0)
    return [path[:length, row] for row, length in enumerate(lengths)], total


def _emission(density: np.ndarray, chains: Sequence[_Chain], lengths: np.ndarray) -> np.ndarray:
    """Log-density (T, B, J) of each frame in each state of its utterance's chain."""
    shape = (int(lengths.max()), len(chains), max(len(chain.models) for chain in chains))
    emission = np.full(shape, _IMPOSSIBLE)
    starts = np.cumsum(lengths) - lengths
    for row, (chain, start, length) in enumerate(zip(chains, starts, lengths, strict=True)):
        own = density[start : start + length]
        emission[:length, row, : len(chain.models)] = own[:, chain.models]
    return emission


def _leaps(chains: Sequence[_Chain], count: int) -> np.ndarray | None:
    """(B, J): 0 where a state may follow the one before a pause, else impossible; None: nowhere."""
    if not any(chain.pauses.any() for chain in chains):
        return None
    leap = np.full((len(chains), max(len(chain.models) for chain in chains)), _IMPOSSIBLE)
    for row, chain in enumerate(chains):
        pauses = np.flatnonzero(chain.pauses[::count]) * count
        after = pauses + count
        leap[row, after[after < len(chain.models)]] = 0.0
    return leap


def _last_states(
    final: np.ndarray, chains: Sequence[_Chain], count: int
) -> tuple[np.ndarray, float]:
    """The better last state (B,) of each utterance, where its last pause may be left out."""
    rows = np.arange(len(chains))
    last = np.asarray([len(chain.models) - 1 for chain in chains])
    optional = np.asarray([chain.pauses[-1] and len(chain.models) > count for chain in chains])
    earlier = np.where(optional, last - count, last)
    last = np.where(final[rows, earlier] > final[rows, last], earlier, last)
    return last, float(final[rows, last].sum(dtype=np.float64))
