"""Pitch and energy of the symbols: tracks that are added to an aligned feature store.

    pitch   (N,) float32, mean of the natural logarithm of F0 over a symbol's voiced frames
    energy  (N,) float32, mean of the logarithm of a symbol's frames' energy

Both are as many standard deviations above the mean of the training split's symbols; 0 where a
symbol has no frames, or none that are voiced.

Source: Łańcucki 2021, "FastPitch: Parallel text-to-speech with pitch prediction", and Ren et al.
2021, "FastSpeech 2: Fast and high-quality end-to-end text to speech", with the mel bands in place
of the bins of the STFT.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tf_gantts.audio.f0 import f0
from tf_gantts.audio.files import from_int16
from tf_gantts.audio.mel import expand
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.data.added_tracks import add_rows, is_there
from tf_gantts.data.store import FeatureStore, open_store
from tf_gantts.errors import FeatureStoreError

VARIANCES = ("pitch", "energy")
# A semitone of F0 and a decibel of amplitude, in the natural logarithms that are standardised.
UNITS = {"pitch": math.log(2.0) / 12.0, "energy": math.log(10.0) / 20.0}
_MADE_BY = {"pitch_tracker": "autocorrelation", "energy_of": "mel"}
# Of a clip's loudest frame, -60 dB: 99 % of LJSpeech's frames are louder, and the digital silence
# of synthetic speech would otherwise make most of the standard deviation.
_FAINTEST = 1e-3


def add_variances(directory: str | Path, progress: Callable[[], None] = lambda: None) -> None:
    """Adds the tracks `pitch` and `energy`, unless they are there for the same durations.

    The description of each has `mean` and `std` of both, in log Hz and log mel amplitude.

    Args:
        directory: The store's folder.
        progress: Called after each utterance.

    Raises:
        FeatureStoreError: If there is no store, it has no durations, or no symbol of its training
            split is voiced.
        OSError: If the folder cannot be written.
    """
    with open_store(directory) as store:
        store.track("durations")
        wanted = _MADE_BY | {"durations": store.descriptions["durations"]}
        if is_there(store, "pitch", wanted):
            return
        measured = {}
        for place in range(len(store.utterances)):
            if store.length(place, "durations"):
                measured[place] = _measure(store, place)
            progress()
        scales = {name: _scale(store, name, measured) for name in VARIANCES}
        rows = {
            place: {name: _normalized(values[name], **scales[name]) for name in VARIANCES}
            for place, values in measured.items()
        }
        add_rows(store, "variances", rows, wanted | scales)


def _measure(store: FeatureStore, place: int) -> dict[str, np.ndarray]:
    """Pitch and energy of an utterance's symbols (N,), NaN where a symbol has none."""
    durations = store.read(place, "durations")
    frequency = f0(from_int16(store.read(place, "audio")), store.spec)
    log_f0 = np.log(frequency, out=np.full(len(frequency), np.nan), where=frequency > 0.0)
    return {
        "pitch": _means(log_f0, durations),
        "energy": _means(_log_energy(store.read(place, "mel"), store.spec), durations),
    }


def _log_energy(mel: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Logarithm of the root of the mel powers' sum (T,) of stored features (T, n_mels)."""
    amplitude = expand(mel.astype(np.float64), spec) ** (1.0 / spec.power)
    energy = np.linalg.norm(amplitude, axis=1)
    return np.log(np.maximum(energy, max(_FAINTEST * energy.max(), np.finfo(float).tiny)))


def _means(values: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """Mean of each symbol's frames (N,) without those that are NaN; NaN where none is left."""
    symbol = np.repeat(np.arange(len(durations)), durations)
    there = np.isfinite(values)
    sums = np.bincount(symbol[there], values[there], len(durations))
    counts = np.bincount(symbol[there], minlength=len(durations))
    return np.divide(sums, counts, out=np.full(len(durations), np.nan), where=counts > 0)


def _scale(
    store: FeatureStore, name: str, measured: Mapping[int, Mapping[str, np.ndarray]]
) -> dict[str, float]:
    """Mean and standard deviation over the symbols of the training split that have a value."""
    values = np.concatenate(
        [np.zeros(0), *(measured[p][name] for p in store.splits["train"] if p in measured)]
    )
    values = values[np.isfinite(values)]
    if not len(values):
        raise FeatureStoreError(
            f"{store.path}: no symbol of the split train has a {name}; the recordings must be"
            " speech, and at least one of that split long enough for its text"
        )
    return {"mean": float(values.mean()), "std": float(values.std()) or 1.0}


def _normalized(values: np.ndarray, mean: float, std: float) -> np.ndarray:
    return np.nan_to_num((values - mean) / std, nan=0.0).astype(np.float32)
