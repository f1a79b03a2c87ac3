"""Makes the built-in corpus: sentences of our own grammar, spoken by a free voice, LJSpeech layout.

    python tools/make_corpus.py --out corpora/builtin
    python tools/make_corpus.py --out corpora/pairs --voice slt rms --sentences 1000

One voice fills the folder itself; several voices get one folder each and speak the same sentences.
The same seed gives the same files. A second run keeps what is there and goes on.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from tf_gantts.command import argument_parser, run
from tf_gantts.errors import CorpusError
from tf_gantts.generation.corpus import SpokenCorpus, make_corpus
from tf_gantts.generation.everyday import everyday_english
from tf_gantts.generation.grammar import distinct_words
from tf_gantts.generation.voices import (
    DEFAULT_VOICES,
    ENGINES,
    available_engines,
    choose_engine,
    describe_voices,
    open_voice,
)

_LOG = logging.getLogger("make_corpus")


def main(argv: Sequence[str] | None = None) -> None:
    """Makes the corpus that the arguments describe."""
    arguments = _arguments(argv)
    if arguments.list_voices:
        for engine in available_engines():
            print(f"{engine}: {describe_voices(engine)}")
        return
    engine = choose_engine(arguments.engine, arguments.voice)
    names = list(dict.fromkeys(arguments.voice)) or [DEFAULT_VOICES[engine]]
    voices = [open_voice(name, engine) for name in names]

    grammar = everyday_english()
    sentences = list(itertools.islice(grammar.sentences(arguments.seed), arguments.sentences))
    origin = {"seed": arguments.seed, "grammar": grammar.fingerprint()}
    started = time.monotonic()
    made = []
    with tqdm(total=len(sentences) * len(voices), unit="clip", disable=None) as bar:
        for voice in voices:
            bar.set_description(f"{engine} {voice.name}")
            folder = arguments.out / voice.name if len(voices) > 1 else arguments.out
            made.append(make_corpus(folder, sentences, voice, origin, arguments.jobs, bar.update))
    for corpus in made:
        _summary(corpus, engine, sentences)
    _LOG.info("%.1f s", time.monotonic() - started)


def _summary(corpus: SpokenCorpus, engine: str, sentences: Sequence[str]) -> None:
    rates = ", ".join(str(rate) for rate in corpus.sampling_rates)
    print(
        f"{corpus.folder}: {corpus.clips} sentences ({corpus.made} spoken now), "
        f"{corpus.seconds / 3600:.2f} hours, {len(distinct_words(sentences))} distinct words, "
        f"engine {engine}, voice {corpus.voice}, {rates} Hz"
    )


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argument_parser("make_corpus.py", "Make a corpus of synthetic speech.")
    parser.add_argument("--out", type=Path, default=Path("corpora/builtin"), help="folder")
    parser.add_argument("--sentences", type=int, default=600, help="how many each voice speaks")
    parser.add_argument(
        "--voice",
        nargs="+",
        action="extend",
        default=[],
        help="one voice or several; left out: "
        + ", ".join(f"{voice} with {engine}" for engine, voice in DEFAULT_VOICES.items()),
    )
    parser.add_argument("--engine", choices=("auto", *ENGINES), default="auto", help="who speaks")
    parser.add_argument("--seed", type=int, default=0, help="decides the sentences")
    parser.add_argument("--jobs", type=int, default=2, help="sentences spoken at the same time")
    parser.add_argument("--list-voices", action="store_true", help="print the voices and stop")
    arguments = parser.parse_args(argv)
    for name in ("sentences", "jobs"):
        if getattr(arguments, name) < 1:
            raise CorpusError(f"--{name} {getattr(arguments, name)}: at least 1 is needed")
    return arguments


if __name__ == "__main__":
    sys.exit(run(main))
