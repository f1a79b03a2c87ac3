"""discriminator_utterance: whether an embedding is that of a text, or of speech made from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.layers.activations import activation
from tf_gantts.layers.linear import Linear
from tf_gantts.networks.network import Network


@keras.saving.register_keras_serializable("tf_gantts")
class UtteranceDiscriminator(Network):
    """Embeddings (B, embedding_dim), alone or beside their text's, to a score.

    Real is the embedding that BERT gives to a text; fake is the one that `SpeechTextEncoder`
    recovers from generated speech. With `judges_pairs` an embedding is judged beside the one of the
    text that it should be of, and a mismatched pair, of which each half is good in itself, is fake
    too: (text, text) or (text, recovered from its recording) is real, (text, recovered from
    generated speech) and (text, of another utterance) are fake.

    The original (IncineratorR/GAN-Speech-Synthesis) has this network for single embeddings, but
    calls it with the same embedding as real and as fake, so it has nothing to learn. What differs
    here: scores are logits, without the sigmoid, which belongs to the loss; the activation is
    leaky; and pairs. It is float32 whatever the policy: it is small, and its inputs are no signals
    that bear rounding.

    Args:
        embedding_dim: Size of an embedding.
        channels: Hidden channels.
        judges_pairs: Whether embeddings are judged beside their text's.
        negative_slope: Of the leaky ReLU; 0 for the original's.
        **kwargs: Keras model arguments (name, dtype).

    Raises:
        HparamsError: If there are no hidden channels.
    """

    def __init__(
        self,
        embedding_dim: int = 768,
        channels: Sequence[int] = (256, 128),
        judges_pairs: bool = True,
        negative_slope: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "utterance_discriminator", "autocast": False} | kwargs)
        if not channels:
            raise HparamsError("UtteranceDiscriminator: channels must name one layer at least")
        self.remember(
            embedding_dim=embedding_dim,
            channels=list(channels),
            judges_pairs=judges_pairs,
            negative_slope=negative_slope,
        )
        self.judges_pairs = judges_pairs
        self.activation = activation("LeakyReLU", {"negative_slope": negative_slope})
        self.linears = [
            Linear(units, name=f"linear_{i}", dtype=self.full_precision)
            for i, units in enumerate((*channels, 1))
        ]
        self.build((None, embedding_dim))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the variables; called by the constructor."""
        channels = self._config["embedding_dim"] * (4 if self.judges_pairs else 1)
        for linear in self.linears:
            linear.build((input_shape[0], channels))
            channels = linear.units
        self.built = True

    def call(
        self, embedding: tf.Tensor, text: tf.Tensor | None = None, training: bool = False
    ) -> list[list[tf.Tensor]]:
        """Judges embeddings.

        Args:
            embedding: (B, embedding_dim).
            text: Embedding of the text that it should be of, (B, embedding_dim), with
                `judges_pairs`. Its difference from the other and their product are judged too.
            training: Has no influence.

        Returns:
            One sub-discriminator's feature maps (B, channels), the score (B, 1) last.

        Raises:
            HparamsError: If a text is missing, or given to a judge of single embeddings.
        """
        del training
        if (text is None) == self.judges_pairs:
            wanted = "text is needed" if text is None else "text is given, but not judged"
            raise HparamsError(f"UtteranceDiscriminator: {wanted} (judges_pairs)")
        x = tf.cast(embedding, self.variable_dtype)
        if text is not None:
            text = tf.cast(text, x.dtype)
            x = tf.concat([x, text, tf.abs(x - text), x * text], axis=1)
        maps = []
        for linear in self.linears[:-1]:
            x = self.activation(linear(x))
            maps.append(x)
        return [[*maps, self.linears[-1](x)]]
