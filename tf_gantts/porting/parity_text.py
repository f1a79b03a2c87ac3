"""Comparisons with NVIDIA/tacotron2's text package: its cleaners and symbols."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from tf_gantts.errors import PortingError, TextError
from tf_gantts.porting.parity import Row
from tf_gantts.text import FrontEnd
from tf_gantts.text.nvidia import Nvidia


def check_text(path: Path) -> Iterator[Row]:
    """A row per cleaner and comparison; its error is the number of texts that differ.

    Args:
        path: JSON with `symbols` and `sentences`, each with `text` and, by cleaner, what the
            reference makes of it.

    Raises:
        PortingError: If the file cannot be read or used.
    """
    try:
        reference = json.loads(path.read_text(encoding="utf-8"))
        sentences = reference["sentences"]
        for cleaners in sentences[0]["ids"]:
            yield from _check_cleaners(path.stem, cleaners, reference["symbols"], sentences)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise PortingError(f"{path}: not a fixture of texts ({error!r})") from error


def _check_cleaners(
    file: str, cleaners: str, symbols: list[str], sentences: list[dict[str, Any]]
) -> Iterator[Row]:
    case = cleaners.removesuffix("_cleaners")
    try:
        front_end = Nvidia(cleaners)
    except TextError as error:  # Unidecode is an extra
        yield Row(file, case, str(error), None, None, "not covered", False)
        return
    texts = [sentence["text"] for sentence in sentences]
    ids = [sentence["ids"][cleaners] for sentence in sentences]
    comparisons = {
        "symbols": (list(front_end.symbols), symbols),
        "cleaned": (map(front_end.clean, texts), [s["cleaned"][cleaners] for s in sentences]),
        "ids": ([front_end.encode(text).tolist() for text in texts], ids),
        "ids (in the graph)": (_in_graph(front_end, texts), ids),
    }
    if cleaners == "english_cleaners":
        expected = [sentence["roundtrip_english"] for sentence in sentences]
        comparisons["ids back to text"] = (map(front_end.decode, ids), expected)
    for what, (ours, expected) in comparisons.items():
        different = sum(own != theirs for own, theirs in zip(ours, expected, strict=True))
        yield Row(file, case, what, different, 0, "FAIL" if different else "ok", different > 0)


def _in_graph(front_end: FrontEnd, texts: list[str]) -> list[list[int]]:
    read = tf.function(front_end.graph().ragged, autograph=False)
    return read(tf.constant(texts)).to_list()
