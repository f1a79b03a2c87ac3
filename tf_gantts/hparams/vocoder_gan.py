"""Hyper-parameters of the system `vocoder_gan`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tf_gantts.hparams.base import Hparams
from tf_gantts.hparams.sections import (
    NonNegativeInt,
    Optimizer,
    OptimizerParams,
    Params,
    PositiveInt,
    Schedule,
    SchedulerParams,
    Section,
)


class ClassReversal(Section):
    """Periodic label reversal against mode collapse; off by default.

    For `duration_epochs` out of every `period_epochs` epochs after the discriminator starts, the
    discriminator is trained with the labels exchanged (real to 0, generated to 1). The generator's
    own target stays 1 unless `which` says otherwise, and its other losses stay as they are.
    """

    enabled: bool = False
    period_epochs: PositiveInt = 50
    duration_epochs: PositiveInt = 1
    which: Literal["D", "D+G"] = "D"


class VocoderGanHparams(Hparams):
    """Hyper-parameters of the system `vocoder_gan`."""

    system: Literal["vocoder_gan"] = "vocoder_gan"

    # Networks
    generator_type: str = "MelGANGenerator"
    generator_params: Params = {}
    pqmf_params: Params = {}  # filterbank that joins the sub-bands of out_channels > 1
    mel_projections: NonNegativeInt = 0  # rounds after the generator, in synthesis only; 0: off
    discriminator_type: str = "MelGANMultiScaleDiscriminator"
    discriminator_params: Params = {}

    # Losses
    use_stft_loss: bool = True
    stft_loss_params: Params = {}
    use_subband_stft_loss: bool = False  # then each of the two STFT losses counts half
    subband_stft_loss_params: Params = {}
    lambda_aux: float = 1.0
    use_mel_loss: bool = False
    mel_loss_params: Params = {}
    lambda_mel: float = 45.0
    lambda_phase: float = 0.0  # differences of the phase; 0: off
    phase_loss_params: Params = {}
    lambda_autocorrelation: float = 0.0  # 0: off
    autocorrelation_loss_params: Params = {}
    use_feat_match_loss: bool = False
    feat_match_loss_params: Params = {}
    lambda_feat_match: float = (
        1.0  # inside the bracket: lambda_adv * (adv + lambda_feat_match * fm)
    )
    generator_adv_loss_params: Params = {}
    discriminator_adv_loss_params: Params = {}
    lambda_adv: float = 1.0
    class_reversal: ClassReversal = ClassReversal()

    # Optimizers and schedules
    generator_optimizer_type: Optimizer = "RAdam"
    generator_optimizer_params: OptimizerParams
    generator_scheduler_type: Schedule = "StepLR"
    generator_scheduler_params: SchedulerParams = SchedulerParams()
    generator_grad_norm: float = 0.0  # global norm at which gradients are clipped; 0: off
    generator_ema_decay: Annotated[float, Field(ge=0, lt=1)] | None = None
    discriminator_optimizer_type: Optimizer = "RAdam"
    discriminator_optimizer_params: OptimizerParams
    discriminator_scheduler_type: Schedule = "StepLR"
    discriminator_scheduler_params: SchedulerParams = SchedulerParams()
    discriminator_grad_norm: float = 0.0

    # Phases
    discriminator_train_start_steps: NonNegativeInt = 0
    adversarial_batch_size: PositiveInt | None = None  # rows that the discriminator sees; null: all
