"""Hyper-parameters of the system `tacotron2`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tf_gantts.hparams.acoustic import AcousticHparams
from tf_gantts.hparams.sections import (
    Fraction,
    NonNegativeInt,
    Optimizer,
    OptimizerParams,
    Params,
    Schedule,
    SchedulerParams,
    Section,
)


class MaskParams(Section):
    """Masks over a training mel, under the names of tensorflow-io's ops; 0: none."""

    freq_mask: NonNegativeInt = 0  # most bands of the mask
    time_mask: NonNegativeInt = 0  # most frames of the mask
    drop_frame_rate: Fraction = 0.0  # share of the decoder steps that are given the mean frame


class SpeakingParams(Section):
    """When speech ends, and how far attention may go, at synthesis."""

    min_frames_per_symbol: Annotated[float, Field(ge=0)] = 1.0  # before which speech does not end
    max_frames_per_symbol: Annotated[float, Field(gt=0)] | None = 20.0  # after which it is cut off
    attention_window: tuple[NonNegativeInt, NonNegativeInt] | None = None  # symbols before, after


class Tacotron2Hparams(AcousticHparams):
    """Hyper-parameters of the system `tacotron2`."""

    system: Literal["tacotron2"] = "tacotron2"
    best_metric: str = "eval/mel_postnet_loss"

    # Network
    model_params: Params = {}

    # Batches
    input_mask_params: MaskParams = MaskParams()  # of the frames that teacher forcing gives

    # Losses
    mask_losses: bool = True  # whether padding is left out
    lambda_stop: float = 1.0
    stop_positive_weight: float = 1.0
    use_guided_attention: bool = False
    guided_attention_params: Params = {}
    lambda_guided_attention: float = 1.0

    # Optimizer and schedule
    optimizer_type: Optimizer = "Adam"
    optimizer_params: OptimizerParams = OptimizerParams(lr=1e-3, eps=1e-6, weight_decay=1e-6)
    scheduler_type: Schedule = "ExponentialLR"
    scheduler_params: SchedulerParams = SchedulerParams(gamma=1.0)
    grad_norm: float = 1.0  # global norm at which gradients are clipped; 0: off
    ema_decay: Annotated[float, Field(ge=0, lt=1)] | None = None

    # Synthesis
    speaking_params: SpeakingParams = SpeakingParams()
