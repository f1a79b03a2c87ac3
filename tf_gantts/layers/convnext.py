"""ConvNeXt's residual block over time."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_gantts.layers.activations import activation
from tf_gantts.layers.depthwise_conv import DepthwiseConv1D
from tf_gantts.layers.layer_norm import LayerNorm
from tf_gantts.layers.linear import Linear
from tf_gantts.layers.weight_norm import add_variable


@keras.saving.register_keras_serializable("tf_gantts")
class ConvNeXtBlock(keras.layers.Layer):
    """Depthwise convolution, layer norm, two linear maps around an activation; added to the input.

    (B, T, dim) -> (B, T, dim). Under a mixed-precision policy only the linear maps compute in half
    precision; everything else, and the sum over the blocks, keeps the variables' own. Variables
    besides those of its layers: `gamma` (dim,), the scale of what is added. Source: Liu et al. 2022
    (ConvNeXt), in one dimension as in Siuzdak 2023 (Vocos), section 3.2.

    Args:
        dim: Input and output channels.
        intermediate_dim: Channels between the linear maps.
        layer_scale_init_value: Initial `gamma`.
        kernel_size: Width of the convolution in frames, odd unless causal.
        layer_norm_eps: Added to the variance.
        nonlinear_activation: Activation, PyTorch class name.
        nonlinear_activation_params: Its arguments.
        use_causal_conv: Whether the convolution sees no later frame.
        weight_initializer: Initial weights of the convolution and the linear maps.
        **kwargs: Keras layer arguments (name, dtype, ...).
    """

    def __init__(
        self,
        dim: int,
        intermediate_dim: int,
        layer_scale_init_value: float,
        kernel_size: int = 7,
        layer_norm_eps: float = 1e-6,
        nonlinear_activation: str = "GELU",
        nonlinear_activation_params: dict[str, Any] | None = None,
        use_causal_conv: bool = False,
        weight_initializer: keras.initializers.Initializer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self._config: dict[str, Any] = {
            "dim": dim,
            "intermediate_dim": intermediate_dim,
            "layer_scale_init_value": layer_scale_init_value,
            "kernel_size": kernel_size,
            "layer_norm_eps": layer_norm_eps,
            "nonlinear_activation": nonlinear_activation,
            "nonlinear_activation_params": nonlinear_activation_params,
            "use_causal_conv": use_causal_conv,
        }
        self.weight_initializer = keras.initializers.get(weight_initializer)
        self.activation = activation(nonlinear_activation, nonlinear_activation_params)
        common: dict[str, Any] = {
            "weight_initializer": weight_initializer,
            "dtype": self.dtype_policy,
        }
        self.depthwise_conv = DepthwiseConv1D(
            kernel_size, use_causal_conv, name="depthwise_conv", **common
        )
        self.norm = LayerNorm(layer_norm_eps, name="norm", dtype=self.dtype_policy)
        self.expansion = Linear(intermediate_dim, name="expansion", **common)
        self.projection = Linear(dim, name="projection", **common)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates the variables for inputs (B, T, dim)."""
        dim, intermediate_dim = self._config["dim"], self._config["intermediate_dim"]
        for layer in (self.depthwise_conv, self.norm, self.expansion):
            layer.build((None, None, dim))
        self.projection.build((None, None, intermediate_dim))
        gamma = tf.fill((dim,), self._config["layer_scale_init_value"])
        add_variable(self, "gamma", tf.cast(gamma, self.variable_dtype))

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Maps (B, T, dim) to (B, T, dim), in the variables' precision."""
        x = tf.cast(x, self.variable_dtype)
        y = self.expansion(self.norm(self.depthwise_conv(x)))
        # Measured on one core, the whole step of hparams/vocos_tiny.yaml: 38 ms with the
        # activation in float32, 42 in bfloat16, for which CPUs have products but no arithmetic.
        y = self.projection(self.activation(tf.cast(y, x.dtype)))
        return x + self.gamma.value * tf.cast(y, x.dtype)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        initializer = self.weight_initializer
        return super().get_config() | {
            **self._config,
            "weight_initializer": initializer and keras.initializers.serialize(initializer),
        }
