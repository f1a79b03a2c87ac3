"""Sums over the replicas of a strategy, so that N replicas compute what one would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def sum_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """The sum of a tensor over all replicas, on each of them; gradients flow to all.

    Args:
        value: Any shape, of the same on each replica. Outside of a replica, or in the only one, it
            is the sum itself.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def replica_count() -> int:
    """How many replicas `sum_over_replicas` sums over."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def rows_of_replica(
    draw: Callable[[tuple[Any, int], tf.Tensor], tf.Tensor],
    rows: int | tf.Tensor,
    columns: int,
    seed: tf.Tensor,
) -> tf.Tensor:
    """This replica's rows of what a single one would draw for all.

    Args:
        draw: Draws (rows, columns) from a seed, such as `tf.random.stateless_uniform`.
        rows: Rows of one replica.
        columns: Numbers in each.
        seed: (2,) integers, the same on all replicas.
    """
    context = tf.distribute.get_replica_context()
    replica = 0 if context is None else context.replica_id_in_sync_group
    drawn = draw((rows * replica_count(), columns), seed)
    return drawn[replica * rows : (replica + 1) * rows]
