"""Sounds and pictures as data URIs, so that a page needs no other file."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np

from tf_gantts.audio.files import encode_wav
from tf_gantts.audio.mel import frame_align
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.audio.plot import spectrogram_image
from tf_gantts.evaluation.log_mel import decibel_spec

_SHOWN_DB = 80.0  # range of the colours below the loudest element
_STOPS = 16  # colours that describe the scale


def wav_uri(audio: np.ndarray, sampling_rate: int) -> str:
    """A 16-bit WAV file of samples `(N,)` as a data URI."""
    return _uri("audio/wav", encode_wav(audio, sampling_rate))


def decibel_mel(audio: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Mel-spectrogram `(T, n_mels)` of a clip in dB, whatever features the model has."""
    return frame_align(audio, decibel_spec(spec))[1]


def color_range(mels: Sequence[np.ndarray]) -> tuple[float, float]:
    """One colour scale in dB for several spectrograms: the loudest element and 80 dB below it."""
    loudest = max(float(mel.max()) for mel in mels)
    return loudest - _SHOWN_DB, loudest


def spectrogram_uri(mel: np.ndarray, value_range: tuple[float, float]) -> str:
    """A PNG file without axes of a spectrogram `(T, n_mels)` as a data URI."""
    return _png_uri(spectrogram_image(mel, scale=2, value_range=value_range))


def color_scale_uri() -> str:
    """A PNG file with the colours of `spectrogram_uri` from low (left) to high (right)."""
    ramp = np.linspace(0.0, 1.0, 16 * _STOPS)[:, np.newaxis]
    return _png_uri(spectrogram_image(ramp, scale=1, value_range=(0.0, 1.0)))


def png_uri(data: bytes) -> str:
    """A PNG file as a data URI."""
    return _uri("image/png", data)


def _png_uri(image: np.ndarray) -> str:
    from matplotlib.image import imsave

    buffer = io.BytesIO()
    imsave(buffer, image, format="png")
    return png_uri(buffer.getvalue())


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
