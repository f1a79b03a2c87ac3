"""Checks that the front ends' TensorFlow graphs give the ids of the Python code.

Every graph is saved as a SavedModel and run by a process that has TensorFlow alone, on the raw and
the normalised transcripts. Exit status 1 if a text's ids differ; with --words, also if the words
that a text encoder reads differ, or the character of them that a symbol belongs to.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tf_gantts.command import argument_parser, load_tensorflow, run
from tf_gantts.text import FrontEnd, build
from tf_gantts.text.transcripts import read_transcripts

_FRONT_ENDS = ("characters", "nvidia", "cmudict")

# Runs in a process of its own.
_LOADER = """
import json, sys, time
import tensorflow as tf
directory, texts, results = sys.argv[1:]
texts = json.load(open(texts, encoding="utf-8"))
read = tf.saved_model.load(directory).signatures["serving_default"]
read(text=tf.constant(["a"]))
start = time.process_time()
readings = []
for begin in range(0, len(texts), 256):
    out = read(text=tf.constant(texts[begin : begin + 256]))
    columns = [
        [row.decode() if name == "words" else row[row >= 0].tolist() for row in out[name].numpy()]
        for name in sorted(out)
    ]
    readings.extend(zip(*columns))
seconds = time.process_time() - start
assert "tf_gantts" not in sys.modules
json.dump({"readings": readings, "seconds": seconds}, open(results, "w"))
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a line per front end; 1 if any differs."""
    parser = argument_parser("tools/check_text_graph.py", __doc__ or "")
    parser.add_argument(
        "--transcripts", type=Path, required=True, help="LJSpeech's metadata.csv: id|raw|normalised"
    )
    parser.add_argument(
        "--front-end", choices=_FRONT_ENDS, action="append", help="only this one; may be repeated"
    )
    parser.add_argument("--words", action="store_true", help="compare more than the ids")
    arguments = parser.parse_args(argv)

    transcripts = read_transcripts(arguments.transcripts)
    texts = [each.raw for each in transcripts] + [each.normalized for each in transcripts]
    load_tensorflow()
    failed = False
    for name in arguments.front_end or _FRONT_ENDS:
        front_end = build(name)
        start = time.process_time()
        expected = [_read(front_end, text, arguments.words) for text in texts]
        seconds = time.process_time() - start
        readings, graph_seconds = _run_saved(front_end, texts, arguments.words)
        equal = sum(a == b for a, b in zip(expected, readings, strict=True))
        failed = failed or equal != len(texts)
        print(
            f"{name:<12}{equal} of {len(texts)} texts equal; texts per CPU second: "
            f"{len(texts) / seconds:.0f} Python, {len(texts) / graph_seconds:.0f} graph",
            flush=True,
        )
    return int(failed)


def _read(front_end: FrontEnd, text: str, words: bool) -> list[object]:
    """What the graph has to give, by the names of its outputs in alphabetical order."""
    ids = front_end.encode(text).tolist()
    if not words:
        return [ids]
    return [front_end.characters_of_symbols(text).tolist(), ids, front_end.words(text)]


def _run_saved(
    front_end: FrontEnd, texts: list[str], words: bool
) -> tuple[list[list[object]], float]:
    import tensorflow as tf

    from tf_gantts.text.token_map_graph import TokenMapGraph

    module = front_end.graph()
    module.token_map = TokenMapGraph(module)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def read(text: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = {"ids": module.ragged(text).to_tensor(-1)}
        if words:
            outputs["words"] = module.token_map.words(text)
            outputs["characters"] = module.token_map.characters_of_symbols(text).to_tensor(-1)
        return outputs

    module.read = read
    with tempfile.TemporaryDirectory() as directory:
        tf.saved_model.save(module, directory, signatures={"serving_default": read})
        texts_file, results_file = Path(directory) / "texts.json", Path(directory) / "results.json"
        texts_file.write_text(json.dumps(texts), encoding="utf-8")
        subprocess.run(
            [sys.executable, "-c", _LOADER, directory, str(texts_file), str(results_file)],
            cwd=directory,
            check=True,
        )
        results = json.loads(results_file.read_text())
    return results["readings"], results["seconds"]


if __name__ == "__main__":
    sys.exit(run(main))
