"""One guarded update of one network: reduce, clip, skip if not finite, apply; EMA, loss scale."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import tensorflow as tf

from tf_gantts.training.optimizers import Optimizer, clip_scale

_FIRST_SCALE = 2.0**15  # as Keras' and PyTorch's dynamic loss scaling
_GROWTH_INTERVAL = 2000  # finite steps before the scale doubles


def tf_variables(network: object) -> list[tf.Variable]:
    """The TensorFlow variables behind a network's trainable Keras variables."""
    return [variable.value for variable in network.trainable_variables]  # type: ignore[attr-defined]


class LossScale(tf.Module):
    """Dynamic loss scaling for float16: halves on overflow, doubles after 2,000 finite steps."""

    def __init__(self) -> None:
        super().__init__()
        first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.scale = tf.Variable(_FIRST_SCALE, trainable=False, aggregation=first)
        self._finite_steps = tf.Variable(0, trainable=False, aggregation=first)

    @property
    def state(self) -> list[tf.Variable]:
        """Everything that a checkpoint must hold."""
        return [self.scale, self._finite_steps]

    def update(self, finite: tf.Tensor) -> None:
        """Records whether the step's gradients were finite."""
        steps = tf.where(finite, self._finite_steps + 1, 0)
        grow = steps >= _GROWTH_INTERVAL
        factor = tf.where(finite, tf.where(grow, 2.0, 1.0), 0.5)
        self.scale.assign(tf.maximum(self.scale * factor, 1.0))
        self._finite_steps.assign(tf.where(grow, 0, steps))


class ExponentialMovingAverage(tf.Module):
    """Moving average of a network's weights: average = decay * average + (1 - decay) * weight.

    Args:
        variables: The weights.
        decay: Share of the old average in a step, below 1. In the first steps the share is
            (1 + n) / (10 + n), so that the average does not remember the initial weights.
    """

    def __init__(self, variables: Sequence[tf.Variable], decay: float) -> None:
        super().__init__()
        self._variables = list(variables)
        self._decay = decay
        self.averages = []
        for variable in self._variables:
            with tf.distribute.get_strategy().extended.colocate_vars_with(variable):
                self.averages.append(tf.Variable(variable.read_value(), trainable=False))

    @property
    def state(self) -> list[tf.Variable]:
        """Everything that a checkpoint must hold."""
        return list(self.averages)

    def update(self, updates: tf.Tensor, apply: tf.Tensor) -> None:
        """Moves the averages towards the weights.

        Args:
            updates: Number of updates done so far, int64 scalar.
            apply: Boolean scalar; False leaves the averages untouched.
        """
        count = tf.cast(updates, tf.float32)
        decay = tf.minimum(self._decay, (1 + count) / (10 + count))
        share = tf.where(apply, 1 - decay, 0.0)

        def update_all(strategy: tf.distribute.Strategy, share: tf.Tensor) -> None:
            for average, variable in zip(self.averages, self._variables, strict=True):
                strategy.extended.update(average, _move, args=(variable, share), group=False)

        tf.__internal__.distribute.interim.maybe_merge_call(
            update_all, tf.distribute.get_strategy(), share
        )

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """While active, the variables hold their averages."""
        trained = [variable.read_value() for variable in self._variables]
        try:
            for variable, average in zip(self._variables, self.averages, strict=True):
                variable.assign(average.read_value())
            yield
        finally:
            for variable, value in zip(self._variables, trained, strict=True):
                variable.assign(value)


def _move(average: tf.Variable, variable: tf.Variable, share: tf.Tensor) -> None:
    average.assign_sub(share * (average - variable))


def guarded_update(
    tape: tf.GradientTape,
    loss: tf.Tensor,
    variables: Sequence[tf.Variable],
    optimizer: Optimizer,
    max_norm: float,
    loss_scale: LossScale | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Differentiates, reduces over replicas, clips, and applies the update if it is finite.

    The loss is the mean over this replica's rows; the update is that of the mean over all replicas.

    Args:
        tape: The tape that recorded the loss.
        loss: Scalar loss of this replica, float32.
        variables: The variables that the optimizer trains.
        optimizer: The optimizer.
        max_norm: Global norm at which gradients are clipped, after the reduction; 0: never.
        loss_scale: Dynamic loss scale for float16, or None.

    Returns:
        The global gradient norm before clipping (float32 scalar) and whether it was finite, in
        which case the update was applied.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    scale = 1.0 if loss_scale is None else loss_scale.scale
    with tape:
        scaled = loss * (scale / replicas)
    gradients = tape.gradient(scaled, variables, unconnected_gradients="zero")
    if replicas > 1:
        context = tf.distribute.get_replica_context()
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    norm = tf.linalg.global_norm(gradients) / scale
    finite = tf.math.is_finite(norm)
    optimizer.apply(gradients, clip_scale(norm, max_norm) / scale, finite)
    if loss_scale is not None:
        loss_scale.update(finite)
    return norm, finite
