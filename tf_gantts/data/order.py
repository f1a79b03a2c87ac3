"""Which clip goes where: orders that are pure functions of a seed, and shares of replicas."""

from __future__ import annotations

import tensorflow as tf

from tf_gantts.errors import HparamsError

_SHUFFLE_ROUNDS = 8  # with 4, clips that are neighbours in the store stay so 1.3 times too often


class ReplicaShare:
    """Which rows of which global batch make up the elements of one input pipeline.

    `strategy.distribute_datasets_from_function` hands consecutive elements of a worker's dataset to
    its replicas in turn.

    Args:
        batch_size: Rows of a global batch.
        context: Of the pipeline; None for the only one.

    Attributes:
        rows: Rows of one replica.
        local: Replicas of this pipeline.

    Raises:
        HparamsError: If the batch cannot be divided among the replicas.
    """

    def __init__(self, batch_size: int, context: tf.distribute.InputContext | None) -> None:
        context = context or tf.distribute.InputContext()
        replicas = context.num_replicas_in_sync
        if batch_size % replicas:
            raise HparamsError(
                f"batch_size {batch_size} cannot be divided among {replicas} replicas"
            )
        self.rows = batch_size // replicas
        self.local = replicas // context.num_input_pipelines
        self._first_replica = context.input_pipeline_id * self.local

    def locate(self, element: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Step and first row of an element."""
        return element // self.local, (self._first_replica + element % self.local) * self.rows


def epoch_key(seed: int, epoch: tf.Tensor) -> tf.Tensor:
    """The key (3,) int64 with which `shuffled` orders something in an epoch.

    Args:
        seed: Of the run.
        epoch: int64 scalar; any number that is not used for another order.
    """
    # RandomIndexShuffle looks at few bits of each of the three words (with one varying word it
    # knows 256 orders), so all three are drawn. The offset keeps these keys and crops apart.
    return tf.random.stateless_uniform(
        (3,),
        tf.stack([tf.constant(seed, tf.int64), -1 - epoch]),
        minval=None,  # None and None: all 64 bits
        maxval=None,
        dtype=tf.int64,
        alg="philox",
    )


def shuffled(places: tf.Tensor, size: int | tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    """What stands at the given places of a shuffled range.

    Args:
        places: Int64, each below `size`.
        size: Length of the range.
        keys: From `epoch_key`: one (3,) for all places, or (places, 3).
    """
    # The raw op, because index_shuffle fails on a vector of seeds and fixes 4 rounds.
    return tf.raw_ops.RandomIndexShuffle(
        index=places,
        seed=keys,
        max_index=tf.cast(size, tf.int64) - 1,
        rounds=_SHUFFLE_ROUNDS,
    )
