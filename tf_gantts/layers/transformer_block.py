"""The original Transformer's encoder layer."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_gantts.layers.activations import activation
from tf_gantts.layers.layer_norm import LayerNorm
from tf_gantts.layers.linear import Linear
from tf_gantts.layers.self_attention import SelfAttention


@keras.saving.register_keras_serializable("tf_gantts")
class TransformerBlock(keras.layers.Layer):
    """Self-attention, then two linear maps around an activation; sum and layer norm after each.

    (B, T, units) -> (B, T, units), without dropout. Under a mixed-precision policy only the
    attention and the linear maps compute in half precision. Source: Vaswani et al. 2017,
    section 3.1.

    Args:
        units: Input and output channels.
        num_heads: Attentions.
        intermediate_units: Channels between the linear maps.
        layer_norm_eps: Added to the variance.
        nonlinear_activation: Activation, PyTorch class name.
        nonlinear_activation_params: Its arguments.
        weight_initializer: Initial weights of the linear maps.
        **kwargs: Keras layer arguments (name, dtype, ...).
    """

    def __init__(
        self,
        units: int,
        num_heads: int,
        intermediate_units: int,
        layer_norm_eps: float = 1e-5,
        nonlinear_activation: str = "GELU",
        nonlinear_activation_params: dict[str, Any] | None = None,
        weight_initializer: keras.initializers.Initializer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self._config: dict[str, Any] = {
            "units": units,
            "num_heads": num_heads,
            "intermediate_units": intermediate_units,
            "layer_norm_eps": layer_norm_eps,
            "nonlinear_activation": nonlinear_activation,
            "nonlinear_activation_params": nonlinear_activation_params,
        }
        self.weight_initializer = keras.initializers.get(weight_initializer)
        self.activation = activation(nonlinear_activation, nonlinear_activation_params)
        common: dict[str, Any] = {
            "weight_initializer": weight_initializer,
            "dtype": self.dtype_policy,
        }
        self.attention = SelfAttention(units, num_heads, name="attention", **common)
        self.attention_norm = LayerNorm(
            layer_norm_eps, name="attention_norm", dtype=self.dtype_policy
        )
        self.expansion = Linear(intermediate_units, name="expansion", **common)
        self.projection = Linear(units, name="projection", **common)
        self.norm = LayerNorm(layer_norm_eps, name="norm", dtype=self.dtype_policy)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        """Creates the variables for inputs (B, T, units)."""
        units = self._config["units"]
        for layer in (self.attention, self.attention_norm, self.expansion, self.norm):
            layer.build((None, None, units))
        self.projection.build((None, None, self._config["intermediate_units"]))

    def call(self, x: tf.Tensor, attention_mask: tf.Tensor | None = None) -> tf.Tensor:
        """Maps (B, T, units) to (B, T, units), in the variables' precision.

        Args:
            x: Sequences.
            attention_mask: Positions that may be attended to, bool (B, T); None for all.
        """
        x = tf.cast(x, self.variable_dtype)
        x = self.attention_norm(x + tf.cast(self.attention(x, attention_mask), x.dtype))
        y = self.activation(tf.cast(self.expansion(x), x.dtype))
        return self.norm(x + tf.cast(self.projection(y), x.dtype))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments."""
        initializer = self.weight_initializer
        return super().get_config() | {
            **self._config,
            "weight_initializer": initializer and keras.initializers.serialize(initializer),
        }
