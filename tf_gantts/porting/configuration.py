"""Configuration files of the references: JSON, YAML, and SpeechBrain's YAML with tags."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from tf_gantts.errors import PortingError
from tf_gantts.hparams import RecipeLoader

_REFERENCE = re.compile(r"<(\w+)>")  # what SpeechBrain writes as `!ref <key>`


class _TolerantLoader(RecipeLoader):
    """Reads a node under an unknown tag (`!new:...`, `!!python/tuple`) as what it looks like."""

    def plain(self, _suffix: str, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return self.construct_sequence(node, deep=True)
        return self.construct_scalar(node)  # type: ignore[arg-type]


_TolerantLoader.add_multi_constructor("", _TolerantLoader.plain)


def read_configuration(path: str | Path) -> dict[str, Any]:
    """Reads a reference's configuration; nothing that a tag names is ever made or called.

    Args:
        path: `config.json`, `config.yml`, `hyperparams.yaml` ...

    Returns:
        Its keys and values; SpeechBrain's references to other keys are replaced by their values.

    Raises:
        PortingError: If the file is missing or not of that kind.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        raise PortingError(f"{path}: no such configuration file") from None
    except UnicodeDecodeError:
        raise PortingError(f"{path}: not text; the configuration is expected") from None
    try:
        if path.suffix == ".json":
            values = json.loads(text)
        else:
            values = yaml.load(text, Loader=_TolerantLoader)
    except (ValueError, yaml.YAMLError) as error:
        raise PortingError(f"{path}: cannot be read ({error})") from None
    if not isinstance(values, dict):
        raise PortingError(f"{path}: keys and values are expected, found {type(values).__name__}")
    return {key: _resolved(value, values) for key, value in values.items()}


def _resolved(value: Any, top: dict[str, Any], depth: int = 4) -> Any:
    if isinstance(value, dict):
        return {key: _resolved(entry, top, depth) for key, entry in value.items()}
    if isinstance(value, list):
        return [_resolved(entry, top, depth) for entry in value]
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if found and found[1] in top and depth:
        return _resolved(top[found[1]], top, depth - 1)
    return value
