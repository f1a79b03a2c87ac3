"""Comparisons with NVIDIA/tacotron2: encoder, teacher forcing, free running, loss, features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_gantts.audio.graph import LogMel
from tf_gantts.audio.mel import log_mel
from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.losses.tacotron2 import MelLoss, StopTokenLoss
from tf_gantts.porting import from_state_dict, to_state_dict
from tf_gantts.porting.parity import Fixture, Row, activations, scalars

_SOURCE = "tacotron2_nvidia"
_TENSORS = ("mel", "mel_postnet", "gate", "alignments")
_CHANNEL_FIRST = ("mel", "mel_postnet")


def check_tacotron2(fixture: Fixture) -> Iterator[Row]:
    """`tacotron2`: cases with a state dict are models, those without are features."""
    for case in fixture.cases:
        state_dict = fixture.under(f"{case}/sd")
        if not state_dict:
            yield from _features(fixture, case)
            continue
        hparams = fixture.config.get("cases", {}).get(case, fixture.config)
        hparams = dict(hparams.get("hparams", hparams))
        # The reference's prenet was run without its dropout, or with the dropout in the fixture.
        network = from_state_dict(_SOURCE, state_dict, hparams | {"prenet_dropout": 0.0})
        yield _round_trip(fixture, case, network, state_dict)
        yield from teacher_forced(fixture, case, network)
        network = from_state_dict(_SOURCE, state_dict, hparams)
        yield from _with_masks(fixture, case, network)
        network = from_state_dict(_SOURCE, state_dict, hparams | {"prenet_dropout": 0.0})
        yield from free_running(fixture, case, network)


def _round_trip(
    fixture: Fixture, case: str, network: keras.Model, state_dict: Mapping[str, np.ndarray]
) -> Row:
    ours = to_state_dict(network, _SOURCE)
    worst = np.inf
    if ours.keys() == state_dict.keys():
        weights = [key for key in ours if not key.endswith("num_batches_tracked")]
        worst = max(float(np.abs(ours[key] - state_dict[key]).max()) for key in weights)
    return fixture.row(case, "state dict there and back", worst, 0.0)


def _batch(fixture: Fixture, case: str) -> tuple[tf.Tensor, ...]:
    """Symbols (B, N) and their lengths, mels (B, T, n_mels) and their lengths."""
    given = fixture.under(f"{case}/in")
    mel = np.swapaxes(given["mels"], 1, 2)
    names = ("text", "text_lengths", "mel_lengths")
    ids, id_lengths, mel_lengths = (tf.constant(given[name], tf.int32) for name in names)
    return ids, id_lengths, tf.constant(mel), mel_lengths


def teacher_forced(fixture: Fixture, case: str, network: keras.Model) -> Iterator[Row]:
    """Compares a case's encoder, loss and outputs with the recording's frames given.

    Args:
        fixture: The file.
        case: Its part.
        network: Our Tacotron 2 with the case's weights, without the prenet's dropout.
    """
    ids, id_lengths, mel, mel_lengths = _batch(fixture, case)
    outputs = network(ids, id_lengths, mel, mel_lengths)
    yield from _compared(fixture, case, "", outputs)
    expected = fixture.outputs(case)
    if "encoder" in expected:
        memory, _ = network.encode(ids, id_lengths)
        yield fixture.compare(case, "encoder", memory, activations)
    if "loss" in expected:
        distance, stop = MelLoss(masked=False), StopTokenLoss(masked=False)
        loss = stop(outputs["gate"], network.steps(mel_lengths))
        for name in _CHANNEL_FIRST:
            loss += distance(outputs[name], mel, mel_lengths)
        yield fixture.compare(case, "loss", loss, scalars)


def _with_masks(fixture: Fixture, case: str, network: keras.Model) -> Iterator[Row]:
    """Teacher forcing with the prenet's dropout as given, (steps + 1, B, prenet_dim) per layer."""
    given = fixture.under(f"{case}/in")
    masks = [given[key] for key in sorted(given) if key.startswith("prenet_mask")]
    if not masks:
        return
    ids, id_lengths, mel, mel_lengths = _batch(fixture, case)
    previous = network.previous_frames(mel)
    steps = previous.shape[1]
    by_row = [np.swapaxes(mask[:steps], 0, 1) for mask in masks]
    frames = network.decoder.prenet.masked(previous, by_row)
    decoded = network.decoder(*network.encode(ids, id_lengths), frames)
    outputs = network.finish(decoded, mel_lengths, mel.shape[1])
    yield from _compared(fixture, case, "dropmask/", outputs)


def free_running(fixture: Fixture, case: str, network: keras.Model) -> Iterator[Row]:
    """Compares a case's speech; arguments as in `teacher_forced`."""
    for name, ids in fixture.under(f"{case}/in").items():
        if not name.startswith("inf_"):
            continue
        ids = tf.constant(ids, tf.int32)
        outputs = network.infer(ids, tf.fill(ids.shape[:1], ids.shape[1]))
        yield from _compared(fixture, case, f"{name}/", outputs)


def _compared(
    fixture: Fixture, case: str, prefix: str, outputs: Mapping[str, tf.Tensor]
) -> Iterator[Row]:
    expected = fixture.under(f"{case}/out")
    for tensor in _TENSORS:
        name = f"{prefix}{tensor}"
        if name in expected:
            ours = _as_there(tensor, outputs[tensor], expected[name].ndim)
            tolerance = _logits if tensor == "gate" else activations
            yield fixture.compare(case, name, ours, tolerance)


def _logits(expected: np.ndarray) -> float:
    """As `activations`, of the logits alone: after an utterance's end stands 1000."""
    return activations(expected[expected < 1e3])


def _as_there(tensor: str, ours: Any, rank: int) -> np.ndarray:
    """Mels channels first; free running's stop tokens are (1, T, 1) there."""
    ours = np.asarray(ours)
    if tensor in _CHANNEL_FIRST:
        return np.swapaxes(ours, 1, 2)
    return ours if ours.ndim == rank else ours[..., np.newaxis]


def _features(fixture: Fixture, case: str) -> Iterator[Row]:
    """TacotronSTFT's mel, 1e-3 as for all natural-log mels, and the same inside the graph."""
    spec, audio = PROFILES["tacotron2_nvidia"], fixture.under(f"{case}/in")["audio"]
    yield fixture.compare(case, "mel", log_mel(audio, spec).T[np.newaxis], lambda _: 1e-3)
    expected = fixture.expected(case, "mel").astype(np.float64)
    in_graph = np.swapaxes(LogMel(spec)(tf.constant(audio[np.newaxis])), 1, 2)
    error = float(np.abs(in_graph - expected).max())
    yield fixture.row(case, "mel (in the graph)", error, 1e-3)
