"""Scores the aligners against the phone boundaries that flite itself prints."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from tf_gantts.audio.mel import frame_align
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.command import argument_parser, load_tensorflow, run
from tf_gantts.data import hmm_alignment
from tf_gantts.errors import CorpusError
from tf_gantts.evaluation.boundaries import score_boundaries
from tf_gantts.generation.everyday import everyday_english
from tf_gantts.generation.flite import FliteVoice, voice_names

Corpus = Sequence[np.ndarray]


def _evenly(mels: Corpus, symbols: Corpus) -> Corpus:
    """The same frames for every symbol, as far as they can be shared."""
    cuts = [
        np.arange(len(text) + 1) * len(mel) // len(text)
        for mel, text in zip(mels, symbols, strict=True)
    ]
    return [np.diff(each) for each in cuts]


def _hmm(mels: Corpus, symbols: Corpus) -> Corpus:
    return hmm_alignment.align(mels, symbols).durations


def _forward_sum(mels: Corpus, symbols: Corpus) -> Corpus:
    load_tensorflow()
    from tf_gantts.training import aligner

    return aligner.align(mels, symbols)


ALIGNERS = {"uniform": _evenly, "hmm": _hmm, "forward_sum": _forward_sum}


def main(argv: Sequence[str] | None = None) -> int:
    """Prints one row per aligner, below that of evenly shared frames."""
    parser = argument_parser("tools/score_alignment.py", __doc__ or "")
    parser.add_argument("--sentences", type=int, default=1200, help="of the built-in grammar")
    parser.add_argument("--voice", default="slt", help="voice of flite")
    parser.add_argument("--seed", type=int, default=0, help="decides the sentences")
    parser.add_argument("--hop-size", type=int, default=256, help="samples between frames")
    parser.add_argument("--aligners", nargs="+", choices=ALIGNERS, default=list(ALIGNERS))
    arguments = parser.parse_args(argv)

    for name in ("sentences", "hop_size"):
        if getattr(arguments, name) < 1:
            raise CorpusError(f"--{name.replace('_', '-')} must be at least 1")
    grammar = everyday_english()
    sentences = list(itertools.islice(grammar.sentences(arguments.seed), arguments.sentences))
    mels, symbols, ends, shift = _spoken(sentences, arguments.voice, arguments.hop_size)
    frames = sum(len(mel) for mel in mels)
    print(
        f"{len(mels)} sentences, {frames * shift / 60:.1f} minutes, {frames} frames of "
        f"{shift * 1e3:.1f} ms, {1 + max(text.max() for text in symbols)} phones"
    )
    columns = ("aligner", "mean ms", "median", "<=20 ms", "<=40 ms", "bias", "CPU-s")
    print(f"{columns[0]:<12}" + "".join(f"{column:>9}" for column in columns[1:]))
    for name, align in ALIGNERS.items():
        if name == "uniform" or name in arguments.aligners:
            started = time.process_time()
            durations = align(mels, symbols)
            seconds = time.process_time() - started
            score = score_boundaries(durations, ends, shift)
            print(
                f"{name:<12}{score.mean * 1e3:>9.1f}{score.median * 1e3:>9.1f}"
                f"{score.within_20_ms:>9.3f}{score.within_40_ms:>9.3f}{score.bias * 1e3:>9.1f}"
                f"{seconds:>9.1f}",
                flush=True,
            )
    return 0


def _spoken(
    sentences: Sequence[str], voice: str, hop_size: int
) -> tuple[Corpus, Corpus, Corpus, float]:
    """Mels, phones as ids, their true ends in seconds, and the seconds between frames."""
    if voice not in voice_names():
        raise CorpusError(f"unknown voice {voice!r}: flite has {', '.join(voice_names())}")
    mels, texts, ends = [], [], []
    for sentence in tqdm(sentences, unit="clip", disable=None):
        speech, phones, true = FliteVoice(voice).speak_phones(sentence)
        # Frame t in the middle of its own samples, so that its ends are where durations say.
        spec = MelSpec(
            sampling_rate=speech.sampling_rate,
            fft_size=1024,
            hop_size=hop_size,
            win_length=1024,
            fmax=speech.sampling_rate / 2,
            padding="same",
        )
        mels.append(frame_align(speech.audio.astype(np.float32) / 32768.0, spec)[1])
        texts.append(phones)
        ends.append(true)
    names = sorted({phone for phones in texts for phone in phones})
    ids = {name: place for place, name in enumerate(names)}
    symbols = [np.asarray([ids[phone] for phone in phones]) for phones in texts]
    return mels, symbols, ends, hop_size / spec.sampling_rate


if __name__ == "__main__":
    sys.exit(run(main))
