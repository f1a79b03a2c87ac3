"""Compares our numbers with those of the reference implementations, fixture by fixture.

A fixture is an `.npz` with `<case>/sd/...` (a state dict), `<case>/in/...` and `<case>/out/...`
tensors and a `config_json`. A new system adds one function to `SUITES`: it yields a `Row` for every
output of every case; outputs that no row covers fail.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tf_gantts.errors import PortingError
from tf_gantts.porting.checkpoints import read_checkpoint

Status = Literal["ok", "FAIL", "not covered"]


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        file: Name of the fixture without suffix.
        case: Case inside it.
        tensor: What was compared.
        error: Largest absolute difference, of texts the number that differ, or None.
        tolerance: Largest difference that is allowed, or None.
        status: "ok", "FAIL", or "not covered" where there is nothing to compare with.
        failed: Whether the row makes the whole check fail.
    """

    file: str
    case: str
    tensor: str
    error: float | None
    tolerance: float | None
    status: Status
    failed: bool

    def __str__(self) -> str:
        """The row as one line."""
        numbers = ["-" if n is None else f"{n:.2e}" for n in (self.error, self.tolerance)]
        return (
            f"{self.file:<16} {self.case:<15} {self.tensor:<56} {numbers[0]:>9} {numbers[1]:>9}"
            f"  {self.status}"
        )


class Fixture:
    """The tensors of one file, with account of the outputs that were compared."""

    def __init__(self, path: Path) -> None:
        """Reads the file.

        Raises:
            PortingError: If it is missing, damaged or has no configuration.
        """
        self.name = path.stem
        self.tensors: dict[str, np.ndarray] = read_checkpoint(path)
        if "config_json" not in self.tensors:
            raise PortingError(f"{path}: no config_json inside; this is not a fixture")
        self.config: dict[str, Any] = json.loads(str(self.tensors.pop("config_json")))
        self.covered: set[str] = set()

    @property
    def cases(self) -> list[str]:
        """Names of the cases, in the order of the file."""
        return list(dict.fromkeys(key.split("/")[0] for key in self.tensors))

    def under(self, prefix: str) -> dict[str, np.ndarray]:
        """Tensors below `prefix/`, by the rest of their name."""
        start = f"{prefix}/"
        return {k[len(start) :]: v for k, v in self.tensors.items() if k.startswith(start)}

    def outputs(self, case: str) -> list[str]:
        """Names of the expected outputs of a case."""
        return list(self.under(f"{case}/out"))

    def expected(self, case: str, tensor: str) -> np.ndarray:
        """An expected output, which counts as covered from here on."""
        key = f"{case}/out/{tensor}"
        self.covered.add(key)
        return self.tensors[key]

    def row(self, case: str, tensor: str, error: float, tolerance: float) -> Row:
        """A row from a measured error; not-a-number fails."""
        ok = bool(error <= tolerance)
        return Row(self.name, case, tensor, float(error), tolerance, "ok" if ok else "FAIL", not ok)

    def compare(
        self, case: str, tensor: str, ours: Any, tolerance: Callable[[np.ndarray], float]
    ) -> Row:
        """Compares one output with our value of the same shape.

        Args:
            case: The case.
            tensor: Name of the expected output.
            ours: Our value, in the reference's layout.
            tolerance: Gives the allowed difference for the expected tensor.
        """
        expected = self.expected(case, tensor).astype(np.float64)
        ours = np.asarray(ours, np.float64)
        if ours.shape != expected.shape:
            return self.row(case, f"{tensor} {ours.shape} != {expected.shape}", np.inf, 0.0)
        error = np.abs(ours - expected).max(initial=0.0)
        return self.row(case, tensor, float(error), tolerance(expected))

    def uncovered(self, failed: bool) -> Iterator[Row]:
        """Rows for the outputs that nothing was compared with, and for cases without any."""
        for case in self.cases:
            missing = [t for t in self.outputs(case) if f"{case}/out/{t}" not in self.covered]
            for tensor in missing if failed else missing[:1] and ["*"]:
                yield Row(self.name, case, tensor, None, None, "not covered", failed)


def activations(expected: np.ndarray) -> float:
    """Allowed difference of network outputs and features: 1e-4 of the largest, at least 1e-4."""
    return 1e-4 * max(1.0, float(np.abs(expected).max(initial=0.0)))


def scalars(expected: np.ndarray) -> float:
    """Allowed difference of losses: 1e-5 relative."""
    return 1e-5 * float(np.abs(expected).max(initial=0.0))


def gradients(expected: np.ndarray) -> float:
    """Allowed difference of gradients: 1e-4 of the tensor's largest."""
    return max(1e-4 * float(np.abs(expected).max(initial=0.0)), 1e-9)


def stft_gradients(expected: np.ndarray) -> float:
    """Allowed difference of gradients through log|STFT|: 1e-3 of the tensor's largest.

    They divide by magnitudes around 3e-4 in near-silent bins, where single precision is rough: the
    reference's own numbers are up to 3.2e-4 of the largest away from float64 (ours 2.9e-4).
    """
    return max(1e-3 * float(np.abs(expected).max(initial=0.0)), 1e-9)


Suite = Callable[[Fixture], Iterable[Row]]


def suites() -> dict[str, Suite]:
    """The landed systems: name at the start of a fixture's file name -> its comparisons."""
    from tf_gantts.porting.parity_bert import check_bert
    from tf_gantts.porting.parity_hifigan import check_hifigan, check_speechbrain
    from tf_gantts.porting.parity_pwg import check_losses, check_melgan
    from tf_gantts.porting.parity_tacotron2 import check_tacotron2
    from tf_gantts.porting.parity_vocos import check_vocos

    return {
        "pwg_melgan": check_melgan,
        "pwg_losses": check_losses,
        "hifigan": check_hifigan,
        "speechbrain_hifigan": check_speechbrain,
        "vocos": check_vocos,
        "tacotron2": check_tacotron2,
        "bert": check_bert,
    }


def check_file(path: Path) -> Iterator[Row]:
    """All comparisons of one fixture.

    Args:
        path: An `.npz`, or the `.json` of a text front end.

    Yields:
        One row per comparison. Cases of systems that have not landed are "not covered".

    Raises:
        PortingError: If the file cannot be read or used.
    """
    if path.suffix == ".json":
        from tf_gantts.porting.parity_text import check_text

        yield from check_text(path)
        return
    fixture = Fixture(path)
    matching = [name for name in suites() if fixture.name.startswith(name)]
    if not matching:
        yield from fixture.uncovered(failed=False)
        return
    try:
        yield from suites()[max(matching, key=len)](fixture)
    except KeyError as error:
        raise PortingError(f"{path}: {error} is missing in the fixture") from error
    yield from fixture.uncovered(failed=True)


def fixture_files(folder: Path, only: str | None = None) -> list[Path]:
    """The fixtures of a folder.

    Args:
        folder: Folder with `.npz` fixtures and `*_text.json` files.
        only: Name of a single file, without suffix.

    Raises:
        PortingError: If there are none.
    """
    files = sorted([*folder.glob("*.npz"), *folder.glob("*_text.json")])
    if only is not None:
        files = [path for path in files if path.stem == only.removesuffix(".npz")]
    if not files:
        wanted = f"{only}.npz" if only else "*.npz"
        raise PortingError(f"{folder}: no fixture {wanted} there")
    return files
