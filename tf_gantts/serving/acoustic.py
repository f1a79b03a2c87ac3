"""Acoustic models for servers: text to mel-spectrogram and attention."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tf_gantts.data.symbol_tracks import TOKENS, UTTERANCE
from tf_gantts.porting.symbol_states import SymbolStatesGraph
from tf_gantts.porting.text_encoder import TextEncoderGraph
from tf_gantts.serving.signatures import Inputs, ServingModule, describe_tensor

if TYPE_CHECKING:
    from tf_gantts.training.acoustic_system import AcousticSystem

Conditions = Mapping[str, tf.Tensor]
Outputs = dict[str, tf.Tensor]
# Texts as a model gets them: `ids`, symbols (B, None), and, of a text encoder, `text_states` (B,
# None, dim) of the symbols, both ragged, and `utterance_embedding` (B, dim).
Reading = dict[str, Any]

EXAMPLES = ("The quick brown fox jumps over the lazy dog.", "Is it 3 o'clock?", "")


class AcousticModule(ServingModule):
    """Text to raw log-mel; front end and normalisation are inside.

    Each text is spoken as one utterance. The signature `serving_default` (also `mel`) maps `text`
    (B,) to `mel` (B, T, n_mels), with silence after each end, `lengths` (B,) in frames, `finished`
    (B,), whether speech ended by itself, and `alignment_score` (B,). The signature `attention` maps
    it to `attention` (B, S, N) with `steps` and `symbols` (B,), the lengths of each. Models of
    several speakers or styles take their names as further inputs, `speaker` and `style`, (B,) or
    one for all. Where speech can be controlled, the signature `controlled` is as `serving_default`
    with the system's `controls` as further inputs, (B,) or one for all. A text with nothing to read
    has no frames.

    What a text becomes is always the same: all noise has a fixed seed.

    Args:
        system: Built for inference; its weights are shared, not copied.

    Attributes:
        mel_spec: The mel definition of the output.
        label_names: Names of the speakers and styles that the model knows.
    """

    def __init__(self, system: AcousticSystem) -> None:
        super().__init__(name="acoustic")
        self.mel_spec = system.mel_spec
        # A proxy, because tf.Module turns plain dicts into something that is no JSON.
        self.label_names = MappingProxyType(system.label_names)
        self.weights = [*(v.value for v in system.variables), *system.speaking_state]
        self.controls = MappingProxyType(system.controls)
        front_end = system.front_end
        self._front_end = front_end.graph()
        self._has_sound = [i in front_end.spoken_ids for i in range(front_end.vocabulary_size)]
        self._numbers = {key: _Numbers(key, names) for key, names in system.label_names.items()}
        facts = {
            "front_end": front_end.description(),
            "speakers": system.label_names.get("speaker", []),
            "styles": system.label_names.get("style", []),
            "frames_per_step": system.frames_per_step,
        }
        self._facts = MappingProxyType(facts)
        reading: dict[str, Any] = {"ids": tf.RaggedTensorSpec([None, None], tf.int32)}
        self._states = None
        encoder = system.text_encoder
        if encoder is not None:
            self._states = SymbolStatesGraph(
                self._front_end, TextEncoderGraph(encoder, system.pooling)
            )
            dim = encoder.hidden_size
            reading[TOKENS] = tf.RaggedTensorSpec([None, None, dim], tf.float32, ragged_rank=1)
            reading[UTTERANCE] = tf.TensorSpec([None, dim], tf.float32)
        conditions = dict.fromkeys(self.label_names, tf.TensorSpec([None], tf.int32))
        conditions |= dict.fromkeys(self.controls, tf.TensorSpec([None], tf.float32))
        speak = _speaker(system, self.has_sound)
        # Traced once for all signatures.
        self._speak = tf.function(speak, [reading, conditions], autograph=False)
        mel = self.of_texts(self._mel)
        attention = self.of_texts(lambda text, given: _only(self._utter(text, given), _ATTENTION))
        self._signatures = {"serving_default": mel, "mel": mel, "attention": attention}
        if self.controls:
            self._signatures["controlled"] = self.of_texts(self._mel, controlled=True)

    def speak(self, reading: Reading, conditions: Conditions) -> Outputs:
        """Speaks in a graph.

        Args:
            reading: Texts (B,) from `read`.
            conditions: Numbers (B,) of the speakers and styles, and the controls (B,).

        Returns:
            The outputs of both signatures.
        """
        return self._speak(reading, dict(conditions))

    def read(self, text: tf.Tensor) -> Reading:
        """What the model gets of texts (B,)."""
        ids = self._front_end.ragged(text)
        if self._states is None:
            return {"ids": ids}
        states, utterance = self._states(text)
        ragged = tf.RaggedTensor.from_tensor(states, lengths=ids.row_lengths())
        return {"ids": ids, TOKENS: ragged, UTTERANCE: utterance}

    def has_sound(self, reading: Reading) -> tf.Tensor:
        """Whether there is anything to say in texts (B,): (B,)."""
        ids = reading["ids"]
        return tf.reduce_any(ids.with_flat_values(tf.gather(self._has_sound, ids.flat_values)), 1)

    def of_texts(
        self, function: Callable[[tf.Tensor, Conditions], Outputs], controlled: bool = False
    ) -> Callable[..., dict[str, tf.Tensor]]:
        """A signature from a function of texts (B,) and their conditions (B,).

        Its inputs are `text`, the names of the labels and, if `controlled`, the controls, which
        otherwise have the values that change nothing.
        """

        def named(text: tf.Tensor, **given: tf.Tensor) -> Outputs:
            conditions = {key: numbers(given[key]) for key, numbers in self._numbers.items()}
            conditions |= {
                key: given.get(key, tf.constant([value])) for key, value in self.controls.items()
            }
            shape = tf.shape(text)
            return function(text, {k: tf.broadcast_to(x, shape) for k, x in conditions.items()})

        specs = {
            key: tf.TensorSpec([None], tf.string, name=key) for key in ("text", *self._numbers)
        }
        if controlled:
            specs |= {key: tf.TensorSpec([None], tf.float32, name=key) for key in self.controls}
        return tf.function(named, autograph=False).get_concrete_function(**specs)

    def signatures(self) -> dict[str, Callable[..., dict[str, tf.Tensor]]]:
        """See `ServingModule.signatures`."""
        return dict(self._signatures)

    def examples(self) -> list[tuple[str, Inputs]]:
        """One text alone, and several with an empty one among them."""
        return [
            ("serving_default", self.example(EXAMPLES[:1])),
            ("mel", self.example(EXAMPLES)),
            ("attention", self.example(EXAMPLES)),
            *self.controlled_examples(),
        ]

    def controlled_examples(self) -> list[tuple[str, Inputs]]:
        """A request of the signature `controlled`, if there is one."""
        values = {key: np.array([value], np.float32) for key, value in self.controls.items()}
        return [("controlled", self.example(EXAMPLES) | values)] if values else []

    def example(self, texts: Sequence[str]) -> Inputs:
        """A request of the first speaker and style."""
        words = {key: names[:1] for key, names in self.label_names.items()}
        inputs = {"text": texts, **words}
        return {key: np.array([x.encode() for x in value], object) for key, value in inputs.items()}

    def describe(self) -> dict[str, Any]:
        """See `ServingModule.describe`."""
        return self.describe_acoustics() | {"signatures": self.describe_signatures()}

    def describe_acoustics(self) -> dict[str, Any]:
        """Front end, labels and mel definition."""
        spec = self.mel_spec
        return {
            **self._facts,
            "sampling_rate": spec.sampling_rate,
            "hop_size": spec.hop_size,
            "mel_spec": spec.to_dict(),
            "mel_fingerprint": spec.fingerprint,
        }

    def describe_inputs(self) -> dict[str, Any]:
        """Text, and the names of the labels."""
        inputs = {"text": describe_tensor(["B"], "any text in UTF-8", "string")}
        for key, names in self.label_names.items():
            inputs[key] = describe_tensor(["B"], f"or one for all; of {names}", "string")
        return inputs

    def describe_controls(self) -> dict[str, Any]:
        """What the signature `controlled` takes besides."""
        return {
            key: describe_tensor(["B"], f"or one for all; {_CONTROLS[key]}, normally {value}")
            for key, value in self.controls.items()
        }

    def describe_signatures(self) -> dict[str, Any]:
        """Inputs and outputs of every signature."""
        inputs = self.describe_inputs()
        mel = {
            "mel": describe_tensor(["B", "T", self.mel_spec.num_mels], "raw log-mel of mel_spec"),
            "lengths": describe_tensor(["B"], "frames", "int32"),
            "finished": describe_tensor(["B"], "whether speech ended by itself", "bool"),
            "alignment_score": describe_tensor(["B"], "mean of each step's largest attention"),
        }
        attention = {
            "attention": describe_tensor(["B", "S", "N"], "share of each symbol in each step"),
            "steps": describe_tensor(["B"], "decoder steps", "int32"),
            "symbols": describe_tensor(["B"], "symbols of the text", "int32"),
        }
        mel_signature = {"inputs": inputs, "outputs": mel}
        signatures = {
            "serving_default": mel_signature,
            "mel": mel_signature,
            "attention": {"inputs": inputs, "outputs": attention},
        }
        if self.controls:
            controlled = inputs | self.describe_controls()
            signatures["controlled"] = {"inputs": controlled, "outputs": mel}
        return signatures

    def _utter(self, text: tf.Tensor, conditions: Conditions) -> Outputs:
        return self.speak(self.read(text), conditions)

    def _mel(self, text: tf.Tensor, conditions: Conditions) -> Outputs:
        return _without(self._utter(text, conditions), _ATTENTION)


class _Numbers(tf.Module):
    """Numbers of the names of a label; others are errors."""

    def __init__(self, key: str, names: Sequence[str]) -> None:
        super().__init__()
        self._error = f"{key} is none of {names}:"
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(list(names)), tf.range(len(names), dtype=tf.int32)
            ),
            default_value=-1,
        )

    def __call__(self, name: tf.Tensor) -> tf.Tensor:
        number = self._table.lookup(name)
        known = tf.debugging.Assert(tf.reduce_all(number >= 0), [self._error, name])
        with tf.control_dependencies([known]):
            return tf.identity(number)


_CONTROLS = {
    "pace": "speaking rate, 2 is twice as fast",
    "pitch_shift": "semitones",
    "energy_shift": "decibels",
}
_ATTENTION = frozenset({"attention", "steps", "symbols"})


def _speaker(
    system: AcousticSystem, has_sound: Callable[[Reading], tf.Tensor]
) -> Callable[[Reading, Conditions], Outputs]:
    """`AcousticModule.speak` in a closure, which keeps the Keras objects out of the export."""
    pad_id = system.front_end.pad_id

    def speak(reading: Reading, conditions: Conditions) -> Outputs:
        ids = reading["ids"]
        padded, lengths = ids.to_tensor(pad_id), tf.cast(ids.row_lengths(), tf.int32)
        batch, symbols = tf.shape(padded)[0], tf.shape(padded)[1]
        # No network takes an empty batch or an empty text.
        rows, columns = [0, tf.maximum(1 - batch, 0)], [0, tf.maximum(1 - symbols, 0)]
        text = {
            "ids": tf.pad(padded, [rows, columns], constant_values=pad_id),
            "id_lengths": tf.maximum(tf.pad(lengths, [rows]), 1),
            **{key: tf.pad(value, [rows]) for key, value in conditions.items()},
        }
        if TOKENS in reading:
            text[TOKENS] = tf.pad(reading[TOKENS].to_tensor(), [rows, columns, [0, 0]])
            text[UTTERANCE] = tf.pad(reading[UTTERANCE], [rows, [0, 0]])
        spoken = system.speak(text, tf.zeros([2], tf.int32))
        spoken = {name: value[:batch] for name, value in spoken.items()}
        sound = has_sound(reading)
        frames = tf.where(sound, spoken["lengths"], 0)
        steps = -(-frames // system.frames_per_step)
        attention = tf.where(sound[:, tf.newaxis, tf.newaxis], spoken["alignments"], 0.0)
        return {
            "mel": system.silence_after(spoken["mel"], frames)[:, : _longest(frames)],
            "lengths": frames,
            "finished": spoken["finished"] | ~sound,
            "alignment_score": tf.where(sound, spoken["alignment_score"], 0.0),
            "attention": attention[:, : _longest(steps), :symbols],
            "steps": steps,
            "symbols": lengths,
        }

    return speak


def _only(outputs: Outputs, names: frozenset[str]) -> Outputs:
    return {name: value for name, value in outputs.items() if name in names}


def _without(outputs: Outputs, names: frozenset[str]) -> Outputs:
    return {name: value for name, value in outputs.items() if name not in names}


def _longest(lengths: tf.Tensor) -> tf.Tensor:
    """The largest of lengths (B,), 0 if there are none."""
    return tf.reduce_max(tf.pad(lengths, [[0, 1]]))
