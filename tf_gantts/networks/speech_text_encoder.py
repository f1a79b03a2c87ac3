"""From speech back to its text: the embedding of an utterance, recovered from its mel."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.layers.conv import Conv1D
from tf_gantts.layers.dropout import seeds
from tf_gantts.layers.layer_norm import LayerNorm
from tf_gantts.layers.length_mask import length_mask, steps_of, zero_padding
from tf_gantts.layers.linear import Linear
from tf_gantts.layers.residual_conv_block import ResidualConvBlock
from tf_gantts.networks.network import Network


@keras.saving.register_keras_serializable("tf_gantts")
class SpeechTextEncoder(Network):
    """Mel-spectrograms (B, T, n_mel_channels) to embeddings of their texts (B, embedding_dim).

    Trained with the mean squared error on natural pairs only; the generator's speech is read with
    its weights held. A strided convolution and a residual one per layer, each layer at half the
    frames of the one before, then several weighted means over time (Lin et al. 2017), side by side,
    and a linear map. The original (IncineratorR/GAN-Speech-Synthesis) names the criterion but has
    no such network, so that its utterance discriminator sees the same embedding twice. Under a
    mixed-precision policy only convolutions compute in half precision.

    Args:
        n_mel_channels: Mel bands.
        embedding_dim: Size of a text's embedding.
        channels: Channels.
        layers: Halvings of the frame rate.
        kernel_size: Width of the convolutions in their own steps, odd.
        pooling_heads: Weighted means.
        dropout: Probability of a value to be dropped in training.
        **kwargs: Keras model arguments (name, dtype).

    Raises:
        HparamsError: If the values do not fit together.
    """

    def __init__(
        self,
        n_mel_channels: int = 80,
        embedding_dim: int = 768,
        channels: int = 128,
        layers: int = 3,
        kernel_size: int = 5,
        pooling_heads: int = 4,
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "speech_text_encoder", "autocast": False} | kwargs)
        if kernel_size % 2 == 0:
            raise HparamsError(f"SpeechTextEncoder: kernel_size {kernel_size} must be odd")
        if layers < 1 or pooling_heads < 1:
            raise HparamsError("SpeechTextEncoder: layers and pooling_heads must be at least 1")
        self.remember(
            n_mel_channels=n_mel_channels,
            embedding_dim=embedding_dim,
            channels=channels,
            layers=layers,
            kernel_size=kernel_size,
            pooling_heads=pooling_heads,
            dropout=dropout,
        )
        policy, full = self.dtype_policy, self.full_precision
        self.reductions = [
            Conv1D(
                channels,
                kernel_size,
                stride=2,
                padding=kernel_size // 2,
                name=f"reduction_{i}",
                dtype=policy,
            )
            for i in range(layers)
        ]
        self.blocks = [
            ResidualConvBlock(channels, kernel_size, dropout, name=f"block_{i}", dtype=policy)
            for i in range(layers)
        ]
        self.norm = LayerNorm(name="norm", dtype=full)
        self.attention = Linear(pooling_heads, name="attention", dtype=full)
        self.projection = Linear(embedding_dim, name="projection", dtype=full)
        self.build((None, None, n_mel_channels))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the variables; called by the constructor."""
        for reduction, block in zip(self.reductions, self.blocks, strict=True):
            reduction.build(input_shape)
            input_shape = (None, None, self._config["channels"])
            block.build(input_shape)
        self.norm.build(input_shape)
        self.attention.build(input_shape)
        self.projection.build((None, self._config["pooling_heads"] * self._config["channels"]))
        self.built = True

    def call(
        self,
        mel: tf.Tensor,
        lengths: tf.Tensor,
        training: bool = False,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Recovers embeddings.

        Args:
            mel: Normalised (B, T, n_mel_channels).
            lengths: Frames of each row (B,).
            training: Whether a gradient is taken.
            seed: (2,) integers of the dropout; None for none, as the generator is judged.

        Returns:
            float32 (B, embedding_dim).
        """
        lengths = tf.cast(lengths, tf.int32)
        x, valid = tf.cast(mel, self.variable_dtype), length_mask(lengths, steps_of(mel))
        own = seeds(seed, len(self.blocks))
        for reduction, block, noise in zip(self.reductions, self.blocks, own, strict=True):
            x = zero_padding(tf.cast(x, self.compute_dtype), valid)
            x = reduction(x, training=training)
            lengths = (lengths + 1) // 2
            valid = length_mask(lengths, steps_of(x))
            x = block(x, valid, noise, training=training)
        return self.projection(self._pool(self.norm(x), valid))

    def _pool(self, x: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
        """Weighted means over the valid steps, side by side: (B, pooling_heads * channels)."""
        scores = tf.where(valid[..., tf.newaxis], self.attention(x), x.dtype.min)
        means = tf.matmul(tf.nn.softmax(scores, axis=1), x, transpose_a=True)
        return tf.reshape(means, (steps_of(x, 0), self.projection.weight.shape[0]))
