"""Hyper-parameters of the system `gan_tts`."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from tf_gantts.hparams.acoustic import AcousticHparams
from tf_gantts.hparams.sections import (
    NonNegativeInt,
    Optimizer,
    OptimizerParams,
    Params,
    PositiveInt,
    Schedule,
    SchedulerParams,
)


class GanTtsHparams(AcousticHparams):
    """Hyper-parameters of the system `gan_tts`."""

    system: Literal["gan_tts"] = "gan_tts"
    best_metric: str = "eval/mel_loss"

    # Text: what preprocessing adds to the features
    aligner: Literal["hmm", "forward_sum"] = "hmm"
    align_jointly: bool = False  # forward_sum only: learned while training, not by preprocessing
    aligner_steps: PositiveInt = 1000  # of align_jointly: first steps, in which the aligner learns
    states_per_symbol: PositiveInt = 2  # least frames of a symbol; 2 suit phonemes, 1 letters
    text_encoder: str | None = None  # a BERT: a folder, or a name on the Hugging Face hub
    text_encoder_dim: PositiveInt = 768  # its channels
    pooling: Literal["cls", "pooled", "mean"] = "cls"  # its embedding of the whole utterance

    # Networks
    generator_params: Params = {}
    use_realism_discriminator: bool = True
    realism_discriminator_params: Params = {}
    realism_vocoder: str | None = None  # run of a vocoder: what it makes of a window is judged too
    waveform_window: PositiveInt = 32  # frames of that window
    waveform_discriminator_params: Params = {}
    use_utterance_discriminator: bool = False  # needs text_encoder
    utterance_discriminator_params: Params = {}
    speech_encoder_params: Params = {}

    # Losses
    mel_loss: Literal["l1", "mse"] = "l1"
    lambda_mel: float = 1.0
    lambda_duration: float = 0.1
    lambda_pitch: float = 0.1
    lambda_energy: float = 0.1
    adversarial_loss_type: Literal["mse", "bce", "hinge"] = "mse"  # mse: LSGAN
    lambda_realism: float = 0.1  # of the bracket: adversarial + lambda_feat_match * fm
    lambda_waveform: float = 0.1  # of the same bracket for the waveform
    lambda_feat_match: float = 2.0
    lambda_utterance: float = 0.1
    use_adaptive_weight: bool = False  # then the lambdas of the critics are shares

    # Optimizers and schedules
    generator_optimizer_type: Optimizer = "Adam"
    generator_optimizer_params: OptimizerParams = OptimizerParams(lr=1e-3, betas=(0.9, 0.98))
    generator_scheduler_type: Schedule = "CosineLR"
    generator_scheduler_params: SchedulerParams = SchedulerParams()
    generator_grad_norm: float = 1.0  # global norm at which gradients are clipped; 0: off
    generator_ema_decay: Annotated[float, Field(ge=0, lt=1)] | None = None
    discriminator_optimizer_type: Optimizer = "Adam"
    discriminator_optimizer_params: OptimizerParams = OptimizerParams(lr=5e-4, betas=(0.5, 0.9))
    discriminator_scheduler_type: Schedule = "StepLR"
    discriminator_scheduler_params: SchedulerParams = SchedulerParams()
    discriminator_grad_norm: float = 0.0

    # Phases: reconstruction, then the discriminators learn too, then the generator learns from them
    discriminator_train_start_steps: NonNegativeInt = 0
    adversarial_start_steps: NonNegativeInt = 0

    @pydantic.model_validator(mode="after")
    def _alignable(self) -> GanTtsHparams:
        if not self.align_jointly:
            return self
        if self.aligner != "forward_sum":
            raise ValueError(
                f"align_jointly: aligner {self.aligner!r} cannot be learned jointly; set aligner to"
                " forward_sum, or align_jointly to false"
            )
        for key in ("use_pitch", "use_energy"):
            if self.generator_params.get(key):
                raise ValueError(
                    f"generator_params.{key} needs durations before training, to measure the"
                    f" recordings' symbols: set align_jointly or {key} to false"
                )
        judged = self.use_realism_discriminator or self.use_utterance_discriminator
        if judged and self.discriminator_train_start_steps < self.aligner_steps:
            raise ValueError(
                f"the aligner learns before there are discriminators:"
                f" discriminator_train_start_steps {self.discriminator_train_start_steps} must be"
                f" at least aligner_steps {self.aligner_steps}"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _possible(self) -> GanTtsHparams:
        if self.use_utterance_discriminator and self.text_encoder is None:
            raise ValueError(
                "use_utterance_discriminator needs a text_encoder, whose embeddings it judges:"
                " name a BERT, or set it to false"
            )
        if self.use_utterance_discriminator and self.batch_size < 2:
            raise ValueError(
                "use_utterance_discriminator judges speech beside the text of another utterance of"
                " the batch: batch_size must be at least 2"
            )
        if self.adversarial_start_steps < self.discriminator_train_start_steps:
            raise ValueError(
                f"adversarial_start_steps {self.adversarial_start_steps} must not be before"
                f" discriminator_train_start_steps {self.discriminator_train_start_steps}"
            )
        return self
