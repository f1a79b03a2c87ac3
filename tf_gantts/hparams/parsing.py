"""From a recipe to checked hyper-parameters and back."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic
import yaml

from tf_gantts.errors import HparamsError
from tf_gantts.hparams.base import Hparams
from tf_gantts.hparams.gan_tts import GanTtsHparams
from tf_gantts.hparams.recipe import apply_override, read_recipe
from tf_gantts.hparams.tacotron2 import Tacotron2Hparams
from tf_gantts.hparams.vocoder_gan import VocoderGanHparams

SYSTEMS: dict[str, type[Hparams]] = {
    "vocoder_gan": VocoderGanHparams,
    "tacotron2": Tacotron2Hparams,
    "gan_tts": GanTtsHparams,
}


def load_hparams(path: str | Path, overrides: Sequence[str] = ()) -> Hparams:
    """Reads a YAML file of hyper-parameters.

    Args:
        path: The file.
        overrides: `key=value` items that replace top-level or nested (`a.b=value`) keys; the value
            is read as YAML.

    Returns:
        The hyper-parameters, typed and checked.

    Raises:
        HparamsError: If the file is missing or not YAML, or a key or value is wrong; an unknown key
            is answered with the nearest known one.
    """
    values = read_recipe(path)
    for override in overrides:
        apply_override(values, override)
    return parse_hparams(values, str(path))


def parse_hparams(values: Mapping[str, Any], where: str) -> Hparams:
    """Checks a mapping of hyper-parameters; `where` names its origin in messages.

    Raises:
        HparamsError: See `load_hparams`.
    """
    system = values.get("system", "vocoder_gan")
    if system not in SYSTEMS:
        raise HparamsError(f"{where}: system {system!r} is unknown; one of {sorted(SYSTEMS)}")
    try:
        hparams = SYSTEMS[system].model_validate(dict(values))
        hparams.mel_spec  # noqa: B018 - builds the mel definition, which checks its own values
    except pydantic.ValidationError as error:
        problems = "; ".join(_explain(item, SYSTEMS[system]) for item in error.errors())
        raise HparamsError(f"{where}: {problems}") from None
    except HparamsError as error:
        raise HparamsError(f"{where}: {error}") from None
    return hparams


def dump_hparams(hparams: Hparams) -> str:
    """The hyper-parameters as YAML text that `load_hparams` reads back."""
    return yaml.safe_dump(hparams.model_dump(mode="json"), sort_keys=False)


def _explain(item: Any, model: type[pydantic.BaseModel]) -> str:
    *parents, last = item["loc"] or ("",)
    if item["type"] != "extra_forbidden":
        name = ".".join(str(part) for part in item["loc"])
        found = "" if item["type"] == "missing" else f" (found {item['input']!r})"
        message = item["msg"].removeprefix("Value error, ")
        return f"{name}: {message}{found}" if name else message
    for parent in parents:
        annotation = model.model_fields[str(parent)].annotation
        if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
            model = annotation
    nearest = difflib.get_close_matches(str(last), model.model_fields, n=1, cutoff=0.0)
    name = ".".join(str(part) for part in item["loc"])
    return f"unknown key {name!r}; did you mean {nearest[0]!r}?"
