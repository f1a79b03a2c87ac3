"""Adam, AdamW and RAdam under PyTorch's formulas, one fused kernel per variable.

Keras' optimizers are not used because the recipes need what they lack: PyTorch's place for
epsilon, RAdam, clipping after the all-reduce, and a step that is skipped exactly (no moment, weight
or counter changes) without a conditional. Everything goes through TensorFlow's fused Adam kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from tf_gantts.hparams import OptimizerParams, SchedulerParams

# An epsilon so large that sqrt(v) + epsilon == epsilon in float32: Adam without its denominator.
_NO_DENOMINATOR = 1e8

Coefficients = tuple[tf.Tensor, tf.Tensor]


class Optimizer(tf.Module):
    """Updates a fixed list of variables from gradients that are already reduced over replicas.

    Subclasses define `coefficients`. Create it inside the strategy's scope, after the variables.

    Args:
        variables: The variables to train.
        schedule: Maps the number of updates done so far (int64 scalar) to the learning rate.
        params: Betas, epsilon and weight decay.
        name: Name of the optimizer's variables.
    """

    def __init__(
        self,
        variables: Sequence[tf.Variable],
        schedule: Callable[[tf.Tensor], tf.Tensor],
        params: OptimizerParams,
        name: str,
    ) -> None:
        super().__init__(name=name)
        self._trained = list(variables)
        self._schedule = schedule
        self._params = params
        self.iterations = tf.Variable(
            0,
            dtype=tf.int64,
            trainable=False,
            name="iterations",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        self._first = [_zeros_like(v) for v in self._trained]
        self._second = [_zeros_like(v) for v in self._trained]

    @property
    def state(self) -> list[tf.Variable]:
        """Everything that a checkpoint must hold, in a fixed order."""
        return [self.iterations, *self._first, *self._second]

    @property
    def learning_rate(self) -> tf.Tensor:
        """Learning rate of the next update."""
        return tf.cast(self._schedule(self.iterations), tf.float32)

    def coefficients(self, step: tf.Tensor, rate: tf.Tensor) -> Coefficients:
        """Step length and epsilon of update number `step` (1, 2, ...), float64 scalars."""
        raise NotImplementedError

    def apply(self, gradients: Sequence[tf.Tensor], scale: tf.Tensor, apply: tf.Tensor) -> None:
        """One update, in replica context.

        Args:
            gradients: Reduced gradients, one for each variable, the same on all replicas.
            scale: Factor for all gradients (the result of clipping), float32 scalar.
            apply: Boolean scalar; False leaves weights, moments and the counter untouched, even
                when gradients are not finite.
        """
        applied = tf.cast(apply, tf.float32)
        step = tf.cast(self.iterations + 1, tf.float64)
        rate = tf.cast(self.learning_rate, tf.float64)
        length, epsilon = (tf.cast(c, tf.float32) for c in self.coefficients(step, rate))
        beta1, beta2 = (1 - (1 - b) * applied for b in self._params.betas)
        decay = self._decoupled_decay(tf.cast(rate, tf.float32)) * applied
        scale = tf.where(
            apply, scale, 0.0
        )  # a skipped step may come with a scale that is not finite
        inputs = (scale, length * applied, beta1, beta2, epsilon, decay)

        def update_all(
            strategy: tf.distribute.Strategy, gradients: list, *inputs: tf.Tensor
        ) -> None:
            for variable, gradient, first, second in zip(
                self._trained, gradients, self._first, self._second, strict=True
            ):
                strategy.extended.update(
                    variable, self._update, args=(gradient, first, second, *inputs), group=False
                )

        tf.__internal__.distribute.interim.maybe_merge_call(
            update_all, tf.distribute.get_strategy(), list(gradients), *inputs
        )
        self.iterations.assign_add(tf.cast(apply, tf.int64))

    def _decoupled_decay(self, rate: tf.Tensor) -> tf.Tensor:
        return rate * self._params.weight_decay

    def _coupled_decay(self) -> float:
        return 0.0

    def _update(
        self,
        variable: tf.Variable,
        gradient: tf.Tensor,
        first: tf.Variable,
        second: tf.Variable,
        scale: tf.Tensor,
        length: tf.Tensor,
        beta1: tf.Tensor,
        beta2: tf.Tensor,
        epsilon: tf.Tensor,
        decay: tf.Tensor,
    ) -> None:
        gradient = tf.math.multiply_no_nan(tf.cast(gradient, tf.float32), scale)
        if self._coupled_decay():
            gradient += self._coupled_decay() * variable
        if self._params.weight_decay and not self._coupled_decay():
            variable.assign_sub(decay * variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=first.handle,
            v=second.handle,
            beta1_power=tf.zeros([], tf.float32),  # bias correction is inside `length`
            beta2_power=tf.zeros([], tf.float32),
            lr=length,
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
            grad=gradient,
        )


class Adam(Optimizer):
    """torch.optim.Adam: L2 weight decay added to the gradient, epsilon after bias correction."""

    def coefficients(self, step: tf.Tensor, rate: tf.Tensor) -> Coefficients:
        """See `Optimizer.coefficients`."""
        beta1, beta2 = self._params.betas
        correction = tf.sqrt(1 - tf.cast(beta2, tf.float64) ** step)
        length = rate * correction / (1 - tf.cast(beta1, tf.float64) ** step)
        return length, self._params.eps * correction

    def _decoupled_decay(self, rate: tf.Tensor) -> tf.Tensor:
        return tf.zeros_like(rate)

    def _coupled_decay(self) -> float:
        return self._params.weight_decay


class AdamW(Adam):
    """torch.optim.AdamW: as Adam, with weight decay decoupled from the gradient."""

    def _decoupled_decay(self, rate: tf.Tensor) -> tf.Tensor:
        return rate * self._params.weight_decay

    def _coupled_decay(self) -> float:
        return 0.0


class RAdam(Optimizer):
    """Rectified Adam (Liu et al. 2020, algorithm 2) as ParallelWaveGAN trains with it.

    Epsilon is added to the uncorrected sqrt(v); while the variance of the adaptive rate is
    intractable (approximated length below 5) the update is momentum without a denominator.
    """

    def coefficients(self, step: tf.Tensor, rate: tf.Tensor) -> Coefficients:
        """See `Optimizer.coefficients`."""
        beta1, beta2 = self._params.betas
        power = tf.cast(beta2, tf.float64) ** step
        longest = 2 / (1 - beta2) - 1
        length_sma = longest - 2 * step * power / (1 - power)
        rectification = tf.sqrt(
            tf.maximum((1 - power) * (length_sma - 4) / (longest - 4), 0)
            * tf.maximum((length_sma - 2) / length_sma, 0)
            * (longest / (longest - 2))
        )
        tractable = length_sma >= 5
        momentum_rate = rate / (1 - tf.cast(beta1, tf.float64) ** step)
        length = momentum_rate * tf.where(tractable, rectification, _NO_DENOMINATOR)
        return length, tf.where(tractable, tf.cast(self._params.eps, tf.float64), _NO_DENOMINATOR)


_OPTIMIZERS = {"Adam": Adam, "AdamW": AdamW, "RAdam": RAdam}


def build_optimizer(
    kind: str,
    params: OptimizerParams,
    scheduler: str,
    scheduler_params: SchedulerParams,
    variables: Sequence[tf.Variable],
    name: str,
) -> Optimizer:
    """An optimizer with its schedule, from the recipe's keys."""
    schedule = build_schedule(scheduler, params.lr, scheduler_params)
    return _OPTIMIZERS[kind](variables, schedule, params, name)


def build_schedule(
    kind: str, rate: float, params: SchedulerParams
) -> Callable[[tf.Tensor], tf.Tensor]:
    """A learning-rate schedule: number of updates so far (int64 scalar) -> rate (float64 scalar).

    `StepLR`, `MultiStepLR` and `ExponentialLR` have PyTorch's meaning (`ExponentialLR` decays by
    `gamma` every `decay_steps` updates, smoothly, from `decay_start_steps` on and down to
    `final_ratio` times the rate), `CosineLR` goes from the rate to `final_ratio` times the rate in
    `decay_steps`. A linear warm-up from 0 multiplies any of them.
    """
    gamma = tf.constant(params.gamma, tf.float64)

    def schedule(iterations: tf.Tensor) -> tf.Tensor:
        step = tf.cast(iterations, tf.float64)
        factor = tf.ones([], tf.float64)
        if kind == "StepLR" and params.step_size:
            factor = gamma ** tf.floor(step / params.step_size)
        elif kind == "MultiStepLR" and params.milestones:
            passed = step >= tf.constant(params.milestones, tf.float64)
            factor = gamma ** tf.reduce_sum(tf.cast(passed, tf.float64))
        elif kind == "ExponentialLR" and params.decay_steps:
            decaying = tf.maximum(step - params.decay_start_steps, 0)
            factor = tf.maximum(gamma ** (decaying / params.decay_steps), params.final_ratio)
        elif kind == "CosineLR" and params.decay_steps:
            progress = tf.minimum(step / params.decay_steps, 1)
            cosine = (1 + tf.cos(3.141592653589793 * progress)) / 2
            factor = params.final_ratio + (1 - params.final_ratio) * cosine
        if params.warmup_steps:
            factor *= tf.minimum((step + 1) / params.warmup_steps, 1)
        return rate * factor

    return schedule


def clip_scale(norm: tf.Tensor, maximum: float) -> tf.Tensor:
    """Factor that brings gradients of global norm `norm` to at most `maximum`.

    A maximum of 0 or less: no clipping. As torch.nn.utils.clip_grad_norm_, whose numbers the
    recipes were tuned with.
    """
    if maximum <= 0:
        return tf.ones_like(norm)
    return tf.minimum(maximum / (norm + 1e-6), 1.0)


def _zeros_like(variable: tf.Variable) -> tf.Variable:
    with tf.distribute.get_strategy().extended.colocate_vars_with(variable):
        return tf.Variable(tf.zeros(variable.shape, variable.dtype), trainable=False)
