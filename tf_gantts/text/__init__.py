"""Text: cleaning, reading of numbers and abbreviations, symbols."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from tf_gantts.errors import TextError
from tf_gantts.text.characters import Characters
from tf_gantts.text.cmudict import Cmudict
from tf_gantts.text.espeak import Espeak
from tf_gantts.text.front_end import FrontEnd
from tf_gantts.text.nvidia import Nvidia

FRONT_ENDS: dict[str, type[FrontEnd]] = {
    front_end.name: front_end for front_end in (Characters, Nvidia, Cmudict, Espeak)
}

__all__ = ["FRONT_ENDS", "FrontEnd", "build"]


def build(name: str, options: Mapping[str, Any] | None = None) -> FrontEnd:
    """Builds a front end.

    Args:
        name: Key of `FRONT_ENDS`.
        options: Constructor arguments.

    Raises:
        TextError: If the name or an option is unknown, or an optional package is missing.
    """
    if name not in FRONT_ENDS:
        nearest = difflib.get_close_matches(name, FRONT_ENDS, n=1, cutoff=0.0)[0]
        raise TextError(f"front end {name!r} is unknown; did you mean {nearest!r}?")
    try:
        return FRONT_ENDS[name](**dict(options or {}))
    except TypeError as error:
        raise TextError(f"front end {name}: {error}") from None
