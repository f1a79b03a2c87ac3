"""How each kind of layer is written in a PyTorch state dict.

A codec is a pair of functions for one layer class. `read(reader, prefix, layer)` takes the layer's
tensors from a state dict and gives each variable its value; `write(prefix, layer, value)` is the
inverse, with `value(variable)` for each variable, which may also be its gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from tf_gantts.layers.batch_norm import BatchNorm
from tf_gantts.layers.bidirectional_lstm import BidirectionalLSTM
from tf_gantts.layers.conv import Conv1D
from tf_gantts.layers.conv_transpose import ConvTranspose1D
from tf_gantts.layers.convnext import ConvNeXtBlock
from tf_gantts.layers.depthwise_conv import DepthwiseConv1D
from tf_gantts.layers.embedding import Embedding
from tf_gantts.layers.inverse_stft import InverseSTFT
from tf_gantts.layers.layer_norm import LayerNorm
from tf_gantts.layers.linear import Linear
from tf_gantts.layers.lstm_cell import LSTMCell
from tf_gantts.layers.period_conv import PeriodConv
from tf_gantts.layers.spectral_norm import SpectralWeight
from tf_gantts.layers.weight_norm import NormalizedWeight, fold, norm

Value = Callable[[keras.Variable], np.ndarray]
Layout = Callable[[np.ndarray], np.ndarray]
Codec = tuple[Callable[..., None], Callable[..., dict[str, np.ndarray]]]


class Reader:
    """Takes tensors from a state dict, keeping account of what was used and what was missing."""

    def __init__(self, state_dict: Mapping[str, np.ndarray]) -> None:
        """Wraps a state dict without copying it."""
        self.state_dict = state_dict
        self.used: set[str] = set()
        self.missing: list[str] = []
        self.misfits: list[str] = []
        self.values: list[tuple[keras.Variable, np.ndarray]] = []

    def __contains__(self, key: str) -> bool:
        """Whether the state dict has the key."""
        return key in self.state_dict

    def take(self, key: str) -> np.ndarray | None:
        """The tensor of a key, or None after noting that it is missing."""
        if key not in self.state_dict:
            self.missing.append(key)
            return None
        self.used.add(key)
        return np.asarray(self.state_dict[key])

    def give(self, variable: keras.Variable, value: np.ndarray | None, key: str) -> None:
        """Sets a variable aside for assignment, or notes that the shape does not fit."""
        if value is None:
            return
        if tuple(value.shape) != tuple(variable.shape):
            self.misfits.append(
                f"{key} has shape {tuple(np.shape(self.state_dict[key]))}, which is"
                f" {tuple(value.shape)} here, but {variable.path} is {tuple(variable.shape)}"
            )
            return
        self.values.append((variable, value))


def _from_torch(kernel: np.ndarray | None) -> np.ndarray | None:
    """(dim0, dim1, k...) -> (k..., dim1, dim0)."""
    if kernel is None or kernel.ndim < 2:
        return kernel
    return np.moveaxis(kernel, (0, 1), (-1, -2))


def _to_torch(kernel: np.ndarray) -> np.ndarray:
    """Inverse of `_from_torch`."""
    return np.ascontiguousarray(np.moveaxis(kernel, (-1, -2), (0, 1)))


def _read_kernel(reader: Reader, prefix: str, kernel: NormalizedWeight) -> None:
    v_key, g_key, plain_key = (f"{prefix}.{name}" for name in ("weight_v", "weight_g", "weight"))
    parametrized = f"{prefix}.parametrizations.weight.original"  # torch >= 2.1's weight norm
    if f"{parametrized}0" in reader:
        v_key, g_key = f"{parametrized}1", f"{parametrized}0"
    if v_key not in reader and (plain_key in reader or kernel.weight is not None):
        v_key = g_key = plain_key
        v = _from_torch(reader.take(plain_key))
        length = None if v is None else norm(v)
        weight = v
    else:
        v, length = _from_torch(reader.take(v_key)), reader.take(g_key)
        if v is None or length is None:
            return
        length = length.reshape(-1)
        if length.shape != v.shape[-1:]:
            reader.misfits.append(f"{g_key} has {len(length)} lengths for {v.shape[-1]} rows")
            return
        weight = fold(v, length)
    if kernel.weight is not None:
        reader.give(kernel.weight, weight, v_key)
    else:
        reader.give(kernel.weight_v, v, v_key)
        reader.give(kernel.weight_g, length, g_key)


def _read_spectral(reader: Reader, prefix: str, kernel: SpectralWeight) -> None:
    keys = {name: f"{prefix}.weight_{name}" for name in ("orig", "u", "v")}
    parametrized = f"{prefix}.parametrizations.weight"  # torch >= 1.9's spectral norm
    if f"{parametrized}.original" in reader:
        keys = {name: f"{parametrized}.0._{name}" for name in ("u", "v")}
        keys["orig"] = f"{parametrized}.original"
    v = reader.take(keys["v"])
    if v is not None and v.size == np.prod(kernel.weight_v.shape):
        # PyTorch's rows are (dim1, k...), ours (k..., dim1).
        taps, channels = kernel.weight_orig.shape[:-2], kernel.weight_orig.shape[-2]
        v = np.moveaxis(v.reshape(channels, *taps), 0, -1).reshape(-1)
    reader.give(kernel.weight_orig, _from_torch(reader.take(keys["orig"])), keys["orig"])
    reader.give(kernel.weight_u, reader.take(keys["u"]), keys["u"])
    reader.give(kernel.weight_v, v, keys["v"])


def _write_spectral(prefix: str, kernel: SpectralWeight, value: Value) -> dict[str, np.ndarray]:
    state = {f"{prefix}.weight_orig": _to_torch(value(kernel.weight_orig))}
    state[f"{prefix}.weight_u"] = value(kernel.weight_u)
    v = value(kernel.weight_v).reshape(kernel.weight_orig.shape[:-1])
    state[f"{prefix}.weight_v"] = np.moveaxis(v, -1, 0).reshape(-1)
    return state


def _read_conv(reader: Reader, prefix: str, layer: Any) -> None:
    if isinstance(layer.kernel, SpectralWeight):
        _read_spectral(reader, prefix, layer.kernel)
    else:
        _read_kernel(reader, prefix, layer.kernel)
    if layer.bias is not None:
        reader.give(layer.bias, reader.take(f"{prefix}.bias"), f"{prefix}.bias")


def _write_conv(prefix: str, layer: Any, value: Value) -> dict[str, np.ndarray]:
    kernel = layer.kernel
    state = {}
    if layer.bias is not None:
        state[f"{prefix}.bias"] = value(layer.bias)
    if isinstance(kernel, SpectralWeight):
        return state | _write_spectral(prefix, kernel, value)
    if kernel.weight is not None:
        state[f"{prefix}.weight"] = _to_torch(value(kernel.weight))
        return state
    v = _to_torch(value(kernel.weight_v))
    state[f"{prefix}.weight_g"] = value(kernel.weight_g).reshape(-1, *(1,) * (v.ndim - 1))
    state[f"{prefix}.weight_v"] = v
    return state


def _with_plain_weight(to_ours: Layout, to_theirs: Layout) -> Codec:
    """Codec of a layer with the variables `weight`, in another layout, and `bias`."""

    def read(reader: Reader, prefix: str, layer: Any) -> None:
        weight = reader.take(f"{prefix}.weight")
        reader.give(layer.weight, None if weight is None else to_ours(weight), f"{prefix}.weight")
        if layer.bias is not None:
            reader.give(layer.bias, reader.take(f"{prefix}.bias"), f"{prefix}.bias")

    def write(prefix: str, layer: Any, value: Value) -> dict[str, np.ndarray]:
        state = {f"{prefix}.weight": np.ascontiguousarray(to_theirs(value(layer.weight)))}
        if layer.bias is not None:
            state[f"{prefix}.bias"] = value(layer.bias)
        return state

    return read, write


def _read_convnext(reader: Reader, prefix: str, layer: ConvNeXtBlock) -> None:
    reader.give(layer.gamma, reader.take(f"{prefix}.gamma"), f"{prefix}.gamma")


def _write_convnext(prefix: str, layer: ConvNeXtBlock, value: Value) -> dict[str, np.ndarray]:
    return {f"{prefix}.gamma": value(layer.gamma)}


def _read_window(reader: Reader, prefix: str, layer: InverseSTFT) -> None:
    key = f"{prefix}.window"
    window = reader.take(key) if key in reader else None
    if window is None:  # it is no weight
        return
    if window.shape != layer.window.shape or not np.allclose(window, layer.window, atol=1e-6):
        reader.misfits.append(f"{key} is not a Hann window of {layer.fft_size} samples")


def _write_window(prefix: str, layer: InverseSTFT, value: Value) -> dict[str, np.ndarray]:
    del value
    return {f"{prefix}.window": layer.window.astype(np.float32)}


def _read_keras_embedding(reader: Reader, prefix: str, layer: keras.layers.Embedding) -> None:
    reader.give(layer.embeddings, reader.take(f"{prefix}.weight"), f"{prefix}.weight")


def _write_keras_embedding(
    prefix: str, layer: keras.layers.Embedding, value: Value
) -> dict[str, np.ndarray]:
    return {f"{prefix}.weight": value(layer.embeddings)}


def _read_embedding(reader: Reader, prefix: str, layer: Embedding) -> None:
    reader.give(layer.weight, reader.take(f"{prefix}.weight"), f"{prefix}.weight")


def _write_embedding(prefix: str, layer: Embedding, value: Value) -> dict[str, np.ndarray]:
    return {f"{prefix}.weight": value(layer.weight)}


_STATISTICS = ("weight", "bias", "running_mean", "running_var")


def _read_batch_norm(reader: Reader, prefix: str, layer: BatchNorm) -> None:
    for name in _STATISTICS:
        key = f"{prefix}.{name}"
        reader.give(getattr(layer, name), reader.take(key), key)


def _write_batch_norm(prefix: str, layer: BatchNorm, value: Value) -> dict[str, np.ndarray]:
    state = {f"{prefix}.{name}": value(getattr(layer, name)) for name in _STATISTICS}
    # PyTorch wants it, and uses it only where its momentum is None.
    return state | {f"{prefix}.num_batches_tracked": np.zeros((), np.int64)}


def _read_lstm(reader: Reader, prefix: str, cell: LSTMCell, suffix: str = "") -> None:
    keys = [f"{prefix}.{name}{suffix}" for name in ("weight_ih", "weight_hh")]
    parts = [reader.take(key) for key in keys]
    found = [part.T for part in parts if part is not None]
    if len(found) == 2:
        reader.give(cell.weight, np.concatenate(found), keys[0])
    for name in ("bias_ih", "bias_hh"):
        key = f"{prefix}.{name}{suffix}"
        reader.give(getattr(cell, name), reader.take(key), key)


def _write_lstm(
    prefix: str, cell: LSTMCell, value: Value, suffix: str = ""
) -> dict[str, np.ndarray]:
    weight = value(cell.weight).T
    return {
        f"{prefix}.weight_ih{suffix}": np.ascontiguousarray(weight[:, : -cell.units]),
        f"{prefix}.weight_hh{suffix}": np.ascontiguousarray(weight[:, -cell.units :]),
        f"{prefix}.bias_ih{suffix}": value(cell.bias_ih),
        f"{prefix}.bias_hh{suffix}": value(cell.bias_hh),
    }


def _read_bidirectional(reader: Reader, prefix: str, layer: BidirectionalLSTM) -> None:
    _read_lstm(reader, prefix, layer.forward, "_l0")
    _read_lstm(reader, prefix, layer.backward, "_l0_reverse")


def _write_bidirectional(
    prefix: str, layer: BidirectionalLSTM, value: Value
) -> dict[str, np.ndarray]:
    return _write_lstm(prefix, layer.forward, value, "_l0") | _write_lstm(
        prefix, layer.backward, value, "_l0_reverse"
    )


CODECS: dict[type, Codec] = {
    Conv1D: (_read_conv, _write_conv),
    ConvTranspose1D: (_read_conv, _write_conv),
    PeriodConv: (_read_conv, _write_conv),
    Linear: _with_plain_weight(np.transpose, np.transpose),
    LayerNorm: _with_plain_weight(np.asarray, np.asarray),
    # (channels, 1, taps) -> (taps, channels)
    DepthwiseConv1D: _with_plain_weight(
        lambda weight: weight.reshape(len(weight), -1).T, lambda weight: weight.T[:, np.newaxis]
    ),
    keras.layers.Embedding: (_read_keras_embedding, _write_keras_embedding),  # gathers rows
    ConvNeXtBlock: (_read_convnext, _write_convnext),
    InverseSTFT: (_read_window, _write_window),
    Embedding: (_read_embedding, _write_embedding),
    BatchNorm: (_read_batch_norm, _write_batch_norm),
    LSTMCell: (_read_lstm, _write_lstm),
    BidirectionalLSTM: (_read_bidirectional, _write_bidirectional),
}
