"""Synthesis of clips: whole, in batches and with the time it took, or piece by piece."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from tf_gantts.audio.griffin_lim import griffin_lim
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.errors import ExportError
from tf_gantts.serving.signatures import VocoderModule
from tf_gantts.serving.streaming import stream
from tf_gantts.serving.windows import batches, cut

# Raw log-mels (T, n_mels) -> for each its waveform (T * hop_size,) and the seconds it took.
Synthesis = Callable[[Sequence[np.ndarray]], list[tuple[np.ndarray, float]]]


class VocoderSynthesis:
    """Waveforms of raw log-mels of any length, in bounded memory.

    Args:
        module: The vocoder. Its graph is traced once, for any shape.
        batch_size: Most windows that go through the network together.
        longest: Longest window in frames; longer clips are cut and joined without a seam.
    """

    def __init__(self, module: VocoderModule, batch_size: int = 1, longest: int = 1024) -> None:
        self._module = module
        self._batch_size = batch_size
        context = module.context_frames or (0, 0)
        self._longest = max(longest, 2 * (sum(context) + module.smallest_frames))

    def warm_up(self) -> float:
        """Runs the network once, so that later times hold no preparation; returns the seconds."""
        start = time.perf_counter()
        spec = self._module.mel_spec
        frames = min(self._longest, spec.frames(spec.sampling_rate))
        mel = tf.fill((self._batch_size, frames, spec.num_mels), np.float32(spec.silence))
        self._module.synthesize(mel)["audio"].numpy()
        return time.perf_counter() - start

    def __call__(self, mels: Sequence[np.ndarray]) -> list[tuple[np.ndarray, float]]:
        """Synthesises clips.

        Args:
            mels: Raw log-mels (T, n_mels) float32.

        Returns:
            For each its samples (T * hop_size,), float32, and its share of the computing time in
            seconds.
        """
        module, hop = self._module, self._module.mel_spec.hop_size
        windows = [
            window
            for clip, mel in enumerate(mels)
            for window in cut(
                clip,
                len(mel),
                module.context_frames,
                self._longest,
                self._batch_size > 1,
                module.smallest_frames,
            )
        ]
        waves = [np.zeros(len(mel) * hop, np.float32) for mel in mels]
        seconds = [0.0] * len(mels)
        for batch in batches(windows, self._batch_size):
            shape = (len(batch), batch[0].frames, module.mel_spec.num_mels)
            padded = np.full(shape, module.mel_spec.silence, np.float32)
            for row, window in zip(padded, batch, strict=True):
                row[: window.frames] = mels[window.clip][window.start : window.stop]
            start = time.perf_counter()
            audio = module.synthesize(tf.constant(padded))["audio"].numpy()
            elapsed = time.perf_counter() - start
            total = sum(window.frames for window in batch)
            for row, window in zip(audio, batch, strict=True):
                first, last = window.keep_start - window.start, window.keep_stop - window.start
                kept = slice(window.keep_start * hop, window.keep_stop * hop)
                waves[window.clip][kept] = row[first * hop : last * hop]
                seconds[window.clip] += elapsed * window.frames / total
        return list(zip(waves, seconds, strict=True))


class StreamingSynthesis:
    """A waveform piece by piece, each as soon as the frames that it depends on are known.

    Args:
        module: The vocoder.
        chunk_frames: Frames of audio that come at a time.

    Raises:
        ExportError: If the network does not tell its receptive field.
    """

    def __init__(self, module: VocoderModule, chunk_frames: int = 32) -> None:
        if module.context_frames is None:
            raise ExportError("the network does not tell its receptive field and cannot stream")
        self._module = module
        self._chunk_frames = chunk_frames

    def __call__(self, mel: np.ndarray) -> Iterator[np.ndarray]:
        """Samples (n,) float32 of a raw log-mel (T, n_mels), piece by piece."""
        first = self._module.first_frames(self._chunk_frames)
        return stream(self._module.stream, [mel], self._chunk_frames, first)

    def warm_up(self) -> None:
        """Streams silence with every shape that will come, but those of a clip's end."""
        spec, context = self._module.mel_spec, sum(self._module.context_frames or ())
        shape = (context + 3 * self._chunk_frames + self._module.smallest_frames, spec.num_mels)
        for _ in self(np.full(shape, spec.silence, np.float32)):
            pass

    def difference(self, mel: np.ndarray, audio: np.ndarray) -> float:
        """Largest difference of the streamed audio (N,) from that of the whole mel (T, n_mels)."""
        whole = self._module.synthesize(tf.constant(mel[np.newaxis]))["audio"].numpy()[0]
        return float(np.abs(whole - audio).max())

    def latency(self) -> str:
        """In words: how much later mel the audio of a frame waits for."""
        spec, (before, after) = self._module.mel_spec, self._module.context_frames or (0, 0)
        milliseconds = 1000 * spec.hop_size / spec.sampling_rate
        chunk = self._chunk_frames
        return (
            f"{chunk} frames ({chunk * milliseconds:.0f} ms) at a time, with {before} frames before"
            f" them and {after} after; look-ahead {after * milliseconds:.0f} ms"
        )


class GriffinLimSynthesis:
    """The same without a network: the yardstick that a vocoder has to beat.

    Args:
        spec: The mel definition.
    """

    def __init__(self, spec: MelSpec) -> None:
        self._spec = spec

    def __call__(self, mels: Sequence[np.ndarray]) -> list[tuple[np.ndarray, float]]:
        """See `VocoderSynthesis.__call__`."""
        results = []
        for mel in mels:
            start = time.perf_counter()
            audio = griffin_lim(mel, self._spec)
            results.append((audio, time.perf_counter() - start))
        return results
