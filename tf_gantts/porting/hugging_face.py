"""Model folders as Hugging Face's libraries write them, on this machine or on the hub."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from tf_gantts.errors import PortingError
from tf_gantts.porting.checkpoints import read_checkpoint, state_dict_at

# Those of safetensors first; a large model is in several files.
_WEIGHTS = ("model.safetensors", "model-*.safetensors", "pytorch_model.bin")
_FILES = ("config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json", *_WEIGHTS[:2])
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)


def model_directory(name: str | Path, revision: str | None = None) -> Path:
    """Where the files of a model are; they are downloaded if it is named as on the hub.

    Args:
        name: A folder, or a name on the hub (`bert-base-uncased`, `OWNER/MODEL`). What was
            downloaded once needs no network.
        revision: Branch, tag or commit on the hub.

    Raises:
        PortingError: If there is no such folder and the hub cannot be reached or does not have it.
    """
    directory = Path(name)
    if (directory / "config.json").is_file():
        return directory
    if directory.is_dir():
        raise PortingError(f"{directory}: no config.json there; this is no Hugging Face model")
    if not _HUB_NAME.fullmatch(str(name)) or str(name).startswith("."):
        raise PortingError(f"{name}: no such folder, and no name on the Hugging Face hub")
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise PortingError(
            f"{name}: no such folder; to download it from the Hugging Face hub:"
            ' pip install "tf_gantts[bert]"'
        ) from None
    try:
        return Path(snapshot_download(str(name), revision=revision, allow_patterns=list(_FILES)))
    except Exception as error:  # of the network, the hub or the cache: there are many kinds
        reason = str(error).strip().splitlines()
        raise PortingError(
            f"{name}: no such folder, and it cannot be had from the Hugging Face hub"
            f" ({type(error).__name__}: {reason[0] if reason else 'no reason given'}); give a"
            " folder with config.json, model.safetensors and vocab.txt"
        ) from None


def read_config(directory: Path) -> dict[str, Any]:
    """The model's configuration, `config.json`.

    Raises:
        PortingError: If it is damaged.
    """
    path = directory / "config.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PortingError(f"{path}: cannot be read ({error})") from None


def read_weights(directory: Path, source: str) -> dict[str, np.ndarray]:
    """The model's state dict, from one file or several.

    Args:
        directory: Folder of the model.
        source: Key of `porting.SOURCES`, for messages.

    Raises:
        PortingError: If there is none or it cannot be read.
    """
    for pattern in _WEIGHTS:
        parts = sorted(directory.glob(pattern))
        if parts:
            break
    else:
        raise PortingError(f"{directory}: no weights there ({', '.join(_WEIGHTS)})")
    state_dict: dict[str, np.ndarray] = {}
    for part in parts:
        state_dict |= state_dict_at(read_checkpoint(part), (), source)
    return state_dict
