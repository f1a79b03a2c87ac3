"""Recipes: YAML files of hyper-parameters, as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from tf_gantts.errors import HparamsError


def read_recipe(path: str | Path) -> dict[str, Any]:
    """The keys and values of a YAML file, unchecked.

    Raises:
        HparamsError: If the file is missing or is not YAML with keys.
    """
    path = Path(path)
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=RecipeLoader)
    except FileNotFoundError:
        raise HparamsError(f"{path}: no such hyper-parameter file") from None
    except IsADirectoryError:
        raise HparamsError(f"{path}: a folder; a hyper-parameter file (YAML) is expected") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise HparamsError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise HparamsError(f"{path}: expected `key: value` lines, found {type(values).__name__}")
    return values


def apply_override(values: dict[str, Any], override: str) -> None:
    """Applies one `key=value` item of `load_hparams` to the values in place.

    Raises:
        HparamsError: If the item has another form or its key lies inside something without keys.
    """
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise HparamsError(f"--set {override!r}: expected KEY=VALUE")
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise HparamsError(f"--set {override!r}: {parent!r} has no keys of its own")
    values[last] = yaml.load(text, Loader=RecipeLoader)


class RecipeLoader(yaml.SafeLoader):
    """YAML 1.1 without its traps: duplicate keys are errors, 1e-6 is a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As a dict; a key that stands twice is an error."""
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                line = key_node.start_mark.line + 1
                raise yaml.YAMLError(f"key {key!r} stands twice (second time in line {line})")
            seen.add(key)
        return super().construct_mapping(node, deep)


RecipeLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)
