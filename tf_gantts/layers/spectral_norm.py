"""Spectral normalisation, kept in the variables' own precision."""

from __future__ import annotations

import keras
import tensorflow as tf

from tf_gantts.layers.weight_norm import Initializer, add_variable

_EPSILON = 1e-12  # smallest length that is divided by, as in PyTorch
_FIRST_ITERATIONS = 15  # as in torch.nn.utils.parametrizations.spectral_norm


class SpectralWeight:
    """The kernel of a layer divided by its largest singular value.

    Source: Miyato et al. 2018, algorithm 1; numbers match `torch.nn.utils.spectral_norm`. The
    kernel (..., n) counts as a matrix (rows, n), rows being all axes but the last, which is the
    transpose of PyTorch's. Its singular vectors are estimated by one power iteration per forward
    call in training and stay as they are otherwise. They follow from the weights alone, so all
    replicas of a data-parallel step compute the same ones. The first ones are good estimates
    already: with random vectors an untrained network multiplies its input by millions.

    Variables of the layer: `weight_orig`, and the singular vectors `weight_u` (n,) and
    `weight_v` (rows,), which are not trained.

    Args:
        layer: Layer that owns the variables.
        shape: Shape of the kernel.
        initializer: Makes the initial `weight_orig`.
    """

    def __init__(
        self, layer: keras.layers.Layer, shape: tuple[int, ...], initializer: Initializer
    ) -> None:
        dtype = layer.variable_dtype
        normal = keras.initializers.RandomNormal(0.0, 1.0)
        weight = tf.convert_to_tensor(initializer(shape, dtype=dtype))
        rows = tf.reshape(weight, (-1, shape[-1]))
        u = unit(normal((shape[-1],), dtype=dtype))
        for _ in range(_FIRST_ITERATIONS):
            u, v = power_iteration(rows, u)
        self.weight_orig = add_variable(layer, "weight_orig", weight)
        self.weight_u = add_variable(layer, "weight_u", u, trainable=False)
        self.weight_v = add_variable(layer, "weight_v", v, trainable=False)

    def value(self, dtype: str, training: bool = False) -> tf.Tensor:
        """The kernel, normalised in the variables' precision and then cast to `dtype`.

        Args:
            dtype: Type of the result.
            training: Whether to do one power iteration first and keep its vectors.
        """
        weight = tf.convert_to_tensor(self.weight_orig.value)
        rows = tf.reshape(weight, (-1, weight.shape[-1]))
        u, v = (tf.convert_to_tensor(x.value) for x in (self.weight_u, self.weight_v))
        if training:
            u, v = power_iteration(tf.stop_gradient(rows), u)
            self.weight_u.assign(u)
            self.weight_v.assign(v)
        largest = tf.reduce_sum(v * tf.linalg.matvec(rows, u))
        return tf.cast(weight / largest, dtype)


def power_iteration(rows: tf.Tensor, u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Better singular vectors of a matrix (m, n): u (n,) and v (m,), each of length 1."""
    v = unit(tf.linalg.matvec(rows, u))
    return unit(tf.linalg.matvec(rows, v, transpose_a=True)), v


def unit(x: tf.Tensor) -> tf.Tensor:
    """A vector brought to length 1."""
    return x / tf.maximum(tf.norm(x), _EPSILON)
