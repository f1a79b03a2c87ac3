"""Speed of an acoustic model: steps of teacher forcing, and speech."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from tf_gantts.benchmarks import hparams_of, measure, measure_step

TRAIN_ROWS = 8
FRAMES = 600  # 7 s at 22,050 Hz and hop 256
SYMBOLS = 100
TOKENS_OF_TEXT = 26  # of a BERT, to as many symbols


def teach_case(options: argparse.Namespace) -> dict[str, Any]:
    """One training step of 8 x 600 frames of 100 symbols each, already in memory."""
    from tf_gantts.systems import build_system

    hparams = hparams_of(options, f"mixed_precision={options.precision}")
    system = build_system(hparams, hparams.mel_spec, None)
    system.prepare_training()
    return measure_step(system, _recordings(system), options)


def speak_case(options: argparse.Namespace) -> dict[str, Any]:
    """Frames per second of speech: 600 frames from 100 symbols, in each of some rows.

    Where the model reads a BERT, the BERT is timed too; its weights are random, its size is that
    of the Transformers of `text_encoder_dim` channels in Devlin et al. 2019 (64 to a head).
    """
    import tensorflow as tf

    from tf_gantts.systems import build_system

    hparams = hparams_of(options, f"mixed_precision={options.precision}")
    system = build_system(hparams, hparams.mel_spec, None)
    speak = tf.function(_inference(system), autograph=False)
    batch = _texts(system, options.rows)
    timing = measure(lambda: speak(batch)["mel"].numpy(), options.runs)
    frames = int(tf.reduce_sum(speak(batch)["lengths"]))
    result = {
        "cpu_seconds": timing.cpu,
        "wall_seconds": timing.wall,
        "frames": frames,
        "frames_per_cpu_second": frames / timing.cpu,
        "frames_per_second": frames / timing.wall,
    }
    if "text_states" in batch:
        read = _bert(hparams.text_encoder_dim, options.rows)
        reading = measure(lambda: read().numpy(), options.runs)
        result["text_encoder_cpu_seconds"] = reading.cpu
        result["text_encoder_share"] = reading.cpu / (reading.cpu + timing.cpu)
    return result


def _inference(system: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Speech of a batch; all rows are cut off after FRAMES, and none may end before."""
    if system.has_attention:
        decoder, limits = system.network, {"min_frames_per_symbol": float(FRAMES)}
        limits |= {"max_frames": FRAMES}
    else:
        decoder, limits = system.generator, {"frames": FRAMES, "duration_scale": float(FRAMES)}

    def speak(batch: dict[str, Any]) -> dict[str, Any]:
        outputs = decoder.infer(**batch, **limits)
        return {"mel": outputs.get("mel_postnet", outputs["mel"]), "lengths": outputs["lengths"]}

    return speak


def _bert(hidden_size: int, rows: int) -> Callable[[], Any]:
    """A BERT at work on texts of SYMBOLS symbols."""
    import tensorflow as tf

    from tf_gantts.networks.bert import BertEncoder

    network = BertEncoder(
        hidden_size=hidden_size,
        num_hidden_layers=12 if hidden_size >= 512 else 6,
        num_attention_heads=max(1, hidden_size // 64),
        intermediate_size=4 * hidden_size,
    )
    ids = tf.random.stateless_uniform((rows, TOKENS_OF_TEXT), (0, 1), 0, 1000, tf.int32)
    run = tf.function(lambda ids: network(ids, tf.ones_like(ids)), autograph=False)
    return lambda: tf.nest.flatten(run(ids))[0]


def _texts(system: Any, rows: int) -> dict[str, Any]:
    """Random symbols (rows, 100) without padding, and what else the network is told of a text."""
    import numpy as np
    import tensorflow as tf

    hparams = system.hparams
    rng = np.random.default_rng(0)
    ids = rng.integers(1, system.front_end.vocabulary_size, (rows, SYMBOLS))
    known = (("speaker", hparams.speakers), ("style", hparams.styles))
    texts = {name: tf.zeros((rows,), tf.int32) for name, names in known if names}
    texts |= {"ids": tf.constant(ids, tf.int32), "id_lengths": tf.fill((rows,), SYMBOLS)}
    if not system.has_attention and system.generator.uses_bert:
        texts["text_states"] = _normal(rows, SYMBOLS, hparams.text_encoder_dim)
    if not system.has_attention and "utterance" in system.generator.conditions:
        texts["utterance"] = _normal(rows, hparams.text_encoder_dim)
    return texts


def _recordings(system: Any) -> dict[str, Any]:
    """A training batch: texts with mels, and the tracks of a feature store that are read."""
    import tensorflow as tf

    from tf_gantts.data.symbol_tracks import TOKENS, UTTERANCE
    from tf_gantts.data.utterances import OTHER_UTTERANCE

    batch = _texts(system, TRAIN_ROWS)
    batch["mel"] = _normal(TRAIN_ROWS, FRAMES, system.hparams.num_mels)
    batch["mel_lengths"] = tf.fill((TRAIN_ROWS,), FRAMES)
    if system.tracks:
        symbols = (TRAIN_ROWS, SYMBOLS)
        dim = system.hparams.text_encoder_dim
        batch["durations"] = tf.fill(symbols, FRAMES // SYMBOLS)
        batch |= {name: _normal(*symbols) for name in ("pitch", "energy")}
        batch[TOKENS] = _normal(*symbols, dim)
        batch |= {name: _normal(TRAIN_ROWS, dim) for name in (UTTERANCE, OTHER_UTTERANCE)}
    return batch


def _normal(*shape: int) -> Any:
    import tensorflow as tf

    return tf.random.stateless_normal(shape, (0, 1))
