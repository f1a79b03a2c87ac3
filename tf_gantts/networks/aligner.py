"""Aligner: how likely each frame of a mel-spectrogram belongs to each symbol of its text."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy.fft import dct

from tf_gantts.errors import HparamsError
from tf_gantts.layers.conv import Conv1D
from tf_gantts.layers.embedding import Embedding
from tf_gantts.layers.length_mask import length_mask, steps_of, zero_padding
from tf_gantts.layers.monotonic_alignment_search import IMPOSSIBLE
from tf_gantts.networks.network import Network

# Standard deviation of cosine coefficient k of 80 normalised mel bands, measured on LJSpeech and on
# flite's voice slt: about 7 / (k + 1), then 0.5; that of its changes is about 0.28 of it.
_FIRST_DEVIATION, _LEAST_DEVIATION = 7.0, 0.5
_CHANGE = 0.28


@keras.saving.register_keras_serializable("tf_gantts")
class Aligner(Network):
    """Symbols (B, N) and mel-spectrogram (B, T, n_mel_channels) to log alignment (B, T, states).

    Symbols become keys and frames queries; the nearer a frame's query to a symbol's key, the
    likelier it belongs to it. Source: Badlani et al., "One TTS alignment to rule them all" (2022),
    section 2.1, and Shih et al., "RAD-TTS" (2021), section 2.2. There the queries are learned;
    here they are cosine coefficients of the mel and their changes over time, as in speech
    recognition, so that keys are what the symbols sound like: learned queries need a thousand times
    as many steps until they tell one symbol from its neighbour. Distances and logarithms are
    float32 under a mixed-precision policy.

    Args:
        n_symbols: Symbols.
        n_mel_channels: Mel bands.
        channels: Channels of the hidden layers.
        coefficients: Cosine coefficients.
        states_per_symbol: Keys of every symbol, one after the other in time, and so the least
            frames it can have; 2 suit phonemes, 1 suits letters.
        symbol_kernel_size: Width of the first convolution in symbols, odd: 1 gives a symbol the
            same keys everywhere.
        temperature: What squared distances are multiplied by; 0.5 is a Gaussian of variance 1.
        **kwargs: Keras model arguments (name, dtype).

    Raises:
        HparamsError: If the values do not fit together.
    """

    def __init__(
        self,
        n_symbols: int,
        n_mel_channels: int = 80,
        channels: int = 128,
        coefficients: int = 20,
        states_per_symbol: int = 2,
        symbol_kernel_size: int = 1,
        temperature: float = 0.5,
        **kwargs: Any,
    ) -> None:
        arguments = {
            key: value
            for key, value in locals().items()
            if key not in ("self", "kwargs", "__class__")
        }
        super().__init__(**{"name": "aligner"} | kwargs)
        _require_possible(arguments)
        self.remember(**arguments)
        self.states_per_symbol = states_per_symbol
        self.temperature = temperature
        self.cosines = _cosines(n_mel_channels, coefficients)
        policy = self.dtype_policy
        self.embedding = Embedding(n_symbols, channels, name="embedding", dtype=policy)
        self.embedding.build()
        shapes = (
            (2 * channels, symbol_kernel_size),
            (channels, 1),
            (states_per_symbol * 2 * coefficients, 1),
        )
        self.convs = [
            Conv1D(filters, size, padding=size // 2, name=f"conv_{number}", dtype=policy)
            for number, (filters, size) in enumerate(shapes)
        ]
        for conv, size in zip(self.convs, (channels, 2 * channels, channels), strict=True):
            conv.build((None, None, size))
        self.built = True

    def call(
        self,
        ids: tf.Tensor,
        mel: tf.Tensor,
        symbol_lengths: tf.Tensor,
        mel_lengths: tf.Tensor,
        log_prior: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """Compares every frame with every state.

        Args:
            ids: Symbols (B, N).
            mel: Mel-spectrograms (B, T, n_mel_channels), normalised per band.
            symbol_lengths: Symbols of each utterance (B,).
            mel_lengths: Frames of each (B,).
            log_prior: Added to the logits (B, T, N * states_per_symbol), for instance
                `beta_binomial_log_prior` times a weight; None for none.
            training: True where a gradient is taken.

        Returns:
            Float32 (B, T, N * states_per_symbol): each frame's log-probabilities, which sum to 1
            over the utterance's states, the first `states(symbol_lengths)`. What is padded has no
            influence on the rest.
        """
        written = length_mask(symbol_lengths, steps_of(ids))
        keys = self._keys(ids, written, training)
        queries = self._queries(mel, mel_lengths)
        # |q - k|^2 without |q|^2, which is the same for all states of a frame.
        lengths = tf.reduce_sum(tf.square(keys), axis=2)[:, tf.newaxis]
        logits = self.temperature * (2.0 * tf.matmul(queries, keys, transpose_b=True) - lengths)
        if log_prior is not None:
            logits += log_prior
        existing = length_mask(self.states(symbol_lengths), steps_of(logits, 2))[:, tf.newaxis]
        return tf.nn.log_softmax(tf.where(existing, logits, IMPOSSIBLE))

    def states(self, symbols: Any) -> Any:
        """States of a number of symbols."""
        return symbols * self.states_per_symbol

    def symbol_durations(self, durations: tf.Tensor) -> tf.Tensor:
        """Frames of the states (B, N * states_per_symbol) to frames of the symbols (B, N)."""
        shape = (-1, steps_of(durations) // self.states_per_symbol, self.states_per_symbol)
        return tf.reduce_sum(tf.reshape(durations, shape), axis=2)

    def _keys(self, ids: tf.Tensor, written: tf.Tensor, training: bool) -> tf.Tensor:
        """What each state should sound like (B, N * states_per_symbol, 2 * coefficients)."""
        x = zero_padding(self.embedding(ids), written)
        for conv in self.convs[:-1]:
            x = tf.nn.relu(conv(x, training=training))
        x = tf.cast(self.convs[-1](x, training=training), tf.float32)
        return tf.reshape(x, (-1, self.states(steps_of(ids)), 2 * self.cosines.shape[1]))

    def _queries(self, mel: tf.Tensor, mel_lengths: tf.Tensor) -> tf.Tensor:
        """Cosine coefficients and their changes over time (B, T, 2 * coefficients)."""
        cepstra = tf.matmul(tf.cast(mel, tf.float32), self.cosines)
        before = tf.concat([cepstra[:, :1], cepstra[:, :-1]], axis=1)
        after = tf.concat([cepstra[:, 1:], cepstra[:, -1:]], axis=1)
        followed = length_mask(tf.cast(mel_lengths, tf.int32) - 1, steps_of(mel))[..., tf.newaxis]
        change = 0.5 * (tf.where(followed, after, cepstra) - before)
        return tf.concat([cepstra, change / _CHANGE], axis=2)


def _require_possible(arguments: dict[str, Any]) -> None:
    """Refuses arguments that do not fit together."""
    width, bands = arguments["symbol_kernel_size"], arguments["n_mel_channels"]
    if width < 1 or width % 2 == 0:
        raise HparamsError(f"symbol_kernel_size {width}: an odd number is needed")
    if not 0 < arguments["coefficients"] <= bands:
        raise HparamsError(
            f"{arguments['coefficients']} coefficients cannot be taken of {bands} mel bands"
        )
    for name in ("temperature", "states_per_symbol"):
        if arguments[name] <= 0:
            raise HparamsError(f"{name} {arguments[name]} must be positive")


def _cosines(bands: int, coefficients: int) -> np.ndarray:
    """Matrix (bands, coefficients) of the cosine transform, to a standard deviation of about 1."""
    deviation = np.maximum(_FIRST_DEVIATION / (1.0 + np.arange(coefficients)), _LEAST_DEVIATION)
    matrix = dct(np.eye(bands), norm="ortho")[:, :coefficients]
    return (matrix / deviation * np.sqrt(80.0 / bands)).astype(np.float32)
