"""A weight of a loop over time whose gradient is taken once, after the loop."""

from __future__ import annotations

import tensorflow as tf

from tf_gantts.layers.length_mask import steps_of


class LoopWeight:
    """A matrix that multiplies something in every step of a loop.

    Left to itself, the gradient of a loop adds a product of the weight's size in every step, which
    is bound by memory: 600 times 67 MB for a full-size Tacotron 2. Here it is one product of all
    steps' inputs with all steps' gradients. The loop computes `weight(x) + probe[step]`, where the
    probe is zero and only carries the gradient out of the loop, and the inputs of all steps are
    handed over afterwards:

        weight = LoopWeight(matrix)
        probe = weight.probe((steps, batch))
        ... tf.while_loop(... weight(x) + probe[step] ...)
        weight.inputs = xs  # (steps, batch, rows)

    The matrix is transposed once, because products of few rows are fastest with the large factor
    plain in float32 and transposed in half precision. Measured on one core (EPYC, oneDNN), 8 rows,
    2560 x 4096: forward 3.6 against 6.8 ms (bfloat16 4.9 against 2.0), the gradient of the rows 2.7
    against 6.3 ms (bfloat16 3.1 against 2.1).

    Args:
        matrix: (..., rows, columns).
    """

    def __init__(self, matrix: tf.Tensor) -> None:
        self._matrix = matrix
        self._plain = tf.stop_gradient(matrix)
        self._transposed = tf.linalg.matrix_transpose(self._plain)
        self.inputs: tf.Tensor | None = None

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The product (..., rows) @ matrix, without a gradient for the matrix."""

        @tf.custom_gradient
        def multiply(x: tf.Tensor):  # type: ignore[no-untyped-def]
            def gradient(upstream: tf.Tensor) -> tf.Tensor:
                return _product(upstream, self._transposed, self._plain)

            return _product(x, self._plain, self._transposed), gradient

        return multiply(x)

    def probe(self, shape: tuple[int | tf.Tensor, ...]) -> tf.Tensor:
        """Zeros (*shape, columns) that carry the gradient out of the loop.

        Args:
            shape: (steps, batch), or (steps, n, batch) for n matrices (n, rows, columns).
        """

        @tf.custom_gradient
        def zeros(matrix: tf.Tensor):  # type: ignore[no-untyped-def]
            def gradient(upstream: tf.Tensor) -> tf.Tensor:
                if self.inputs is None:
                    raise ValueError("LoopWeight: the gradient was asked for before the inputs")
                # (steps, n, batch, ...) -> (n, steps * batch, ...)
                inputs = _rows(tf.stop_gradient(self.inputs), matrix.shape)
                return tf.matmul(inputs, _rows(upstream, matrix.shape), transpose_a=True)

            return tf.zeros((*shape, matrix.shape[-1]), matrix.dtype), gradient

        return zeros(self._matrix)


def _product(x: tf.Tensor, plain: tf.Tensor, transposed: tf.Tensor) -> tf.Tensor:
    if x.dtype == tf.bfloat16:
        return tf.matmul(x, transposed, transpose_b=True)
    return tf.matmul(x, plain)


def _rows(x: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    if shape.rank == 2:
        return tf.reshape(x, (-1, x.shape[-1]))
    x = tf.transpose(x, (1, 0, 2, 3))
    return tf.reshape(x, (steps_of(x, 0), -1, steps_of(x, 3)))
