"""Mels of one definition as those of another: another logarithm, floor or normalisation.

Where an acoustic model and a vocoder look at the same filterbank, the mels of the one can be given
to the other. Whatever else differs (framing, filters, rate) cannot be undone afterwards.
"""

from __future__ import annotations

import numpy as np

from tf_gantts.audio.mel import compress, expand
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.errors import MelSpecMismatchError

# The floors under the square root are below those of the logarithm wherever both are used.
CONVERTIBLE = frozenset(
    {"log", "floor", "floor_mode", "normalization", "magnitude_epsilon", "power_floor"}
)


class MelConversion:
    """From raw mels of one definition to raw mels of another with the same filterbank.

    Values above both floors come out as the other definition would have had them. What the source's
    floor has hidden stays at that floor, what its symmetric range has clipped at that end.
    Mean-variance normalisation is no part of raw mels: each model has its own inside.

    Args:
        source: Definition of the mels that are given.
        target: Definition of the mels that are wanted.
        here: What makes the mels, for the message.
        there: What takes them.

    Attributes:
        source: As given.
        target: As given.
        keeps_values: Whether the raw mels of both are the same numbers.

    Raises:
        MelSpecMismatchError: If they differ in more than logarithm, floors and normalisation;
            naming these fields.
    """

    def __init__(self, source: MelSpec, target: MelSpec, here: str, there: str) -> None:
        refused = [
            difference
            for difference in source.differences(target)
            if difference.partition(":")[0] not in CONVERTIBLE
        ]
        if refused:
            raise MelSpecMismatchError(
                f"{here} and {there} use different mels ({'; '.join(refused)}); only"
                f" {', '.join(sorted(CONVERTIBLE))} can be converted: train one of them with the"
                " mel definition of the other"
            )
        self.source, self.target = source, target
        self.keeps_values = _formula(source) == _formula(target)

    @property
    def name(self) -> str | None:
        """The conversion in words, such as `ln(max(x, 1e-05)) to log10(max(x, 1e-10))`.

        None where both definitions are the same.
        """
        if self.source == self.target:
            return None
        if self.keeps_values:
            return f"{_formula(self.source)} as it is"
        return f"{_formula(self.source)} to {_formula(self.target)}"

    def __call__(self, mel: np.ndarray) -> np.ndarray:
        """Converts raw mels.

        Args:
            mel: Of the source (..., n_mels), float32.

        Returns:
            Of the target, same shape and type.
        """
        if self.keeps_values:
            return mel
        amplitude = expand(mel.astype(np.float64), self.source)
        return compress(amplitude, self.target).astype(mel.dtype)


def _formula(spec: MelSpec) -> str:
    """What a mel amplitude x is stored as."""
    if spec.log == "none":
        return "x"
    level = f"x + {spec.floor:g}" if spec.floor_mode == "add" else f"max(x, {spec.floor:g})"
    value = f"{'20 log10' if spec.log == 'db' else spec.log}({level})"
    return f"{value} within -4..4" if spec.normalization == "symmetric" else value
