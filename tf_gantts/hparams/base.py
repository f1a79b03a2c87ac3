"""Hyper-parameters that every system has."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from tf_gantts.audio.mel_spec import PROFILES, MelSpec, Padding
from tf_gantts.hparams.sections import Fraction, NonNegativeInt, PositiveInt, Section


class Hparams(Section):
    """What every system shares: audio, corpus splits, batches, intervals, logging."""

    system: str = "vocoder_gan"
    seed: NonNegativeInt = 0

    # Feature extraction
    mel_profile: str = "parallel_wavegan"  # names the fields of MelSpec that have no key below
    sampling_rate: PositiveInt = 22050  # Hz
    fft_size: PositiveInt = 1024  # samples
    hop_size: PositiveInt = 256  # samples
    win_length: PositiveInt | None = None  # samples; null: fft_size
    window: str = "hann"
    num_mels: PositiveInt = 80
    fmin: float | None = None  # Hz; null: the profile's
    fmax: float | None = None  # Hz; null: the profile's
    mel_padding: Padding | None = None  # of the signal before the STFT; null: the profile's
    global_gain_scale: Annotated[float, Field(gt=0)] = 1.0
    trim_silence: bool = False
    trim_threshold_in_db: Annotated[float, Field(gt=0)] = 60.0
    trim_frame_size: PositiveInt = 2048  # samples
    trim_hop_size: PositiveInt = 512  # samples
    format: Literal["hdf5", "tfrecord"] = "hdf5"

    # Splits
    valid_fraction: Fraction = 0.01
    test_fraction: Fraction = 0.01

    # Batches
    batch_size: PositiveInt = 16
    batch_max_steps: PositiveInt = 8192  # samples
    remove_short_samples: bool = True
    allow_cache: bool = True
    pin_memory: bool = True  # PyTorch only: tf.data prefetches in any case
    num_workers: NonNegativeInt = 2  # parallel calls in tf.data, processes in preprocessing

    # Precision and intervals
    mixed_precision: Literal["float32", "bfloat16", "float16"] = "float32"
    train_max_steps: PositiveInt = 1_000_000
    save_interval_steps: PositiveInt = 5000
    eval_interval_steps: PositiveInt = 1000
    log_interval_steps: PositiveInt = 100
    eval_max_frames: PositiveInt = 256  # held-out clips are evaluated in segments of this length
    num_save_intermediate_results: NonNegativeInt = 4
    listening_page_interval_steps: NonNegativeInt = 0  # 0: none; see RUN/samples/listening.html
    keep_last_checkpoints: PositiveInt = 3
    best_metric: str = "eval/mel_loss"  # of the best checkpoint: a scalar of the evaluation
    eval_metrics: list[str] = []  # such as [pesq, stoi, mcd], also measured at every evaluation
    eval_metric_clips: PositiveInt = 4  # on that many held-out clips
    logger: list[Literal["tensorboard", "csv", "wandb"]] = ["tensorboard", "csv"]

    @pydantic.field_validator("format", mode="before")
    @classmethod
    def _known_format(cls, value: Any) -> Any:
        if value == "npy":
            raise ValueError("npy files are not written here; use 'hdf5' or 'tfrecord'")
        return value

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Hparams:
        if self.mel_profile not in PROFILES:
            raise ValueError(f"mel_profile {self.mel_profile!r}: one of {sorted(PROFILES)}")
        if self.batch_max_steps % self.hop_size:
            raise ValueError(
                f"batch_max_steps {self.batch_max_steps} must be a multiple of hop_size"
                f" {self.hop_size}"
            )
        if self.listening_page_interval_steps % self.eval_interval_steps:
            raise ValueError(
                f"listening_page_interval_steps {self.listening_page_interval_steps} must be a"
                f" multiple of eval_interval_steps {self.eval_interval_steps}: samples are made"
                f" at evaluations"
            )
        return self

    @property
    def mel_spec(self) -> MelSpec:
        """The mel definition that these hyper-parameters describe."""
        profile = PROFILES[self.mel_profile].to_dict()
        own = {
            "sampling_rate": self.sampling_rate,
            "fft_size": self.fft_size,
            "hop_size": self.hop_size,
            "win_length": self.win_length or self.fft_size,
            "window": self.window.removesuffix("_window"),
            "num_mels": self.num_mels,
            "fmin": profile["fmin"] if self.fmin is None else float(self.fmin),
            "fmax": profile["fmax"] if self.fmax is None else float(self.fmax),
            "padding": self.mel_padding or profile["padding"],
        }
        return MelSpec.from_dict(profile | own)

    @property
    def segment_frames(self) -> int:
        """Length of a training segment in frames."""
        return self.batch_max_steps // self.hop_size
