"""Hyper-parameters of the systems that turn text into mels."""

from __future__ import annotations

from tf_gantts.hparams.base import Hparams
from tf_gantts.hparams.sections import Params, PositiveInt


class AcousticHparams(Hparams):
    """What the systems share that turn text into mels."""

    # Text
    front_end: str = "characters"  # one of tf_gantts.text.FRONT_ENDS
    front_end_params: Params = {}
    speakers: list[str] = []  # names by number, for a model of several
    styles: list[str] = []  # styles or emotions, likewise

    # Batches
    num_buckets: PositiveInt = 6  # groups of similar duration
    max_frames: PositiveInt | None = 1000  # longer utterances are left out

    # Samples
    sample_vocoder: str | None = None  # run of a vocoder that makes them; null: Griffin-Lim
