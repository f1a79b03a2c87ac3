"""Reading checkpoint files without ever running what is inside them."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tf_gantts.errors import PortingError

_TORCH = (".pt", ".pth", ".pkl", ".ckpt", ".bin")


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint file into arrays.

    Pickled files are read by PyTorch's weights-only loader, which builds tensors and plain
    containers and refuses anything else.

    Args:
        path: `.npz`, `.safetensors`, or PyTorch's `.pt`, `.pth`, `.pkl`, `.ckpt`, `.bin` or no
            suffix (these need the `torch` extra).

    Returns:
        The file's content: arrays by name, nested as in the file.

    Raises:
        PortingError: If the file is missing, damaged, of an unknown kind, or needs PyTorch and
            that is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise PortingError(f"{path}: no such checkpoint file")
    if path.suffix == ".npz":
        return _read_npz(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in _TORCH or not path.suffix:  # hifi-gan's files have none: g_02500000
        return _read_torch(path)
    raise PortingError(
        f"{path}: {path.suffix!r} is not a known checkpoint kind; expected .npz, .safetensors or"
        f" one of {', '.join(_TORCH)}"
    )


def state_dict_at(
    checkpoint: Mapping[str, Any], entry: Sequence[str], source: str
) -> dict[str, np.ndarray]:
    """The state dict under nested keys of a checkpoint, those that are absent being skipped.

    Files without nesting (.npz, .safetensors) may have the outer key before a point: `mpd.NAME`.

    Raises:
        PortingError: If something else than a state dict is there.
    """
    found: Any = checkpoint
    for key in entry:
        inside = _inside(found, key)
        found = found if inside is None else inside
    if not isinstance(found, Mapping) or not found:
        raise PortingError(f"{source}: no state dict at {'/'.join(entry)} in the checkpoint")
    strangers = [key for key, value in found.items() if not isinstance(value, np.ndarray)]
    if strangers:
        raise PortingError(
            f"{source}: expected a state dict at {'/'.join(entry) or 'the top'} of the checkpoint,"
            f" found {strangers[0]!r} of type {type(found[strangers[0]]).__name__}"
        )
    return dict(found)


def holds(checkpoint: Mapping[str, Any], entry: Sequence[str]) -> bool:
    """Whether a checkpoint has every one of the nested keys."""
    found: Any = checkpoint
    for key in entry:
        found = _inside(found, key)
    return found is not None


def _inside(checkpoint: Any, key: str) -> Any:
    """What lies under a key, or under the keys that begin with it and a point; None if nothing."""
    if not isinstance(checkpoint, Mapping):
        return None
    start = f"{key}."
    inside = {k[len(start) :]: v for k, v in checkpoint.items() if str(k).startswith(start)}
    return checkpoint.get(key, inside or None)


def _read_npz(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise PortingError(f"{path}: cannot be read as .npz ({error})") from None


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError, KeyError) as error:
        raise PortingError(f"{path}: cannot be read as .safetensors ({error})") from None


def _read_torch(path: Path) -> dict[str, Any]:
    try:
        import torch
    except ImportError:
        raise PortingError(
            f'{path}: PyTorch files need the torch extra: pip install "tf_gantts[torch]"'
        ) from None
    try:
        with warnings.catch_warnings(action="ignore"):  # of pickle protocols; it loads or raises
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip, runtime errors: one clear line each
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise PortingError(
            f"{path}: PyTorch's weights-only loader refuses it ({first_line});"
            " save its state dict alone, as .safetensors or with torch.save"
        ) from None
    arrays = _to_arrays(content, torch.Tensor)
    if not isinstance(arrays, dict):
        raise PortingError(
            f"{path}: holds a {type(content).__name__}, expected a mapping of tensors"
        )
    return arrays


def _to_arrays(content: Any, tensor: Any) -> Any:
    if isinstance(content, tensor):
        value = content.detach()
        if value.is_floating_point() and value.element_size() < 4:
            value = value.float()  # NumPy has no bfloat16
        return value.numpy()
    if isinstance(content, Mapping):
        return {key: _to_arrays(value, tensor) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_to_arrays(value, tensor) for value in content]
    return content
