"""What a system offers to servers: TensorFlow modules with named signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.errors import ExportError
from tf_gantts.layers.mel_projection import MelProjection

Inputs = dict[str, np.ndarray]

# No network here needs more; one that does is broken for real clips too.
_MOST_SMALLEST_FRAMES = 64


class ServingModule(tf.Module):
    """A system's inference graph, ready to be exported.

    Only what `tf.Module` finds in the attributes is exported, so Keras objects belong into the
    closures of the functions and their variables into attributes.
    """

    def signatures(self) -> dict[str, Callable[..., dict[str, tf.Tensor]]]:
        """Name -> `tf.function` with an input signature, giving named outputs."""
        raise NotImplementedError

    def examples(self) -> list[tuple[str, Inputs]]:
        """Requests (signature name, inputs): for the warm-up of servers and for self-checks."""
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        """What a client must know of the inputs and outputs, JSON-ready."""
        raise NotImplementedError


class VocoderModule(ServingModule):
    """Raw log-mel to waveform; the normalisation is inside.

    The signature `serving_default` maps `mel` (B, T, n_mels) float32 to `audio` (B, T * hop_size)
    float32. Any B and T will do: clips with fewer frames than the network can take are continued
    with silence, and the audio is cut back.

    The signature `stream` gives the same audio piece by piece. It keeps nothing: from the next
    frames `mel` (B, t, n_mels) and the last known ones `context` (B, c, n_mels) it makes `audio`,
    the samples of all frames whose later neighbours have arrived, and the `context` of the next
    call, as many frames as the network's receptive field at most. A clip begins with a context of
    no frames and ends with a call in which `final` is true; t may change from call to call, and be
    0 in the last. See `tf_gantts.serving.streaming.stream`.

    Args:
        network: Normalised mel (B, T, n_mels) to waveform (B, T * hop_size, 1). Its dtype policy is
            the precision of the exported graph.
        normalization: Raw log-mel to normalised mel.
        mel_spec: The mel definition of the input.
        projection: What follows the network, or None.

    Attributes:
        mel_spec: As given.
        smallest_frames: Fewest frames that the network itself can take.
        context_frames: Frames before and after a frame on which its samples depend; None where the
            network does not tell, then there is no signature `stream`.
    """

    def __init__(
        self,
        network: keras.Model,
        normalization: Callable[[tf.Tensor], tf.Tensor],
        mel_spec: MelSpec,
        projection: MelProjection | None = None,
    ) -> None:
        super().__init__(name="vocoder")
        self.mel_spec = mel_spec
        self.context_frames: tuple[int, int] | None = getattr(network, "context_frames", None)
        if projection is not None and self.context_frames is not None:
            self.context_frames = projection.context_frames(*self.context_frames)
        self.smallest_frames = _smallest_frames(network, mel_spec)
        self.weights = [variable.value for variable in network.variables]
        smallest, hop_size, silence = self.smallest_frames, mel_spec.hop_size, mel_spec.silence

        def synthesize(mel: tf.Tensor) -> dict[str, tf.Tensor]:
            batch, frames = tf.shape(mel)[0], tf.shape(mel)[1]
            rows, missing = tf.maximum(1 - batch, 0), tf.maximum(smallest - frames, 0)
            mel = tf.pad(mel, [[0, rows], [0, missing], [0, 0]], constant_values=silence)
            audio = tf.cast(network(normalization(mel), training=False), tf.float32)
            if projection is not None:
                audio = projection(audio, mel)
            return {"audio": audio[:batch, : frames * hop_size, 0]}

        spec = tf.TensorSpec([None, None, mel_spec.num_mels], tf.float32, name="mel")
        self.synthesize = tf.function(synthesize, input_signature=[spec], autograph=False)
        if self.context_frames is not None:
            context = tf.TensorSpec([None, None, mel_spec.num_mels], tf.float32, name="context")
            final = tf.TensorSpec([], tf.bool, name="final")
            self.stream = tf.function(self._stream, [spec, context, final], autograph=False)

    def first_frames(self, chunk_frames: int) -> int:
        """Frames with which a stream must begin to give the audio of `chunk_frames` at once."""
        after = self.context_frames[1] if self.context_frames else 0
        return max(chunk_frames + after, self.smallest_frames)

    def _stream(self, mel: tf.Tensor, context: tf.Tensor, final: tf.Tensor) -> dict[str, tf.Tensor]:
        """One call of the signature `stream`; neither it nor the client counts frames.

        The context's length tells how many of its frames have been heard: all but those whose
        later neighbours were missing, and none before the clip could be reflected at its beginning.
        """
        assert self.context_frames is not None
        hop, smallest = self.mel_spec.hop_size, self.smallest_frames
        after = self.context_frames[1]
        longest = max(sum(self.context_frames), smallest)
        window = tf.concat([context, mel], axis=1)
        frames = tf.shape(window)[1]

        def complete(frames: tf.Tensor) -> tf.Tensor:
            return tf.where(frames < smallest, 0, tf.maximum(frames - after, 0))

        first = complete(tf.shape(context)[1])
        last = tf.where(final, frames, complete(frames))
        audio = self.synthesize(window)["audio"][:, first * hop : last * hop]
        return {"audio": audio, "context": window[:, tf.maximum(frames - longest, 0) :]}

    def signatures(self) -> dict[str, Callable[..., dict[str, tf.Tensor]]]:
        """See `ServingModule.signatures`."""
        signatures = {"serving_default": self.synthesize}
        return signatures if self.context_frames is None else signatures | {"stream": self.stream}

    def examples(self) -> list[tuple[str, Inputs]]:
        """One clip of about two seconds, and a batch of short ones; the mels are noise."""
        spec = self.mel_spec
        rng = np.random.default_rng(0)
        low, high = sorted((spec.silence, spec.compress_level(1.0)))
        frames = spec.frames(2 * spec.sampling_rate)
        shapes = [(1, frames, spec.num_mels), (4, frames // 4, spec.num_mels)]
        mels = [rng.uniform(low, high, shape).astype(np.float32) for shape in shapes]
        examples = [("serving_default", {"mel": mel}) for mel in mels]
        if self.context_frames is not None:
            first, rest = np.split(mels[0], [frames // 2], axis=1)
            for context, mel, final in ((first[:, :0], first, False), (first, rest, True)):
                inputs = {"mel": mel, "context": context, "final": np.array(final)}
                examples.append(("stream", inputs))
        return examples

    def describe(self) -> dict[str, Any]:
        """See `ServingModule.describe`."""
        spec = self.mel_spec
        return {
            "sampling_rate": spec.sampling_rate,
            "hop_size": spec.hop_size,
            "mel_spec": spec.to_dict(),
            "mel_fingerprint": spec.fingerprint,
            "smallest_frames": self.smallest_frames,
            "context_frames": self.context_frames,
            "signatures": {name: self._describe(name) for name in self.signatures()},
        }

    def _describe(self, signature: str) -> dict[str, Any]:
        """Inputs and outputs of a signature: data type, shape and meaning of each."""
        spec, bands = self.mel_spec, self.mel_spec.num_mels

        samples = f"samples at {spec.sampling_rate} Hz within -1..1"
        mel = describe_tensor(
            ["B", "T", bands], "raw log-mel of mel_spec; it is normalised in the graph"
        )
        if signature == "serving_default":
            audio = describe_tensor(["B", f"T * {spec.hop_size}"], samples)
            return {"inputs": {"mel": mel}, "outputs": {"audio": audio}}
        context = describe_tensor(["B", "C", bands], "that of the call before; at first C = 0")
        final = describe_tensor([], "whether the clip ends with this mel, whose T may be 0", "bool")
        return {
            "inputs": {"mel": mel, "context": context, "final": final},
            "outputs": {
                "audio": describe_tensor(
                    ["B", "N"], f"the next {samples}; over all calls T * hop_size"
                ),
                "context": describe_tensor(["B", "C", bands], "mel frames for the next call"),
            },
        }


def describe_tensor(shape: list[Any], content: str, dtype: str = "float32") -> dict[str, Any]:
    """An input or output in the metadata of an export, JSON-ready."""
    return {"dtype": dtype, "shape": shape, "content": content}


def _smallest_frames(network: keras.Model, spec: MelSpec) -> int:
    """Fewest frames without an error, found by trying: reflections need more than they mirror."""
    for frames in range(1, _MOST_SMALLEST_FRAMES + 1):
        try:
            audio = network(tf.zeros((1, frames, spec.num_mels)), training=False)
        except tf.errors.InvalidArgumentError:
            continue
        if audio.shape != (1, frames * spec.hop_size, 1):
            raise ExportError(
                f"network {network.name} gives {audio.shape[1]} samples x {audio.shape[2]} for"
                f" {frames} frames; the mel definition's hop_size {spec.hop_size} asks for"
                f" {frames * spec.hop_size} x 1"
            )
        return frames
    raise ExportError(
        f"network {network.name} takes no mel of 1 to {_MOST_SMALLEST_FRAMES} frames; check its"
        " kernel sizes and padding"
    )
