"""The page of a listening test: one HTML file that works without a network, from a folder too."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from html import escape
from pathlib import Path

from tf_gantts.audio.files import write_atomically
from tf_gantts.evaluation.listening.design import Key, Mode, Test, page_trials
from tf_gantts.evaluation.listening.script import SCRIPT
from tf_gantts.evaluation.listening.style import STYLE
from tf_gantts.evaluation.style import STYLE as REPORT_STYLE

FORMAT, VERSION = "tf_gantts listening test", 1

_TASKS: Mapping[Mode, str] = {
    "mos": "You hear one clip at a time and grade it from 5 (excellent) to 1 (bad).",
    "mushra": "You hear a recording, the reference, and several versions of it, and grade each"
    " version from 0 to 100. One of them is the recording itself: find it and give it 100.",
    "ab": "You hear two versions of a sentence and say which one you prefer.",
}


def write_page(path: Path, test: Test) -> None:
    """Writes the page; it appears complete or not at all.

    Args:
        path: The HTML file.
        test: What to ask.

    Raises:
        OSError: If the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, render(test).encode())


def render(test: Test) -> str:
    """The page as HTML text; see `write_page`."""
    key = test.key
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{escape(key.title)}</title><style>{REPORT_STYLE}{STYLE}</style></head>"
        f"<body><main>{_welcome(key)}</main>"
        f'<script type="application/json" id="test">{_data(test)}</script>'
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def _welcome(key: Key) -> str:
    minutes = max(1, round(1.6 * sum(trial.seconds for trial in key.trials) / 60))
    return (
        f"<h1>{escape(key.title)}</h1>"
        f'<p class="lead">{escape(_TASKS[key.mode])} There are {len(key.trials)} screens, about'
        f" {minutes} min.</p>"
        '<div class="card"><ol>'
        "<li>Put on headphones, in a quiet room. Loudspeakers of a phone or laptop hide what you"
        " are asked about.</li>"
        '<li>Set the volume so that this is comfortable, and leave it there.<div id="level"></div>'
        "</li>"
        "<li>You can play everything as often as you like. You can go on when all of it has been"
        " heard to its end and your answer is there; you cannot go back.</li>"
        "<li>Now and then a screen asks for something else. It checks that sound and attention are"
        " still there.</li>"
        "<li>At the end you save a file with your answers. Nothing is sent anywhere.</li></ol>"
        '<form><label>Your name or a nickname<input type="text" name="listener" required'
        ' maxlength="80" autocomplete="off"></label>'
        '<label><input type="checkbox" name="headphones"> I wear headphones</label>'
        '<button class="next">Begin</button></form></div>'
    )


def _data(test: Test) -> str:
    key = test.key
    values = {
        "format": FORMAT,
        "version": VERSION,
        "fingerprint": key.fingerprint,
        "mode": key.mode,
        "question": key.question,
        "key": key.seal(),
        "trials": page_trials(key),
        "sample": _sample(key),
        "sounds": {
            name: base64.b64encode(data).decode("ascii") for name, data in test.sounds.items()
        },
    }
    # So that no text in it ends the element; everything else in it is no HTML.
    return json.dumps(values, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")


def _sample(key: Key) -> str:
    """The sound to set the volume with: a recording if there is one, else any."""
    practice = next(trial for trial in key.trials if trial.kind == "practice")
    if practice.open_reference:
        return practice.open_reference
    recordings = [
        sound
        for trial in key.trials
        for sound, system in trial.sounds.items()
        if system == key.reference and not trial.beeps
    ]
    return min(recordings, default=next(iter(practice.sounds)))
