"""Files with the mean and scale of mel bands."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from tf_gantts.audio.statistics import Statistics
from tf_gantts.data.store import open_store
from tf_gantts.errors import FeatureStoreError, PortingError

_NAMES = ("mean", "scale")


def read_statistics(path: str | Path) -> Statistics:
    """Reads statistics as ParallelWaveGAN writes them, or those of a feature store.

    Args:
        path: `stats.h5` (data sets `mean` and `scale`), `stats.npy` (two rows), `.npz` (arrays
            `mean` and `scale`), or a feature store.

    Raises:
        PortingError: If the file is missing or holds something else.
        FeatureStoreError: If the folder is no feature store.
    """
    path = Path(path)
    if path.is_dir():
        with open_store(path) as store:
            return store.statistics
    if not path.is_file():
        raise PortingError(f"{path}: no such statistics file")
    try:
        return Statistics(*(np.asarray(row, np.float32).reshape(-1) for row in _rows(path)))
    except (OSError, KeyError, ValueError, TypeError, EOFError, FeatureStoreError) as error:
        raise PortingError(
            f"{path}: no statistics ({error}); mean and scale are expected in a .h5, .npy or .npz"
            " file, or a feature store"
        ) from None


def _rows(path: Path) -> tuple[np.ndarray, np.ndarray]:
    if path.suffix in (".h5", ".hdf5"):
        with h5py.File(path, "r") as file:
            mean, scale = (file[name][()] for name in _NAMES)
    elif path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            mean, scale = (archive[name] for name in _NAMES)
    else:
        mean, scale = np.load(path, allow_pickle=False)
    return mean, scale
