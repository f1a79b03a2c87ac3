"""Clips on the report page: players and spectrograms side by side, F0 in one plot, transcripts."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from tf_gantts.audio.files import read_audio
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.evaluation import media, pitch
from tf_gantts.evaluation.chart import Chart, draw_chart
from tf_gantts.evaluation.curves import Curve
from tf_gantts.evaluation.metric import Column
from tf_gantts.evaluation.results import NATURAL, Results, Row
from tf_gantts.evaluation.transcript import marked_transcript


@dataclasses.dataclass(frozen=True)
class _Heard:
    """A row's waveform of a clip, and its picture."""

    row: Row
    audio: np.ndarray
    mel: np.ndarray


def clip_cards(
    folder: Path,
    results: Results,
    clips: Sequence[int],
    column: Column | None,
    alignments: Path | None = None,
) -> str:
    """HTML of some clips.

    Args:
        folder: The folder of the evaluation, with its waveforms.
        results: What was found.
        clips: Numbers of the clips.
        column: By which they were chosen.
        alignments: Folder of pictures CLIP_attention.png of the main row; None without.

    Returns:
        A colour scale that all spectrograms share, and a card for each clip.

    Raises:
        AudioError: If a waveform cannot be read.
    """
    heard = {number: _read(folder, results, number) for number in clips}
    mels = [one.mel for ones in heard.values() for one in ones]
    if not mels:
        return ""
    value_range = media.color_range(mels)
    cards = [
        _card(results, number, ones, value_range, column, _alignment(results, number, alignments))
        for number, ones in heard.items()
    ]
    return _color_scale(value_range, results.mel_spec) + "".join(cards)


def _read(folder: Path, results: Results, number: int) -> list[_Heard]:
    found = []
    for row in _heard_rows(results):
        path = results.audio_file(folder, row.source.name, number)
        if path.is_file():
            audio, _ = read_audio(path, results.mel_spec.sampling_rate)
            found.append(_Heard(row, audio, media.decibel_mel(audio, results.mel_spec)))
    return found


def _heard_rows(results: Results) -> list[Row]:
    """The recording first, then what the page is about, then what it is compared with."""
    return sorted(
        (row for row in results.rows if row.source.heard),
        key=lambda row: (row.source.name != NATURAL, not row.source.main),
    )


def _card(
    results: Results,
    number: int,
    heard: Sequence[_Heard],
    value_range: tuple[float, float],
    column: Column | None,
    alignment: str,
) -> str:
    clip = results.clips[number]
    value = ""
    if column is not None and math.isfinite(found := results.main.values[column.name][number]):
        unit = f" {column.unit}" if column.unit else ""
        value = f"{column.title} of {results.main.source.title}: {found:.{column.digits}f}{unit}"
    text = f"<p>{escape(clip.text)}</p>" if clip.text else ""
    failures = "".join(
        f'<p class="soft">{escape(str(failure))}</p>'
        for failure in results.failures
        if failure.clip == clip.name
    )
    figures = "".join(_figure(one, clip.name, results.mel_spec, value_range) for one in heard)
    return (
        f'<article class="card"><h3>{escape(clip.name)} <span class="soft">{escape(value)}</span>'
        f'</h3>{text}{failures}<div class="grid">{figures}</div>'
        f"{_transcripts(results, number)}{_f0_overlay(heard, results.mel_spec)}{alignment}"
        "</article>"
    )


def _figure(heard: _Heard, clip: str, spec: MelSpec, value_range: tuple[float, float]) -> str:
    title = escape(heard.row.source.title)
    picture = media.spectrogram_uri(heard.mel, value_range)
    sound = media.wav_uri(heard.audio, spec.sampling_rate)
    seconds = len(heard.audio) / spec.sampling_rate
    return (
        f'<figure><figcaption>{title} <span class="soft">{seconds:.2f} s</span></figcaption>'
        f'<img class="spectrogram" src="{picture}" alt="spectrogram: {title} of {escape(clip)}">'
        f'<audio controls preload="metadata" src="{sound}"></audio></figure>'
    )


def _color_scale(value_range: tuple[float, float], spec: MelSpec) -> str:
    return (
        f'<div class="scale"><span>{value_range[0] - value_range[1]:.0f} dB</span>'
        f'<img src="{media.color_scale_uri()}" alt="colour scale from quiet to loud">'
        f"<span>0 dB, the loudest of all pictures; {spec.num_mels} mel bands from"
        f" {spec.fmin:g} Hz (bottom) to {spec.fmax:g} Hz</span></div>"
    )


def _transcripts(results: Results, number: int) -> str:
    said = results.clips[number].text
    items = [
        f"<dt>{escape(row.source.title)}</dt>"
        f"<dd>{marked_transcript(said, row.texts[number] or '') or '(nothing)'}</dd>"
        for row in _heard_rows(results)
        if said and row.texts and row.texts[number] is not None
    ]
    if not items:
        return ""
    return (
        f'<details open class="heard"><summary>What {escape(results.recogniser or "")} heard'
        "</summary><dl>"
        f"{''.join(items)}</dl></details>"
    )


def _alignment(results: Results, number: int, folder: Path | None) -> str:
    name = results.clips[number].name
    path = folder / f"{name}_attention.png" if folder else None
    if path is None or not path.is_file():
        return ""
    about = f"Alignment of {results.main.source.title}: which symbol each frame belongs to"
    return (
        f'<details class="heard"><summary>{escape(about)}</summary><img class="alignment"'
        f' src="{media.png_uri(path.read_bytes())}" alt="alignment of {escape(name)}"></details>'
    )


def _f0_overlay(heard: Sequence[_Heard], spec: MelSpec) -> str:
    if pitch.available() is not None:
        return ""
    curves = {}
    for one in heard:
        track = pitch.f0(one.audio, spec.sampling_rate)
        times = (pitch.FRAME_SECONDS * np.arange(len(track))).round(3)
        curves[one.row.source.title] = Curve(
            times.tolist(), np.where(track > 0, track, np.nan).tolist()
        )
    names = {name: name for name in curves}
    chart = Chart("F0", "Hz; gaps are not voiced", names, x_label="s", width=940, height=230)
    drawn = draw_chart(chart, curves)
    return f'<div class="f0">{drawn}</div>' if drawn else ""
