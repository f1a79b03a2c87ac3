"""A trained vocoder that the speech of an acoustic model is heard through while it is trained."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_gantts import networks
from tf_gantts.audio.graph import convert_mel
from tf_gantts.audio.griffin_lim import griffin_lim
from tf_gantts.audio.mel_conversion import MelConversion
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.errors import CheckpointError
from tf_gantts.layers.mel_normalization import MelNormalization
from tf_gantts.layers.windows import cut_window
from tf_gantts.serving.synthesis import VocoderSynthesis
from tf_gantts.systems.vocoder_gan import VocoderGAN
from tf_gantts.training.checkpoint import open_checkpoint

_LOG = logging.getLogger(__name__)


class FrozenVocoder:
    """What a vocoder makes of windows of normalised mels; gradients reach the mels.

    The weights are read from the latest checkpoint of the vocoder's run whenever a training begins
    or goes on, and never change. This is no Keras layer: what owns a frozen vocoder does not list
    its weights, so neither optimizers, nor averages, nor checkpoints know them. Rounds of
    `mel_projections` are left out: they would pull every waveform towards its mel.

    Args:
        run: The vocoder's run directory, `realism_vocoder` in a recipe.
        mel_spec: The mel definition of the acoustic model.
        normalization: Of the acoustic model.
        window_size: Frames of a window.
        policy: Keras' dtype policy to compute in.

    Raises:
        CheckpointError: If there is no such run, or it is damaged or no vocoder.
        MelSpecMismatchError: If the vocoder's mels are none that the acoustic model's can be
            converted to.
    """

    def __init__(
        self,
        run: str,
        mel_spec: MelSpec,
        normalization: MelNormalization,
        window_size: int,
        policy: str,
    ) -> None:
        vocoder, self._conversion = _open(run, "realism_vocoder", mel_spec)
        self.network = networks.fold_weight_norm(vocoder.generator, policy)
        self.window_size = window_size
        self._denormalize, self._normalize = normalization.inverse, vocoder.normalization

    def __call__(self, mel: tf.Tensor, starts: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Waveforms (B, window * hop_size, 1) of one window of each row, float32.

        Args:
            mel: Normalised as the acoustic model has it (B, T, n_mels).
            starts: First frame of each row's window (B,).
            lengths: Frames of each row (B,); beyond its end a window holds the mean mel.
        """
        window = cut_window(tf.cast(mel, tf.float32), starts, self.window_size, lengths)
        raw = convert_mel(self._denormalize(window), self._conversion)
        return tf.cast(self.network(self._normalize(raw), training=True), tf.float32)


def make_audible(run: str | None, mel_spec: MelSpec) -> Callable[[np.ndarray], np.ndarray]:
    """Turns raw log-mels (T, n_mels) into samples (T * hop_size,), to listen to.

    Args:
        run: A vocoder's run directory, `sample_vocoder` in a recipe; None: Griffin-Lim.
        mel_spec: The mel definition.

    Raises:
        CheckpointError: As for `FrozenVocoder`.
        MelSpecMismatchError: As there.
    """
    if run is None:
        return lambda mel: griffin_lim(mel, mel_spec)
    vocoder, conversion = _open(run, "sample_vocoder", mel_spec)
    synthesis = VocoderSynthesis(vocoder.serving_module())
    return lambda mel: synthesis([conversion(mel)])[0][0]


def _open(run: str, key: str, mel_spec: MelSpec) -> tuple[VocoderGAN, MelConversion]:
    """The vocoder that a key of the recipe names, and how it gets its mels."""
    try:
        checkpoint = open_checkpoint(run)
    except CheckpointError as error:
        raise CheckpointError(f"{key}: {error}") from None
    hparams, meta = checkpoint.hparams, checkpoint.meta
    if hparams.system != "vocoder_gan":
        raise CheckpointError(
            f"{key}: {run}: a {hparams.system}, not a vocoder, which turns mels into waveforms"
        )
    conversion = MelConversion(mel_spec, meta.mel_spec, "the hyper-parameters", f"{key} {run}")
    vocoder = VocoderGAN(hparams, meta.mel_spec, meta.statistics, inference=True)  # type: ignore[arg-type]
    vocoder.restore_networks(checkpoint)
    _LOG.info("%s: speech is heard through %s at step %d", key, run, meta.step)
    return vocoder, conversion
