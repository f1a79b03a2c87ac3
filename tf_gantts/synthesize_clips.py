"""Recordings and log-mels to waveforms: the work of `python -m tf_gantts.synthesize --run`."""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from tf_gantts.errors import AudioError, GanTTSError

if TYPE_CHECKING:
    from tf_gantts.audio.mel_spec import MelSpec
    from tf_gantts.data.store import FeatureStore
    from tf_gantts.serving.clips import Clip, Source
    from tf_gantts.serving.synthesis import StreamingSynthesis, Synthesis

_LOG = logging.getLogger(__name__)

UNITS = {"log10": "log10 amplitude", "ln": "ln amplitude", "db": "dB", "none": "amplitude"}


def synthesize_clips(arguments: argparse.Namespace) -> None:
    """Reads, synthesises and writes all clips, and says how long the synthesis took.

    Raises:
        GanTTSError: Before the first clip if nothing can be done, after the last one if some could
            not be used.
    """
    from tf_gantts.serving import clips
    from tf_gantts.training.checkpoint import open_checkpoint

    checkpoint = open_checkpoint(arguments.run, arguments.checkpoint)
    spec = checkpoint.meta.mel_spec
    stores: list[FeatureStore] = []
    if arguments.wav:
        gain = checkpoint.hparams.global_gain_scale
        sources = clips.recordings(arguments.wav, spec, gain)
    else:
        owner = f"run {arguments.run}"
        sources, stores = clips.features(arguments.features, arguments.split, spec, owner)
    _check_out(arguments.out, sources)
    writer = _Writer(arguments.out, spec)
    try:
        if arguments.stream:
            failures = _stream(sources, arguments, checkpoint.meta.step, writer)
        else:
            synthesis, name = _synthesis(arguments, checkpoint.meta.step, spec)
            failures = _run(sources, synthesis, arguments.batch_size, writer, name)
    finally:
        for store in stores:
            store.close()
    if len(failures) == 1:
        raise failures[0]
    for error in failures:
        _LOG.warning("skipped: %s", error)
    if failures:
        raise AudioError(f"{len(failures)} of {len(sources)} clips could not be synthesised")


def _synthesis(arguments: argparse.Namespace, step: int, spec: MelSpec) -> tuple[Synthesis, str]:
    """How to synthesise, warmed up, and what to call it."""
    from tf_gantts.serving.synthesis import GriffinLimSynthesis, VocoderSynthesis
    from tf_gantts.systems import load_vocoder

    if arguments.griffin_lim:
        return GriffinLimSynthesis(spec), "Griffin-Lim"
    synthesis = VocoderSynthesis(load_vocoder(arguments.run, step)[0], arguments.batch_size)
    seconds = synthesis.warm_up()
    return synthesis, f"{arguments.run} at step {step} (warm-up of {seconds:.2f} s not counted)"


def make_folder(out: Path) -> None:
    """Makes the folder of the results.

    Raises:
        AudioError: If nothing can be written there.
        OSError: If it cannot be made.
    """
    out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK):
        raise AudioError(f"{out}: cannot be written; choose another --out")


def _check_out(out: Path, sources: Sequence[Source]) -> None:
    make_folder(out)
    inputs = {source.path.resolve() for source in sources}
    for source in sources:
        target = out / f"{source.name}.wav"
        if target.resolve() in inputs:
            raise AudioError(
                f"{target} is one of the recordings and would be overwritten; choose another --out"
            )


def _run(
    sources: Sequence[Source], synthesis: Synthesis, batch_size: int, writer: _Writer, name: str
) -> list[GanTTSError]:
    """Synthesises everything and prints the summary; returns what went wrong."""
    failures: list[GanTTSError] = []
    # Groups large enough to hold batches of similar length, small enough for the memory.
    size = 1 if batch_size == 1 else 8 * batch_size
    with tqdm(total=len(sources), unit="clip", disable=None) as bar:
        for start in range(0, len(sources), size):
            group: list[tuple[str, Clip]] = []
            for source in sources[start : start + size]:
                try:
                    group.append((source.name, source.read()))
                except GanTTSError as error:
                    failures.append(error)
                    bar.update()
            results = synthesis([clip.mel for _, clip in group])
            for (clip_name, clip), (audio, seconds) in zip(group, results, strict=True):
                try:
                    writer.write(clip_name, clip, audio, seconds)
                except GanTTSError as error:
                    failures.append(error)
                bar.update()
    writer.print_summary(name)
    return failures


def _stream(
    sources: Sequence[Source], arguments: argparse.Namespace, step: int, writer: _Writer
) -> list[GanTTSError]:
    """Streams clip after clip as if its mel were arriving; returns what went wrong."""
    from tf_gantts.serving.synthesis import StreamingSynthesis
    from tf_gantts.systems import load_vocoder

    streaming = StreamingSynthesis(load_vocoder(arguments.run, step)[0], arguments.chunk_frames)
    streaming.warm_up()
    failures: list[GanTTSError] = []
    delays, differences = [], []
    for source in sources:
        try:
            clip = source.read()
            audio, seconds, delay = writer.write_stream(source.name, clip, streaming)
            delays.append(delay)
            note = f"; first audio after {1000 * delay:.1f} ms"
            if arguments.verify:
                differences.append(streaming.difference(clip.mel, audio))
                note += f", {differences[-1]:.1e} from the whole clip's at most"
            writer.report(source.name, clip, audio, seconds, note)
        except GanTTSError as error:
            failures.append(error)
    writer.print_summary(f"{arguments.run} at step {step}, streamed")
    if delays:
        print(f"first audio after {1000 * statistics.median(delays):.1f} ms of computing (median)")
        print(streaming.latency())
    if differences:
        print(f"largest difference from the audio of whole clips: {max(differences):.1e}")
    return failures


class _Writer:
    """Writes results and adds up their times."""

    def __init__(self, out: Path, spec: MelSpec) -> None:
        self._out = out
        self._spec = spec
        self._clips = 0
        self._duration = 0.0
        self._seconds = 0.0

    def write(self, name: str, clip: Clip, audio: np.ndarray, seconds: float) -> None:
        """Writes a clip's WAV and PNG and prints its line."""
        from tf_gantts.audio.files import write_wav

        write_wav(self._path(name), audio[: clip.samples] / clip.gain, self._spec.sampling_rate)
        self.report(name, clip, audio, seconds)

    def write_stream(
        self, name: str, clip: Clip, streaming: StreamingSynthesis
    ) -> tuple[np.ndarray, float, float]:
        """Writes a clip's WAV piece by piece.

        Returns:
            All samples, the seconds that it took, and the seconds until the first ones were in the
            file.
        """
        from tf_gantts.audio.wav_stream import WavStream

        pieces, written, delay = [], 0, 0.0
        with WavStream(self._path(name), self._spec.sampling_rate) as wav:
            start = time.perf_counter()
            for piece in streaming(clip.mel):
                wav.write(piece[: max(clip.samples - written, 0)] / clip.gain)
                delay = delay or time.perf_counter() - start
                written += len(piece)
                pieces.append(piece)
            seconds = time.perf_counter() - start
        return np.concatenate(pieces), seconds, delay

    def report(
        self, name: str, clip: Clip, audio: np.ndarray, seconds: float, note: str = ""
    ) -> None:
        """Writes a clip's PNG and prints its line."""
        from tf_gantts.audio import plot
        from tf_gantts.audio.mel import frame_align

        spec, audio = self._spec, audio[: clip.samples]
        above = "natural" if clip.recorded else "input"
        rows = {above: clip.mel, "generated": frame_align(audio, spec)[1]}
        picture = self._out / f"{name}.png"
        plot.save_spectrogram(picture, rows, spec, title=name, label=UNITS[spec.log])
        duration = len(audio) / spec.sampling_rate
        self._clips += 1
        self._duration += duration
        self._seconds += seconds
        path = self._path(name)
        line = f"{path}  {duration:.2f} s in {seconds:.3f} s: RTF {seconds / duration:.4f}{note}"
        tqdm.write(line, file=sys.stdout)

    def _path(self, name: str) -> Path:
        path = self._out / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def print_summary(self, name: str) -> None:
        """Prints the totals, if there are any."""
        if self._clips:
            rtf = self._seconds / self._duration
            print(
                f"{name}: {self._clips} clips, {self._duration:.1f} s of audio in"
                f" {self._seconds:.2f} s: RTF {rtf:.4f}, {1 / rtf:.1f} times real time;"
                f" WAV and PNG files in {self._out}"
            )
