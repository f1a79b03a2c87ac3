"""Mel-spectrograms in NumPy, the numbers that every other part is measured against.

Everything is computed in float64 and returned as float32, so a bin far below the loudest one of its
frame is as exact as the recording allows.
"""

from __future__ import annotations

import math

import numpy as np

from tf_gantts.audio.filterbank import mel_filterbank
from tf_gantts.audio.mel_spec import DB_RANGE, MelSpec
from tf_gantts.audio.stft import check_audio, edge_padding, frame_count, pad_edges, power_blocks
from tf_gantts.errors import AudioError

# Natural logarithm of what one unit of a logarithmic feature stands for.
NEPERS = {"ln": 1.0, "log10": math.log(10.0), "db": math.log(10.0) / 20.0}


def log_mel(audio: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Mel-spectrogram of a clip with the framing of the reference implementations.

    Source of the numbers: ParallelWaveGAN bin/preprocess.py, hifi-gan meldataset.py, NVIDIA
    Tacotron 2 TacotronSTFT, Vocos MelSpectrogramFeatures, SpeechBrain mel_spectogram and torchaudio
    MelSpectrogram, according to the specification.

    Args:
        audio: Samples `(N,)`, floating point, nominally within -1..1.
        spec: The mel definition.

    Returns:
        Features `(T, n_mels)`, float32, logarithmic unless `spec.log` is `none`, without
        mean-variance normalisation. T is 1 + N // hop_size for centred frames, N // hop_size for
        `same` and 1 + (N - fft_size) // hop_size for `none`.

    Raises:
        AudioError: If the clip is empty, too short for one frame or not finite.
    """
    audio = check_audio(audio)
    frames = frame_count(len(audio), spec)
    if not frames:
        needed = spec.fft_size - 2 * edge_padding(spec)
        raise AudioError(f"the clip has {len(audio)} samples; one frame needs {needed}")
    return _features(pad_edges(audio, spec), spec, frames)


def frame_align(audio: np.ndarray, spec: MelSpec) -> tuple[np.ndarray, np.ndarray]:
    """Makes a clip and its features fit: frame t belongs to samples t * hop .. (t + 1) * hop.

    The end of the clip is padded with zeros to a multiple of the hop. The one surplus frame of
    centred framing is dropped; where the framing gives fewer frames (no padding), zeros follow the
    clip while it is analysed.

    Args:
        audio: Samples `(N,)`, floating point.
        spec: The mel definition.

    Returns:
        The padded clip `(T * hop_size,)` in its own type and its features `(T, n_mels)`, float32,
        with T = ceil(N / hop_size).

    Raises:
        AudioError: If the clip is empty or not finite.
    """
    audio = np.asarray(audio)
    check_audio(audio)
    frames = spec.frames(len(audio))
    audio = np.pad(audio, (0, frames * spec.hop_size - len(audio)))
    padded = pad_edges(audio.astype(np.float64), spec, frames)
    return audio, _features(padded, spec, frames)


def compress(mel: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Linear mel amplitudes (or powers) to stored features: floor, logarithm, symmetric mapping.

    Args:
        mel: Values of at least 0, any shape.
        spec: The mel definition.

    Returns:
        Features of the same shape and type.
    """
    if spec.log == "none":
        return mel
    level = mel + spec.floor if spec.floor_mode == "add" else np.maximum(mel, spec.floor)
    if spec.log == "ln":
        return np.log(level)
    if spec.log == "log10":
        return np.log10(level)
    decibel = 20.0 * np.log10(level)
    if spec.normalization != "symmetric":
        return decibel
    return np.clip(8.0 * (decibel + DB_RANGE) / DB_RANGE - 4.0, -4.0, 4.0)


def expand(feature: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Inverse of `compress`, as far as the floor and clipping allow; never negative.

    Args:
        feature: Stored features (without mean-variance normalisation), any shape.
        spec: The mel definition.

    Returns:
        Linear mel amplitudes (or powers, if `spec.power` is 2), same shape and type.
    """
    if spec.normalization == "symmetric":
        feature = (feature + 4.0) * (DB_RANGE / 8.0) - DB_RANGE
    level = feature if spec.log == "none" else np.exp(feature * NEPERS[spec.log])
    if spec.log != "none" and spec.floor_mode == "add":
        level = level - spec.floor
    return np.maximum(level, 0.0)


def _features(padded: np.ndarray, spec: MelSpec, frames: int) -> np.ndarray:
    basis = mel_filterbank(spec).T
    result = np.empty((frames, spec.num_mels), np.float32)
    start = 0
    for power in power_blocks(padded, spec, frames):
        mel = (np.sqrt(power, out=power) if spec.power == 1 else power) @ basis
        result[start : start + len(mel)] = compress(mel, spec)
        start += len(mel)
    return result
