"""Held-out evaluation and samples of a vocoder during training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_gantts.audio import plot
from tf_gantts.audio.files import write_wav
from tf_gantts.audio.mel import log_mel
from tf_gantts.data.segments import held_out_segments, read_clip
from tf_gantts.data.store import FeatureStore
from tf_gantts.evaluation.listening.training_page import write_training_page
from tf_gantts.evaluation.missing import Missing
from tf_gantts.evaluation.scores import metrics_named
from tf_gantts.training.loggers import Loggers
from tf_gantts.training.system import System

_LOG = logging.getLogger(__name__)

_SAMPLE_SECONDS = 10  # longer clips are cut for the samples and the metrics


class HeldOutClips:
    """Clips that training never sees: measured in whole, sampled in part.

    Args:
        system: The system under training.
        store: The feature store.
        strategy: Where the steps run.
        split: Which split to evaluate.
    """

    def __init__(
        self,
        system: System,
        store: FeatureStore,
        strategy: tf.distribute.Strategy,
        split: str = "valid",
    ) -> None:
        self._system = system
        self._strategy = strategy
        hparams = system.hparams
        self._segments = held_out_segments(store, split, hparams.eval_max_frames)
        self._metrics = metrics_named(hparams.eval_metrics)
        self._measured = hparams.eval_metric_clips if self._metrics else 0
        self._sampled = hparams.num_save_intermediate_results
        most = max(self._measured, self._sampled)
        self._clips = self._load_clips(store, store.splits[split][:most])
        self._steps: dict[str, Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]] = {}
        self._synthesize = tf.function(
            lambda mel: strategy.run(system.synthesize, args=(mel,)), reduce_retracing=True
        )

    def _load_clips(
        self, store: FeatureStore, indices: Sequence[int]
    ) -> list[tuple[str, np.ndarray, np.ndarray]]:
        spec = store.spec
        most = _SAMPLE_SECONDS * spec.sampling_rate // spec.hop_size
        clips = []
        for index in indices:
            mel, audio = read_clip(store, index)
            audio = audio[: most * spec.hop_size]
            clips.append((store.utterances[index].id, mel[:most], audio))
        return clips

    def evaluate(self, phase: str) -> dict[str, float]:
        """Means of `System.evaluation_step` over all clips, as `eval/NAME`.

        A segment counts as many times as it has frames that no other segment covers. With
        `eval_metrics`, also the means of their columns over the first `eval_metric_clips` clips.
        """
        if phase not in self._steps:

            def step(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
                return self._strategy.run(self._system.evaluation_step, args=(batch, phase))

            self._steps[phase] = tf.function(step, autograph=False)
        totals: dict[str, float] = {}
        frames = 0.0
        for segment in self._segments:
            weight = float(segment["mask"].sum())
            batch = {name: tf.constant(segment[name]) for name in ("mel", "audio")}
            for name, value in self._steps[phase](batch).items():
                local = self._strategy.experimental_local_results(value)[0]
                totals[name] = totals.get(name, 0.0) + weight * float(local)
            frames += weight
        means = {name: total / frames for name, total in totals.items()} | self._quality()
        return {f"eval/{name}": value for name, value in means.items()}

    def _quality(self) -> dict[str, float]:
        """Means of the metrics' columns; a column without a number on any clip is left out."""
        spec = self._system.mel_spec
        values: dict[str, list[float]] = {}
        for name, mel, natural in self._clips[: self._measured]:
            generated = np.nan_to_num(self._generate(mel))
            for metric in self._metrics:
                for column, value in metric.score(natural, generated, spec).items():
                    if isinstance(value, Missing):
                        _LOG.warning("%s of %s: %s", column, name, value.reason)
                    if np.isfinite(value):
                        values.setdefault(column, []).append(float(value))
        return {column: float(np.mean(found)) for column, found in values.items()}

    def _generate(self, mel: np.ndarray) -> np.ndarray:
        """The waveform of one of the clips, (samples,)."""
        spec = self._system.mel_spec
        longest = max(len(mel) for _, mel, _ in self._clips)
        padding = ((0, longest - len(mel)), (0, 0))  # one static shape for all clips
        padded = np.pad(mel, padding, constant_values=spec.silence)
        result = self._synthesize(tf.constant(padded[np.newaxis]))
        result = self._strategy.experimental_local_results(result)[0]
        return result.numpy()[0, : len(mel) * spec.hop_size, 0]

    def save_samples(self, run: Path, step: int, loggers: Loggers) -> None:
        """Writes the samples of a step as WAV and PNG, and hands them to the loggers.

        Every `listening_page_interval_steps`, also RUN/samples/listening.html with the samples of
        several steps.
        """
        if not self._sampled:
            return
        spec = self._system.mel_spec
        folder = run / "samples" / f"step-{step:08d}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, mel, natural in self._clips[: self._sampled]:
            safe = np.nan_to_num(self._generate(mel))
            write_wav(folder / f"{name}.wav", safe, spec.sampling_rate)
            rows = {"natural": log_mel(natural, spec), "generated": log_mel(safe, spec)}
            plot.save_spectrogram(folder / f"{name}.png", rows, spec, title=f"{name}, step {step}")
            loggers.audio(f"samples/{name}", safe, spec.sampling_rate, step)
            loggers.image(f"samples/{name}", plot.spectrogram_image(rows), step)
        interval = self._system.hparams.listening_page_interval_steps
        if interval and step % interval == 0:
            recordings = {name: audio for name, _, audio in self._clips[: self._sampled]}
            write_training_page(run / "samples", recordings, spec.sampling_rate)
