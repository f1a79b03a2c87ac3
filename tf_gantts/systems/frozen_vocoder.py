"""A trained vocoder that the speech of an acoustic model is heard through while it is trained."""

from __future__ import annotations

import logging

import tensorflow as tf

from tf_gantts import networks
from tf_gantts.audio.graph import convert_mel
from tf_gantts.audio.mel_conversion import MelConversion
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.errors import CheckpointError
from tf_gantts.layers.mel_normalization import MelNormalization
from tf_gantts.layers.windows import cut_window
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
        try:
            checkpoint = open_checkpoint(run)
        except CheckpointError as error:
            raise CheckpointError(f"realism_vocoder: {error}") from None
        hparams, meta = checkpoint.hparams, checkpoint.meta
        if hparams.system != "vocoder_gan":
            raise CheckpointError(
                f"realism_vocoder: {run}: a {hparams.system}, not a vocoder, which turns mels into"
                " waveforms"
            )
        there = f"realism_vocoder {run}"
        self._conversion = MelConversion(mel_spec, meta.mel_spec, "the hyper-parameters", there)
        vocoder = VocoderGAN(hparams, meta.mel_spec, meta.statistics, inference=True)  # type: ignore[arg-type]
        vocoder.restore_networks(checkpoint)
        self.network = networks.fold_weight_norm(vocoder.generator, policy)
        self.window_size = window_size
        self._denormalize, self._normalize = normalization.inverse, vocoder.normalization
        _LOG.info("speech is judged through the vocoder of %s at step %d", run, meta.step)

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
