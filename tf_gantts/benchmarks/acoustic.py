"""Speed of an acoustic model: steps of teacher forcing, and speech."""

from __future__ import annotations

import argparse
import time
from typing import Any

from tf_gantts.benchmarks import hparams_of, measure

TRAIN_ROWS = 8
FRAMES = 600  # 7 s at 22,050 Hz and hop 256
SYMBOLS = 100


def teach_case(options: argparse.Namespace) -> dict[str, Any]:
    """One training step of 8 x 600 frames of 100 symbols each, already in memory."""
    import numpy as np
    import tensorflow as tf

    from tf_gantts.systems import build_system

    hparams = hparams_of(options, f"mixed_precision={options.precision}")
    system = build_system(hparams, hparams.mel_spec, None)
    system.prepare_training()
    mel = np.random.default_rng(0).normal(size=(TRAIN_ROWS, FRAMES, hparams.num_mels))
    batch = _texts(system, TRAIN_ROWS) | {
        "mel": tf.constant(mel, tf.float32),
        "mel_lengths": tf.fill((TRAIN_ROWS,), FRAMES),
    }
    step = tf.function(lambda b: system.train_step(b, system.PHASES[0]), autograph=False)
    start = time.perf_counter()
    step.get_concrete_function(batch)
    tracing = time.perf_counter() - start
    timing = measure(lambda: float(step(batch)["loss"]), options.runs)
    return {
        "cpu_seconds": timing.cpu,
        "wall_seconds": timing.wall,
        "trace_seconds": tracing,
        "traces": step.experimental_get_tracing_count(),
    }


def speak_case(options: argparse.Namespace) -> dict[str, Any]:
    """Frames per second of speech: 600 frames from 100 symbols, in each of some rows."""
    import tensorflow as tf

    from tf_gantts.systems import build_system

    hparams = hparams_of(options, f"mixed_precision={options.precision}")
    system = build_system(hparams, hparams.mel_spec, None)
    network: Any = system.network  # type: ignore[attr-defined]
    batch = _texts(system, options.rows)

    @tf.function(autograph=False)
    def speak(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        # All rows are cut off after FRAMES, and none may end before.
        return network.infer(
            batch["ids"],
            batch["id_lengths"],
            **{name: batch[name] for name in ("speaker", "style") if name in batch},
            max_frames=FRAMES,
            min_frames_per_symbol=float(FRAMES),
        )

    timing = measure(lambda: speak(batch)["mel_postnet"].numpy(), options.runs)
    frames = int(tf.reduce_sum(speak(batch)["lengths"]))
    return {
        "cpu_seconds": timing.cpu,
        "wall_seconds": timing.wall,
        "frames": frames,
        "frames_per_cpu_second": frames / timing.cpu,
        "frames_per_second": frames / timing.wall,
    }


def _texts(system: Any, rows: int) -> dict[str, Any]:
    """Random symbols (rows, 100) without padding, and the first speaker and style."""
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(0)
    ids = rng.integers(1, system.front_end.vocabulary_size, (rows, SYMBOLS))
    known = (("speaker", system.hparams.speakers), ("style", system.hparams.styles))
    labels = {name: tf.zeros((rows,), tf.int32) for name, names in known if names}
    return {
        "ids": tf.constant(ids, tf.int32),
        "id_lengths": tf.fill((rows,), SYMBOLS),
        **labels,
    }
