"""Initial values as PyTorch draws them."""

from __future__ import annotations

import math

import keras


def uniform_of_fan_in(fan_in: int) -> keras.initializers.Initializer:
    """PyTorch's default for convolution and linear kernels and biases: U(-b, b), b = fan_in^-1/2.

    Args:
        fan_in: Product of every axis of the PyTorch kernel but axis 0: input channels per group
            times kernel size for a convolution, but output channels per group times kernel size for
            a transposed one.
    """
    bound = 1.0 / math.sqrt(fan_in)
    return keras.initializers.RandomUniform(-bound, bound)


def kernel(fan_in: int, stddev: float | None) -> keras.initializers.Initializer:
    """Kernel initializer: N(0, stddev^2), or PyTorch's default when `stddev` is None."""
    if stddev is None:
        return uniform_of_fan_in(fan_in)
    return keras.initializers.RandomNormal(0.0, stddev)


def xavier_uniform(nonlinearity: str) -> keras.initializers.Initializer:
    """PyTorch's `xavier_uniform_` with `calculate_gain(nonlinearity)`.

    Args:
        nonlinearity: What follows: "linear", "sigmoid", "relu" or "tanh".
    """
    # limit = gain * sqrt(6 / (fan_in + fan_out)) is variance gain^2 over the mean of both.
    return keras.initializers.VarianceScaling(
        _GAINS[nonlinearity] ** 2, mode="fan_avg", distribution="uniform"
    )


_GAINS = {"linear": 1.0, "sigmoid": 1.0, "relu": math.sqrt(2.0), "tanh": 5.0 / 3.0}
