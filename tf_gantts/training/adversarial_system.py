"""What every system has that trains a generator against discriminators."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tf_gantts.hparams import GanTtsHparams, VocoderGanHparams
from tf_gantts.training.optimizers import build_optimizer
from tf_gantts.training.system import System
from tf_gantts.training.updates import (
    ExponentialMovingAverage,
    LossScale,
    guarded_update,
    tf_variables,
)


class AdversarialSystem(System):
    """Two optimizers, loss scales, the generator's moving average and the skip counter."""

    hparams: VocoderGanHparams | GanTtsHparams

    def prepare_updates(self, generator: object, discriminator: object) -> None:
        """Creates all that `System.prepare_training` asks for.

        Args:
            generator: The Keras model that `update_generator` trains.
            discriminator: What `update_discriminator` trains.
        """
        hp = self.hparams
        self._generator_variables = tf_variables(generator)
        self._discriminator_variables = tf_variables(discriminator)
        self.generator_optimizer = build_optimizer(
            hp.generator_optimizer_type,
            hp.generator_optimizer_params,
            hp.generator_scheduler_type,
            hp.generator_scheduler_params,
            self._generator_variables,
            "generator_optimizer",
        )
        self.discriminator_optimizer = build_optimizer(
            hp.discriminator_optimizer_type,
            hp.discriminator_optimizer_params,
            hp.discriminator_scheduler_type,
            hp.discriminator_scheduler_params,
            self._discriminator_variables,
            "discriminator_optimizer",
        )
        if hp.generator_ema_decay:
            self.average = ExponentialMovingAverage(
                self._generator_variables, hp.generator_ema_decay
            )
        float16 = hp.mixed_precision == "float16"
        self._generator_scale = LossScale() if float16 else None
        self._discriminator_scale = LossScale() if float16 else None
        self.skipped_steps = tf.Variable(
            0, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
        )

    def learning_rates(self) -> dict[str, tf.Tensor]:
        """See `System.learning_rates`."""
        return {
            "generator_learning_rate": self.generator_optimizer.learning_rate,
            "discriminator_learning_rate": self.discriminator_optimizer.learning_rate,
        }

    def update_generator(
        self, tape: tf.GradientTape, loss: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See `guarded_update`; moves the average too."""
        norm, finite = guarded_update(
            tape,
            loss,
            self._generator_variables,
            self.generator_optimizer,
            self.hparams.generator_grad_norm,
            self._generator_scale,
        )
        if self.average is not None:
            self.average.update(self.generator_optimizer.iterations, finite)
        return norm, finite

    def update_discriminator(
        self, tape: tf.GradientTape, loss: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See `guarded_update`."""
        return guarded_update(
            tape,
            loss,
            self._discriminator_variables,
            self.discriminator_optimizer,
            self.hparams.discriminator_grad_norm,
            self._discriminator_scale,
        )

    def update_state(self) -> dict[str, Sequence[tf.Variable]]:
        """The part of `System.state` that is not weights of networks."""
        groups: dict[str, Sequence[tf.Variable]] = {
            "generator_optimizer": self.generator_optimizer.state,
            "discriminator_optimizer": self.discriminator_optimizer.state,
            "skipped_steps": [self.skipped_steps],
        }
        if self.average is not None:
            groups["generator_average"] = self.average.state
        if self._generator_scale is not None and self._discriminator_scale is not None:
            groups["generator_loss_scale"] = self._generator_scale.state
            groups["discriminator_loss_scale"] = self._discriminator_scale.state
        return groups
