"""Arrays that datasets share, given back when nothing can be in the way."""

import gc

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.data.flat import _SharedArray


def shared(value):
    memory = np.empty(256, np.uint8)
    begin = -memory.ctypes.data % 64
    array = memory[begin : begin + 64].view(np.float32).reshape(8, 2)
    array[:] = value
    return _SharedArray(array)


def test_an_array_dropped_while_a_graph_is_built_leaves_nothing_in_it():
    holder = [shared(1.0)]
    handle = holder[0]._handle

    @tf.function(autograph=False)
    def built():
        holder.clear()
        gc.collect()
        return tf.zeros([])

    operations = built.get_concrete_function().graph.get_operations()
    assert [operation.type for operation in operations] == ["Const", "Identity"]
    other = shared(2.0)  # now the first is given back
    with pytest.raises(tf.errors.OpError):
        tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32)
    np.testing.assert_array_equal(other.gather(tf.constant([3])), [[2.0, 2.0]])
