"""The result of a listening test as Markdown and JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from tf_gantts.audio.files import write_atomically
from tf_gantts.evaluation.bootstrap import Estimate
from tf_gantts.evaluation.listening.analysis import Analysis, Table
from tf_gantts.evaluation.listening.design import Key

_HEADS = {"mos": "MOS (1 to 5)", "mushra": "MUSHRA (0 to 100)", "ab": "preferred"}
_INTERVAL = (
    "95 % intervals are t intervals of a two-way random-effects model: they are about other"
    " listeners and other clips, not only about more answers of these."
)


def write_tables(folder: Path, analysis: Analysis) -> tuple[Path, Path]:
    """Writes FOLDER/listening.md and FOLDER/listening.json; returns their paths.

    Raises:
        OSError: If they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    markdown, data = folder / "listening.md", folder / "listening.json"
    write_atomically(markdown, to_markdown(analysis).encode())
    text = json.dumps(_plain(to_values(analysis)), indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(data, f"{text}\n".encode())
    return markdown, data


def to_markdown(analysis: Analysis) -> str:
    """The result as text for people."""
    key = analysis.key
    parts = [f"# {key.title}", _about(key), "## After screening"]
    if analysis.screened is None:
        parts.append("No listener passed the screening.")
    else:
        parts.append(_result(key, analysis.screened))
    parts += ["## All listeners", _result(key, analysis.everybody), _INTERVAL]
    return "\n\n".join([*parts, "## Listeners", _listeners(analysis)]) + "\n"


def to_values(analysis: Analysis) -> dict[str, Any]:
    """The result as a dictionary for programs; numbers that there are not are NaN."""
    key = analysis.key
    return {
        "format": "tf_gantts listening result",
        "version": 1,
        "mode": key.mode,
        "title": key.title,
        "question": key.question,
        "fingerprint": key.fingerprint,
        "reference": key.reference or None,
        "anchors": list(key.anchors),
        "all": dataclasses.asdict(analysis.everybody),
        "screened": analysis.screened and dataclasses.asdict(analysis.screened),
        "listeners": [dataclasses.asdict(one) for one in analysis.screenings],
    }


def _about(key: Key) -> str:
    level = "levels as they were" if key.loudness is None else f"{key.loudness:.1f} LUFS"
    return f"{key.mode.upper()}, “{key.question}”, {level}, page {key.fingerprint}."


def _result(key: Key, table: Table) -> str:
    lines = [
        f"| | {_HEADS[key.mode]} | 95 % interval | listeners | clips |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {_name(key, system)} | {_cells(key, estimate)} | {table.listeners} | {table.clips} |"
        for system, estimate in _ranked(key, table)
    ]
    if table.pairs:
        lines += [
            "",
            "| A | B | A preferred | no difference | B preferred | A, ties half | 95 % interval |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {pair.first} | {pair.second} | {pair.prefer_first:.0%} | {pair.no_difference:.0%}"
            f" | {pair.prefer_second:.0%} | {_cells(key, pair.estimate)} |"
            for pair in table.pairs
        ]
    return "\n".join(lines)


def _ranked(key: Key, table: Table) -> list[tuple[str, Estimate]]:
    """The recordings first, then the best."""
    return sorted(
        table.systems.items(), key=lambda one: (one[0] != key.reference, -one[1].mean, one[0])
    )


def _name(key: Key, system: str) -> str:
    return f"{system} (hidden reference)" if system == key.reference else system


def _cells(key: Key, estimate: Estimate) -> str:
    def text(value: float) -> str:
        if key.mode == "ab":
            return f"{value:.0%}"
        return f"{value:.2f}" if key.mode == "mos" else f"{value:.1f}"

    known = math.isfinite(estimate.low)
    interval = f"{text(estimate.low)} to {text(estimate.high)}" if known else "-"
    return f"{text(estimate.mean)} | {interval}"


def _listeners(analysis: Analysis) -> str:
    lines = [
        "| listener | headphones | minutes | attention checks failed | repeats differ by | used |",
        "|---|---|---|---|---|---|",
    ]
    for one in analysis.screenings:
        difference = "-"
        if math.isfinite(one.repeat_difference):
            share = analysis.key.mode == "ab"
            difference = f"{one.repeat_difference:{'.0%' if share else '.2f'}}"
        lines.append(
            f"| {one.listener.replace('|', ' ')} | {'yes' if one.headphones else 'no'}"
            f" | {one.minutes:.1f} | {one.failed_checks} of {one.checks} | {difference}"
            f" | {'no: ' + '; '.join(one.reasons) if one.reasons else 'yes'} |"
        )
    return "\n".join(lines)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
