"""Text to waveform in one graph: sentences, acoustic model, vocoder, joined again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tf_gantts.audio.graph import convert_mel
from tf_gantts.audio.join_graph import join_speech
from tf_gantts.audio.mel_conversion import MelConversion
from tf_gantts.serving.acoustic import EXAMPLES, AcousticModule, Conditions, Outputs, Reading
from tf_gantts.serving.signatures import Inputs, ServingModule, VocoderModule, describe_tensor
from tf_gantts.text.graph import SentencesGraph

# So that memory does not grow with the text; more in one go are hardly faster.
_SPOKEN_TOGETHER = 16


class TextToSpeechModule(ServingModule):
    """Text to waveform.

    The signature `serving_default` maps `text` (B,), of any length, to `audio` (B, samples)
    float32 with zeros after each end, `lengths` (B,) in samples, and `finished` (B,), whether all
    of its speech ended by itself. Sentences are spoken in groups of similar length, vocoded one by
    one, and joined with pauses. A text with nothing to read has no samples. The signatures `mel`
    and `attention`, and the inputs `speaker` and `style`, are those of `AcousticModule`.

    Args:
        acoustic: Text to mel.
        vocoder: Mel to waveform.

    Attributes:
        conversion: From the acoustic model's mels to the vocoder's.

    Raises:
        MelSpecMismatchError: If the mels of one cannot become those of the other.
    """

    def __init__(self, acoustic: AcousticModule, vocoder: VocoderModule) -> None:
        super().__init__(name="text_to_speech")
        here, there = "the acoustic model", "the vocoder"
        self.conversion = MelConversion(acoustic.mel_spec, vocoder.mel_spec, here, there)
        self._acoustic = acoustic
        self._sentences = SentencesGraph()
        self.vocoder_weights = vocoder.weights
        # In a closure: the vocoder's own signatures are no part of the export.
        self._synthesize = lambda mel: vocoder.synthesize(mel[tf.newaxis])["audio"][0]
        self._vocoder_spec = vocoder.mel_spec
        self._signatures = acoustic.signatures() | {"serving_default": acoustic.of_texts(self._say)}
        if acoustic.controls:
            self._signatures["controlled"] = acoustic.of_texts(self._say, controlled=True)

    def signatures(self) -> dict[str, Callable[..., dict[str, tf.Tensor]]]:
        """See `ServingModule.signatures`."""
        return dict(self._signatures)

    def examples(self) -> list[tuple[str, Inputs]]:
        """One text alone, several long and short and empty, and those of the acoustic model."""
        acoustic = self._acoustic
        several = (" ".join(EXAMPLES), *EXAMPLES)
        return [
            ("serving_default", acoustic.example(EXAMPLES[:1])),
            ("serving_default", acoustic.example(several)),
            ("mel", acoustic.example(EXAMPLES)),
            ("attention", acoustic.example(EXAMPLES)),
            *acoustic.controlled_examples(),
        ]

    def describe(self) -> dict[str, Any]:
        """See `ServingModule.describe`."""
        spec = self._vocoder_spec
        outputs = {
            "audio": describe_tensor(
                ["B", "N"], f"samples at {spec.sampling_rate} Hz within -1..1, 0 after each end"
            ),
            "lengths": describe_tensor(["B"], "samples", "int32"),
            "finished": describe_tensor(["B"], "whether speech ended by itself", "bool"),
        }
        speech = {"inputs": self._acoustic.describe_inputs(), "outputs": outputs}
        signatures = self._acoustic.describe_signatures() | {"serving_default": speech}
        if self._acoustic.controls:
            controlled = speech["inputs"] | self._acoustic.describe_controls()
            signatures["controlled"] = {"inputs": controlled, "outputs": outputs}
        return self._acoustic.describe_acoustics() | {
            "vocoder_mel_fingerprint": spec.fingerprint,
            "mel_conversion": self.conversion.name,
            "signatures": signatures,
        }

    def _say(self, text: tf.Tensor, conditions: Conditions) -> Outputs:
        pieces, pauses = self._sentences(text)
        reading, texts = self._acoustic.read(pieces.flat_values), pieces.value_rowids()
        sound = tf.where(self._acoustic.has_sound(reading))[:, 0]
        reading, texts = _gather(reading, sound), tf.gather(texts, sound)
        pauses = tf.gather(pauses.flat_values, sound)
        mels, finished = self._spoken_in_groups(reading, _gather(conditions, texts))
        clips = tf.map_fn(
            self._synthesize,
            mels.with_flat_values(convert_mel(mels.flat_values, self.conversion)),
            fn_output_signature=tf.RaggedTensorSpec([None], tf.float32, ragged_rank=0),
            parallel_iterations=1,
        )
        count, rate = tf.size(text), self._vocoder_spec.sampling_rate
        speech = join_speech(clips, pauses, texts, count, rate)
        # The minimum of no sentences is the largest number.
        all_finished = tf.math.unsorted_segment_min(tf.cast(finished, tf.int32), texts, count) > 0
        return {
            "audio": speech.to_tensor(0.0),
            "lengths": tf.cast(speech.row_lengths(), tf.int32),
            "finished": all_finished,
        }

    def _spoken_in_groups(
        self, reading: Reading, conditions: Conditions
    ) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """Raw mels (P, None, n_mels) of utterances (P,), and whether each finished (P,)."""
        order = tf.argsort(reading["ids"].row_lengths(), direction="DESCENDING", stable=True)

        def speak(first: tf.Tensor) -> tuple[tf.RaggedTensor, tf.Tensor]:
            group = order[first : first + _SPOKEN_TOGETHER]
            spoken = self._acoustic.speak(_gather(reading, group), _gather(conditions, group))
            mels = tf.RaggedTensor.from_tensor(spoken["mel"], lengths=spoken["lengths"])
            return mels, spoken["finished"]

        bands = self._acoustic.mel_spec.num_mels
        mels, finished = tf.map_fn(
            speak,
            tf.range(0, tf.size(order), _SPOKEN_TOGETHER),
            fn_output_signature=(
                tf.RaggedTensorSpec([None, None, bands], tf.float32, ragged_rank=1),
                tf.RaggedTensorSpec([None], tf.bool, ragged_rank=0),
            ),
            parallel_iterations=1,
        )
        places = tf.argsort(order)
        mels = tf.gather(mels.merge_dims(0, 1), places)
        return mels, tf.gather(finished.merge_dims(0, 1), places)


def _gather(values: Mapping[str, Any], rows: tf.Tensor) -> dict[str, Any]:
    """Some rows of several tensors."""
    return {name: tf.gather(value, rows) for name, value in values.items()}
