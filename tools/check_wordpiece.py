"""Checks a BERT's tokeniser: ours in Python and as a TensorFlow graph, and Hugging Face's.

Every raw and normalised transcript is read by all three. Exit status 1 if a text's ids, or the
token of any of its characters, differ.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tf_gantts.command import argument_parser, load_tensorflow, run
from tf_gantts.text.transcripts import read_transcripts
from tf_gantts.text.wordpiece import Encoding, WordPiece
from tf_gantts.text.wordpiece_files import read_wordpiece

_BATCH = 64  # texts


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a line per comparison; 1 if any text differs."""
    parser = argument_parser("tools/check_wordpiece.py", __doc__ or "")
    parser.add_argument("--model", type=Path, required=True, help="folder with tokenizer.json")
    parser.add_argument(
        "--transcripts", type=Path, required=True, help="LJSpeech's metadata.csv: id|raw|normalised"
    )
    parser.add_argument("--every", type=int, default=1, help="read one in so many transcripts")
    arguments = parser.parse_args(argv)

    transcripts = read_transcripts(arguments.transcripts)[:: arguments.every]
    texts = [each.raw for each in transcripts] + [each.normalized for each in transcripts]
    tokenizer = read_wordpiece(arguments.model)
    start = time.process_time()
    ours = [tokenizer.encode(text) for text in texts]
    print(f"Python        {len(texts) / (time.process_time() - start):.0f} texts per CPU second")
    load_tensorflow()
    failed = False
    others = {"Hugging Face": _theirs(arguments.model, texts), "graph": _in_graph(tokenizer, texts)}
    for name, encodings in others.items():
        start = time.process_time()
        equal = sum(_equal(a, b) for a, b in zip(ours, encodings, strict=True))
        seconds = time.process_time() - start
        failed = failed or equal != len(texts)
        print(
            f"{name:<14}{equal} of {len(texts)} texts equal, {len(texts) / seconds:.0f} texts per"
            " CPU second",
            flush=True,
        )
    return int(failed)


def _equal(a: Encoding, b: Encoding) -> bool:
    return np.array_equal(a.ids, b.ids) and np.array_equal(
        a.token_of_character, b.token_of_character
    )


def _theirs(model: Path, texts: Sequence[str]) -> Iterator[Encoding]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    for text in texts:
        encoding = tokenizer.encode(text)
        begins = [begin for begin, _ in encoding.offsets[1:-1]]
        counts = np.bincount(np.asarray(begins, np.int64), minlength=len(text))
        yield Encoding(np.asarray(encoding.ids), np.cumsum(counts))


def _in_graph(tokenizer: WordPiece, texts: Sequence[str]) -> Iterator[Encoding]:
    import tensorflow as tf

    from tf_gantts.text.wordpiece_graph import WordPieceGraph

    signature = [tf.TensorSpec([None], tf.string)]
    graph = tf.function(WordPieceGraph(tokenizer).__call__, input_signature=signature)
    for begin in range(0, len(texts), _BATCH):
        rows = graph(tf.constant(texts[begin : begin + _BATCH]))
        for ids, token_of_character in zip(*rows, strict=True):
            yield Encoding(ids.numpy(), token_of_character.numpy())


if __name__ == "__main__":
    sys.exit(run(main))
