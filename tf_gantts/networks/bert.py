"""BERT: a Transformer encoder of token ids."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.layers.layer_norm import LayerNorm
from tf_gantts.layers.linear import Linear
from tf_gantts.layers.transformer_block import TransformerBlock
from tf_gantts.networks.network import Network

# Hugging Face's names -> ours.
_ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "gelu": ("GELU", {}),
    "gelu_new": ("GELU", {"approximate": "tanh"}),
    "gelu_pytorch_tanh": ("GELU", {"approximate": "tanh"}),
    "relu": ("ReLU", {}),
    "silu": ("SiLU", {}),
    "swish": ("SiLU", {}),
}


@keras.saving.register_keras_serializable("tf_gantts")
class BertEncoder(Network):
    """Token ids (B, T) to token states (B, T, hidden_size) and pooled states (B, hidden_size).

    Source: Devlin et al. 2019; numbers match Hugging Face's `BertModel` in evaluation, whose key
    names the arguments have. There is no dropout: the network is used with its weights frozen.
    Under a mixed-precision policy embeddings, normalisations, the sums over the blocks and the
    pooler stay in float32.

    Args:
        vocab_size: Token ids.
        hidden_size: Channels.
        num_hidden_layers: Transformer blocks.
        num_attention_heads: Attentions per block, a divisor of `hidden_size`.
        intermediate_size: Channels inside the blocks.
        max_position_embeddings: Longest sequence in tokens.
        type_vocab_size: Kinds of token: first and second sentence.
        layer_norm_eps: Added to the variance by the normalisations.
        hidden_act: Activation of the blocks, a Hugging Face name: gelu (by the error function),
            gelu_new, relu, silu.
        initializer_range: Spread of the initial weights.
        pad_token_id: Id that fills the shorter sequences of a batch.
        add_pooling_layer: Whether there is a pooled state.
        **kwargs: Keras model arguments (name, dtype).

    Raises:
        HparamsError: If the values do not fit together.
    """

    def __init__(
        self,
        vocab_size: int = 30522,
        hidden_size: int = 768,
        num_hidden_layers: int = 12,
        num_attention_heads: int = 12,
        intermediate_size: int = 3072,
        max_position_embeddings: int = 512,
        type_vocab_size: int = 2,
        layer_norm_eps: float = 1e-12,
        hidden_act: str = "gelu",
        initializer_range: float = 0.02,
        pad_token_id: int = 0,
        add_pooling_layer: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "bert"} | kwargs)
        if hidden_act not in _ACTIVATIONS:
            raise HparamsError(f"hidden_act {hidden_act!r} is unknown; one of {list(_ACTIVATIONS)}")
        self.remember(
            vocab_size=vocab_size,
            hidden_size=hidden_size,
            num_hidden_layers=num_hidden_layers,
            num_attention_heads=num_attention_heads,
            intermediate_size=intermediate_size,
            max_position_embeddings=max_position_embeddings,
            type_vocab_size=type_vocab_size,
            layer_norm_eps=layer_norm_eps,
            hidden_act=hidden_act,
            initializer_range=initializer_range,
            pad_token_id=pad_token_id,
            add_pooling_layer=add_pooling_layer,
        )
        self.hidden_size, self.pad_token_id = hidden_size, pad_token_id
        self.max_position_embeddings = max_position_embeddings
        full = self.full_precision
        initial = keras.initializers.TruncatedNormal(0.0, initializer_range)
        sizes = {"words": vocab_size, "positions": max_position_embeddings}
        self.word_embeddings, self.position_embeddings, self.type_embeddings = (
            keras.layers.Embedding(size, hidden_size, initial, name=name, dtype=full)
            for name, size in (sizes | {"types": type_vocab_size}).items()
        )
        self.embedding_norm = LayerNorm(layer_norm_eps, name="embedding_norm", dtype=full)
        function, params = _ACTIVATIONS[hidden_act]
        self.blocks = [
            TransformerBlock(
                hidden_size,
                num_attention_heads,
                intermediate_size,
                layer_norm_eps,
                function,
                params,
                weight_initializer=initial,
                name=f"block_{i}",
                dtype=self.dtype_policy,
            )
            for i in range(num_hidden_layers)
        ]
        self.pooler = None
        if add_pooling_layer:
            self.pooler = Linear(hidden_size, initial, name="pooler", dtype=full)
        self.build((None, None))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the variables; called by the constructor."""
        for table in (self.word_embeddings, self.position_embeddings, self.type_embeddings):
            table.build((None, None))
        layers: list[keras.layers.Layer] = [self.embedding_norm, *self.blocks]
        for layer in layers if self.pooler is None else [*layers, self.pooler]:
            layer.build((None, None, self.hidden_size))
        self.built = True

    def call(
        self,
        input_ids: tf.Tensor,
        attention_mask: tf.Tensor | None = None,
        token_type_ids: tf.Tensor | None = None,
        training: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Reads sequences of tokens.

        Args:
            input_ids: int (B, T), T at most `max_position_embeddings`.
            attention_mask: int or bool (B, T), zero at padding; None where there is none.
            token_type_ids: int (B, T); None for all zero.
            training: Without influence.

        Returns:
            Token states (B, T, hidden_size) and pooled states (B, hidden_size), or None without a
            pooler.
        """
        states = self.hidden_states(input_ids, attention_mask, token_type_ids)[-1]
        return states, self.pool(states)

    def hidden_states(
        self,
        input_ids: tf.Tensor,
        attention_mask: tf.Tensor | None = None,
        token_type_ids: tf.Tensor | None = None,
    ) -> list[tf.Tensor]:
        """The embeddings and the result of every block, each (B, T, hidden_size); as `call`."""
        mask = None if attention_mask is None else tf.cast(attention_mask, tf.bool)
        states = [self._embed(input_ids, token_type_ids)]
        for block in self.blocks:
            states.append(block(states[-1], mask))
        return states

    def pool(self, states: tf.Tensor) -> tf.Tensor | None:
        """Token states (B, T, hidden_size) to pooled states (B, hidden_size), made of the first."""
        return None if self.pooler is None else tf.tanh(self.pooler(states[:, 0]))

    def _embed(self, ids: tf.Tensor, types: tf.Tensor | None) -> tf.Tensor:
        types = tf.zeros_like(ids) if types is None else types
        positions = tf.range(tf.shape(ids)[1])[tf.newaxis]
        x = self.word_embeddings(ids) + self.type_embeddings(types)
        return self.embedding_norm(x + self.position_embeddings(positions))
