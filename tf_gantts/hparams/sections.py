"""Groups of hyper-parameters that several systems have, and the types of single ones."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

PositiveInt = Annotated[int, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Params = dict[str, Any]
Optimizer = Literal["RAdam", "Adam", "AdamW"]
Schedule = Literal["StepLR", "MultiStepLR", "ExponentialLR", "CosineLR"]


class Section(pydantic.BaseModel):
    """Keys and values; a key that is not named here is an error."""

    model_config = pydantic.ConfigDict(extra="forbid", protected_namespaces=())


class OptimizerParams(Section):
    """Arguments of an optimizer, under PyTorch's names as the recipes have them."""

    lr: Annotated[float, Field(gt=0)]
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0


class SchedulerParams(Section):
    """Arguments of a learning-rate schedule; which ones apply depends on its type."""

    step_size: PositiveInt | None = None  # StepLR: steps between two decays
    gamma: float = 0.5  # StepLR, MultiStepLR, ExponentialLR: factor of one decay
    milestones: list[int] | None = None  # MultiStepLR: steps at which to decay
    decay_start_steps: NonNegativeInt = 0  # ExponentialLR: steps at the first rate
    decay_steps: PositiveInt | None = None  # ExponentialLR, CosineLR: length in steps
    warmup_steps: NonNegativeInt = 0  # all: linear warm-up from 0
    final_ratio: float = 0.0  # ExponentialLR, CosineLR: last rate / first rate
