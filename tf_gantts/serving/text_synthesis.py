"""Speech of texts outside of a graph: with every front end, and everything there is to look at."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.linalg
import tensorflow as tf

from tf_gantts.audio.join import join_speech
from tf_gantts.audio.mel_conversion import MelConversion
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.data.symbol_tracks import TOKENS, UTTERANCE
from tf_gantts.errors import TextError
from tf_gantts.porting.symbol_states import symbol_states
from tf_gantts.serving.synthesis import Synthesis
from tf_gantts.text.sentences import Sentence, split_sentences
from tf_gantts.training.acoustic_system import AcousticSystem

_LOG = logging.getLogger(__name__)

PARTS = ("text", "acoustic model", "vocoder")

Text = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Reading:
    """A text as an acoustic model gets it.

    Attributes:
        texts: What the model gets of each sentence: `ids`, symbols int32 (N_i,), and, of a text
            encoder, `text_states` (N_i, dim) and `utterance_embedding` (dim,).
        pauses: Silence after each sentence in seconds; that of the last is not used.
        seconds: How long the reading took.
    """

    texts: list[Text]
    pauses: list[float]
    seconds: float


@dataclasses.dataclass(frozen=True)
class Utterance:
    """A spoken sentence.

    Attributes:
        mel: Raw log-mel of the acoustic model (T, n_mels).
        attention: Attention weights (steps, symbols).
        finished: Whether speech ended by itself.
        alignment_score: Mean over the steps of the largest attention weight.
        seconds: Its share of the computing time.
    """

    mel: np.ndarray
    attention: np.ndarray
    finished: bool
    alignment_score: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class Speech:
    """A spoken text.

    Attributes:
        audio: Samples (N,) float32.
        mel: Raw log-mel of the acoustic model (T, n_mels), sentences and pauses.
        attention: Attention weights (steps, symbols), the sentences one after the other.
        sentences: Number of sentences.
        unfinished: How many of them did not end by themselves.
        alignment_score: Mean over all steps of the largest attention weight.
        seconds: Computing time of each of `PARTS`.
    """

    audio: np.ndarray
    mel: np.ndarray
    attention: np.ndarray
    sentences: int
    unfinished: int
    alignment_score: float
    seconds: dict[str, float]


def read(text: str, system: AcousticSystem) -> Reading:
    """Cuts a text into sentences and reads them; those with nothing to read are left out.

    Raises:
        TextError: If there is nothing to read at all.
        PortingError: If the system's text encoder cannot be had.
    """
    start = time.perf_counter()
    texts: list[Text] = []
    kept, problems = [], []
    for sentence in split_sentences(text) or [Sentence(text, 0.0)]:
        try:
            texts.append({"ids": system.front_end(sentence.text)})
            kept.append(sentence)
        except TextError as error:
            problems.append(error)
    if not texts:
        raise problems[0]
    for problem in problems:
        _LOG.warning("left out: %s", problem)
    if system.text_encoder is not None:
        sentences = [sentence.text for sentence in kept]
        states, utterances = symbol_states(
            system.front_end, system.text_encoder, sentences, system.pooling
        )
        for place, own in enumerate(texts):
            own[TOKENS] = states[place, : len(own["ids"])]
            own[UTTERANCE] = utterances[place]
    pauses = [sentence.pause for sentence in kept]
    return Reading(texts, pauses, time.perf_counter() - start)


class AcousticSynthesis:
    """Mels of sentences, in batches of similar length; the batches do not change what is said.

    Args:
        system: Built for inference. Its graph is traced once, for any shape.
        batch_size: Most sentences that are spoken together.
        seed: Seed of all noise.
    """

    def __init__(self, system: AcousticSystem, batch_size: int = 16, seed: int = 0) -> None:
        self._system = system
        self._batch_size = batch_size
        self._seed = tf.constant([seed, 0])
        text = {"ids": tf.TensorSpec([None, None], tf.int32)}
        text |= dict.fromkeys(("id_lengths", *system.label_names), tf.TensorSpec([None], tf.int32))
        text |= dict.fromkeys(system.controls, tf.TensorSpec([None], tf.float32))
        self._dim = 0
        if system.text_encoder is not None:
            self._dim = system.text_encoder.hidden_size
            text[TOKENS] = tf.TensorSpec([None, None, self._dim], tf.float32)
            text[UTTERANCE] = tf.TensorSpec([None, self._dim], tf.float32)
        signature = [text, tf.TensorSpec([2], tf.int32)]
        self._speak = tf.function(system.speak, input_signature=signature, autograph=False)

    def warm_up(self) -> float:
        """Speaks one symbol, so that later times hold no preparation; returns the seconds."""
        start = time.perf_counter()
        text: Text = {"ids": np.zeros(1, np.int32)}
        if self._system.text_encoder is not None:
            symbol_states(self._system.front_end, self._system.text_encoder, ["a"])
            text |= {TOKENS: np.zeros((1, self._dim)), UTTERANCE: np.zeros(self._dim)}
        self([text], dict.fromkeys(self._system.label_names, 0))
        return time.perf_counter() - start

    def __call__(
        self, sentences: Sequence[Text], conditions: Mapping[str, float]
    ) -> list[Utterance]:
        """Speaks.

        Args:
            sentences: What the model gets of each, see `Reading`.
            conditions: The numbers of `AcousticSystem.labels`, and any of the system's controls.
        """
        order = sorted(range(len(sentences)), key=lambda place: -len(sentences[place]["ids"]))
        spoken: dict[int, Utterance] = {}
        for first in range(0, len(order), self._batch_size):
            group = order[first : first + self._batch_size]
            utterances = self._together([sentences[place] for place in group], conditions)
            spoken |= zip(group, utterances, strict=True)
        return [spoken[place] for place in range(len(sentences))]

    def _together(
        self, sentences: Sequence[Text], conditions: Mapping[str, float]
    ) -> list[Utterance]:
        start = time.perf_counter()
        outputs = self._speak(self._batch(sentences, conditions), self._seed)
        lengths = [len(sentence["ids"]) for sentence in sentences]
        outputs = {name: value.numpy() for name, value in outputs.items()}
        elapsed = time.perf_counter() - start
        frames = outputs["lengths"]
        steps = -(-frames // self._system.frames_per_step)
        return [
            Utterance(
                outputs["mel"][row, : frames[row]],
                outputs["alignments"][row, : steps[row], : lengths[row]],
                bool(outputs["finished"][row]),
                float(outputs["alignment_score"][row]),
                elapsed * frames[row] / frames.sum(),
            )
            for row in range(len(lengths))
        ]

    def _batch(
        self, sentences: Sequence[Text], conditions: Mapping[str, float]
    ) -> dict[str, np.ndarray]:
        """What `AcousticSystem.speak` takes."""
        lengths = np.array([len(sentence["ids"]) for sentence in sentences], np.int32)
        shape = len(lengths), lengths.max()
        given = {**self._system.controls, **conditions}
        numbers = {key: np.full(len(lengths), value) for key, value in given.items()}
        batch = {"ids": np.full(shape, self._system.front_end.pad_id, np.int32)}
        if self._dim:
            batch[TOKENS] = np.zeros((*shape, self._dim), np.float32)
            batch[UTTERANCE] = np.stack([sentence[UTTERANCE] for sentence in sentences])
        for row, sentence in enumerate(sentences):
            for name in batch.keys() & {"ids", TOKENS}:
                batch[name][row, : lengths[row]] = sentence[name]
        batch |= {"id_lengths": lengths, **numbers}
        return {
            name: value.astype(np.float32 if value.dtype.kind == "f" else np.int32)
            for name, value in batch.items()
        }


class TextSynthesis:
    """Speech of texts: what `TextToSpeechModule` does in the graph.

    Args:
        acoustic: Symbols to mels.
        vocode: Mels to waveforms.
        conversion: From the mels of the one to those of the other.
    """

    def __init__(
        self, acoustic: AcousticSynthesis, vocode: Synthesis, conversion: MelConversion
    ) -> None:
        self._acoustic = acoustic
        self._vocode = vocode
        self._conversion = conversion

    def __call__(
        self, readings: Sequence[Reading], conditions: Mapping[str, float]
    ) -> list[Speech]:
        """Speaks.

        Args:
            readings: The texts.
            conditions: As `AcousticSynthesis` takes them.
        """
        texts = [text for reading in readings for text in reading.texts]
        utterances = self._acoustic(texts, conditions)
        clips = self._vocode([self._conversion(utterance.mel) for utterance in utterances])
        spoken = iter(zip(utterances, clips, strict=True))
        speech = []
        for reading in readings:
            own = [next(spoken) for _ in reading.texts]
            speech.append(self._joined(reading, *zip(*own, strict=True)))
        return speech

    def _joined(
        self,
        reading: Reading,
        utterances: Sequence[Utterance],
        clips: Sequence[tuple[np.ndarray, float]],
    ) -> Speech:
        spec, pauses = self._conversion.source, reading.pauses
        steps = np.array([len(utterance.attention) for utterance in utterances])
        scores = np.array([utterance.alignment_score for utterance in utterances])
        seconds = (
            reading.seconds,
            sum(utterance.seconds for utterance in utterances),
            sum(share for _, share in clips),
        )
        return Speech(
            audio=join_speech([audio for audio, _ in clips], pauses, spec.sampling_rate),
            mel=_join_mels([u.mel for u in utterances], pauses, spec),
            attention=scipy.linalg.block_diag(*(u.attention for u in utterances)),
            sentences=len(utterances),
            unfinished=sum(not utterance.finished for utterance in utterances),
            alignment_score=float(np.average(scores, weights=steps)),
            seconds=dict(zip(PARTS, seconds, strict=True)),
        )


def _join_mels(mels: Sequence[np.ndarray], pauses: Sequence[float], spec: MelSpec) -> np.ndarray:
    parts = []
    for mel, pause in zip(mels, pauses, strict=True):
        silent = (round(pause * spec.sampling_rate / spec.hop_size), spec.num_mels)
        parts += [mel, np.full(silent, spec.silence, np.float32)]
    return np.concatenate(parts[:-1])
