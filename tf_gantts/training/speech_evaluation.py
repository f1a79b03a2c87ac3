"""Held-out evaluation and samples of an acoustic model during training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tf_gantts.audio import plot
from tf_gantts.audio.files import write_wav
from tf_gantts.data.store import FeatureStore
from tf_gantts.data.utterances import batch_of, held_out_batches
from tf_gantts.evaluation import alignment
from tf_gantts.training.acoustic_system import AcousticSystem
from tf_gantts.training.loggers import Loggers

_SPOKEN_AT_MOST = 8  # together, so that the decoder's loop runs once


class HeldOutSpeech:
    """Utterances that training never sees: teacher-forced in whole, some of them spoken.

    Args:
        system: The system under training.
        store: The feature store.
        strategy: Where the steps run.
        make_audible: Turns a raw log-mel (T, n_mels) into samples, which are saved.
        split: Which split to evaluate.
    """

    def __init__(
        self,
        system: AcousticSystem,
        store: FeatureStore,
        strategy: tf.distribute.Strategy,
        make_audible: Callable[[np.ndarray], np.ndarray],
        split: str = "valid",
    ) -> None:
        self._system = system
        self._store = store
        self._strategy = strategy
        self._make_audible = make_audible
        self._transcripts = system.transcripts(store, split)
        self._pad_id = system.front_end.pad_id
        count = min(system.hparams.num_save_intermediate_results, _SPOKEN_AT_MOST)
        # Spread over the durations, which are ascending.
        last = len(self._transcripts.utterances) - 1
        self._sampled = sorted({round(x) for x in np.linspace(0, last, count)})
        self._forced = tf.function(
            lambda batch: strategy.run(system.forced, args=(batch,)), autograph=False
        )
        self._speak = tf.function(
            lambda batch, seed: strategy.run(system.speak, args=(batch, seed)), autograph=False
        )
        self._batch = self._sampled_batch() if self._sampled else {}
        self._spoken: dict[str, np.ndarray] = {}

    def evaluate(self, phase: str) -> dict[str, float]:
        """Means over all utterances, as `eval/NAME`.

        The losses of teacher forcing, with which the system is calibrated, `forced_NAME` of its
        attention, and of the sampled texts, spoken freely: `spoken_NAME` of the attention and
        `spoken_finished`, the share that ended by itself.
        """
        totals: dict[str, float] = {}
        frames, attentions = 0.0, []
        batch_size = self._system.hparams.batch_size
        for batch in held_out_batches(self._store, self._transcripts, batch_size, self._pad_id):
            outputs, losses = self._local(self._forced(_tensors(batch)))
            weight = float(batch["mel_lengths"].sum())
            for name, value in losses.items():
                totals[name] = totals.get(name, 0.0) + weight * float(value)
            frames += weight
            attentions += self._attentions(outputs, batch["mel_lengths"], batch["id_lengths"])
        means = {name: total / frames for name, total in totals.items()}
        self._system.calibrate(means)
        means |= self._diagnose("forced", attentions)
        return {f"eval/{name}": value for name, value in (means | self._evaluate_speech()).items()}

    def save_samples(self, run: Path, step: int, loggers: Loggers) -> None:
        """Writes the spoken texts as WAV (through Griffin-Lim) and PNG (mel and attention).

        Of a system that aligns the recordings itself, the PNG of that as well.
        """
        if not self._sampled:
            return
        spec = self._system.mel_spec
        folder = run / "samples" / f"step-{step:08d}"
        folder.mkdir(parents=True, exist_ok=True)
        attentions = self._attentions(
            self._spoken, self._spoken["lengths"], self._batch["id_lengths"]
        )
        found = self._found_alignments()
        for row, place in enumerate(self._sampled):
            stored = self._store.utterances[self._transcripts.utterances[place]]
            mel = self._spoken["mel"][row, : self._spoken["lengths"][row]]
            audio = self._make_audible(mel)
            write_wav(folder / f"{stored.id}.wav", audio, spec.sampling_rate)
            natural = self._store.read(int(self._transcripts.utterances[place]), "mel")
            rows = {"natural": natural, "spoken": mel}
            title = f"{stored.text[:80]} (step {step})"
            plot.save_spectrogram(folder / f"{stored.id}.png", rows, spec, title=title)
            plot.save_alignment(folder / f"{stored.id}_attention.png", attentions[row], title)
            loggers.audio(f"samples/{stored.id}", audio, spec.sampling_rate, step)
            loggers.image(f"samples/{stored.id}", plot.spectrogram_image(rows), step)
            picture = plot.spectrogram_image(attentions[row])
            loggers.image(f"attention/{stored.id}", picture, step)
            if found:
                plot.save_alignment(folder / f"{stored.id}_alignment.png", found[row], title)
                picture = plot.spectrogram_image(found[row])
                loggers.image(f"alignment/{stored.id}", picture, step)

    def _found_alignments(self) -> list[np.ndarray]:
        """Of the sampled recordings (T, N), where neither attention nor the features have them."""
        if self._system.has_attention or "durations" in self._system.tracks:
            return []
        outputs, _ = self._local(self._forced(_tensors(self._batch)))
        return self._attentions(outputs, self._batch["mel_lengths"], self._batch["id_lengths"])

    def _evaluate_speech(self) -> dict[str, float]:
        if not self._sampled:
            return {}
        batch = self._batch
        text = {name: batch[name] for name in batch if not name.startswith("mel")}
        outputs = self._local(self._speak(_tensors(text), tf.zeros((2,), tf.int32)))
        self._spoken = {name: value.numpy() for name, value in outputs.items()}
        attentions = self._attentions(self._spoken, self._spoken["lengths"], batch["id_lengths"])
        finished = {"spoken_finished": float(self._spoken["finished"].mean())}
        return finished | self._diagnose("spoken", attentions)

    def _sampled_batch(self) -> dict[str, np.ndarray]:
        transcripts, places = self._transcripts, self._sampled
        symbols, frames = transcripts.symbols[places].max(), transcripts.frames[places].max()
        shape = (len(places), int(symbols), int(frames))
        return batch_of(self._store, transcripts, places, shape, self._pad_id)

    def _attentions(
        self,
        outputs: Mapping[str, np.ndarray | tf.Tensor],
        frames: np.ndarray,
        symbols: np.ndarray,
    ) -> list[np.ndarray]:
        """The alignments (S, N) of a batch without padding; none of rows without frames."""
        found = outputs.get("alignments")
        if found is None:
            return []
        per_step = self._system.frames_per_step
        return [
            row[: -(-int(length) // per_step), : int(count)]
            for row, length, count in zip(np.asarray(found), frames, symbols, strict=True)
            if length
        ]

    def _diagnose(self, prefix: str, attentions: list[np.ndarray]) -> dict[str, float]:
        """Means over some alignments; nothing of a system whose alignments are durations."""
        if not attentions or not self._system.has_attention:
            return {}
        scores = [alignment.score(attention) for attention in attentions]
        return {
            f"{prefix}_attention_focus": float(np.mean([s.focus_rate for s in scores])),
            f"{prefix}_attention_diagonality": float(np.mean([s.diagonality for s in scores])),
            f"{prefix}_attention_coverage": float(np.mean([s.coverage for s in scores])),
            f"{prefix}_skipped_symbols": float(np.mean([len(s.skipped) for s in scores])),
            f"{prefix}_repeated_symbols": float(np.mean([len(s.repeated) for s in scores])),
        }

    def _local(self, result: Any) -> Any:
        """The outputs of the first replica."""
        return tf.nest.map_structure(
            lambda value: self._strategy.experimental_local_results(value)[0], result
        )


def _tensors(batch: Mapping[str, np.ndarray]) -> dict[str, tf.Tensor]:
    return {name: tf.constant(value) for name, value in batch.items()}
