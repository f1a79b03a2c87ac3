"""The compiled training step, which does its sums in the same order every time.

The kernel of a sum of three or more tensors (AddN) begins with the first one whose memory it may
overwrite, and TensorFlow's memory optimizer turns large ones into additions in order of arrival:
with operations side by side the last bits of such a sum depend on which of them ended first, and
`tf.config.experimental.enable_op_determinism` does not change that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf_gantts.layers.device import has_accelerator

_EXECUTOR = "SINGLE_THREADED_EXECUTOR"  # of operations; a kernel still uses all intra-op threads


def compile_step(
    function: Callable[[Any], Any], argument: Any, replicas: int = 1
) -> Callable[[Any], Any]:
    """Compiles a training step: in a fixed order where that is what makes it exact.

    Args:
        function: Takes a structure of tensors, returns one; may read and assign variables.
        argument: An example; every later argument has the same shapes and types.
        replicas: Number of replicas that the function itself runs on.

    Returns:
        The compiled function. On one CPU the same values of argument and variables always give the
        same bits; with several replicas, a GPU or a TPU it is an ordinary `tf.function`.
    """
    if replicas > 1 or has_accelerator():
        return tf.function(function, autograph=False)
    return in_fixed_order(function, argument)


def in_fixed_order(function: Callable[[Any], Any], argument: Any) -> Callable[[Any], Any]:
    """Compiles a function for the CPU whose operations run one after another, as they were traced.

    Arguments and result are those of `compile_step`.
    """
    with tf.experimental.function_executor_type(_EXECUTOR):  # loops are traced for it
        graph = tf.function(function, autograph=False).get_concrete_function(argument)
    config = tf.compat.v1.ConfigProto()
    options = config.graph_options.rewrite_options
    options.memory_optimization = options.NO_MEM_OPT
    types = [output.dtype for output in graph.outputs]

    def run(argument: Any) -> Any:
        outputs = tf.raw_ops.StatefulPartitionedCall(
            args=[*tf.nest.flatten(argument, expand_composites=True), *graph.captured_inputs],
            Tout=types,
            f=graph,
            config_proto=config.SerializeToString(),
            executor_type=_EXECUTOR,
        )
        return tf.nest.pack_sequence_as(graph.structured_outputs, outputs)

    return run
