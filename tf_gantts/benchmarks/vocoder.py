"""Speed of a vocoder: whole clips, streaming, training steps, their input."""

from __future__ import annotations

import argparse
import time
from typing import Any

from tf_gantts.benchmarks import hparams_of, measure, measure_step

CLIP_FRAMES = 862  # 10 s at 22,050 Hz and hop 256
_CHUNK_FRAMES = 16
_INPUT_STEPS = 6


def generator_case(options: argparse.Namespace) -> dict[str, Any]:
    """Real-time factor of generator (weight norm folded) and mel projection, ten seconds of mel."""
    import numpy as np
    import tensorflow as tf

    from tf_gantts import networks
    from tf_gantts.systems import build_system

    hparams = hparams_of(options, f"mixed_precision={options.precision}")
    system = build_system(hparams, hparams.mel_spec, None)
    generator = networks.fold_weight_norm(system.generator)
    projection = system.projection or (lambda wave, mel: wave)
    vocode = tf.function(lambda mel: projection(generator(mel), mel), autograph=False)
    function = vocode.get_concrete_function(tf.TensorSpec((1, None, hparams.num_mels)))
    rng = np.random.default_rng(0)
    mel = tf.constant(rng.normal(size=(1, CLIP_FRAMES, hparams.num_mels)), tf.float32)
    timing = measure(lambda: function(mel).numpy(), options.runs)
    seconds = CLIP_FRAMES * hparams.hop_size / hparams.sampling_rate
    return {
        "cpu_seconds": timing.cpu,
        "wall_seconds": timing.wall,
        "rtf_cpu": timing.cpu / seconds,
        "rtf_wall": timing.wall / seconds,
    }


def stream_case(options: argparse.Namespace) -> dict[str, Any]:
    """Ten seconds of mel in chunks: time to first audio, and difference from the whole clip."""
    import numpy as np

    from tf_gantts.serving.synthesis import StreamingSynthesis
    from tf_gantts.systems import build_system

    hparams = hparams_of(options)
    spec = hparams.mel_spec
    system = build_system(hparams, spec, None, inference=True)
    for variable in system.generator.trainable_variables:
        if variable.name == "weight_g":  # an untrained network is nearly silent
            variable.assign(1.7 * variable)
    module = system.serving_module()
    streaming = StreamingSynthesis(module, _CHUNK_FRAMES)
    mel = np.random.default_rng(0).normal(size=(CLIP_FRAMES, spec.num_mels)).astype(np.float32)
    audio = np.concatenate(list(streaming(mel)))
    first = measure(lambda: next(streaming(mel)), options.runs)
    whole = measure(lambda: list(streaming(mel)), options.runs)
    seconds = CLIP_FRAMES * spec.hop_size / spec.sampling_rate
    return {
        "largest_difference": streaming.difference(mel, audio),
        "peak": float(np.abs(audio).max()),
        "first_audio_cpu_seconds": first.cpu,
        "first_audio_wall_seconds": first.wall,
        "rtf_cpu": whole.cpu / seconds,
        "rtf_wall": whole.wall / seconds,
        "latency": streaming.latency(),
    }


def train_case(options: argparse.Namespace) -> dict[str, Any]:
    """One training step of a phase, on a batch that is already in memory."""
    import numpy as np
    import tensorflow as tf

    from tf_gantts.systems import build_system

    hparams = hparams_of(options, f"mixed_precision={options.precision}")
    system = build_system(hparams, hparams.mel_spec, None)
    system.prepare_training()
    rng = np.random.default_rng(0)
    rows, frames = hparams.batch_size, hparams.segment_frames
    batch = {
        "mel": tf.constant(rng.normal(size=(rows, frames, hparams.num_mels)), tf.float32),
        "audio": tf.constant(
            0.1 * rng.normal(size=(rows, frames * hparams.hop_size, 1)), tf.float32
        ),
    }
    return measure_step(system, batch, options)


def input_case(options: argparse.Namespace) -> dict[str, Any]:
    """Share of the step time that training waits for its input, and batches per second alone."""
    from tf_gantts.data.segments import SegmentSource
    from tf_gantts.data.store import open_store
    from tf_gantts.systems import build_system
    from tf_gantts.training.fixed_order import compile_step

    hparams = hparams_of(options, f"mixed_precision={options.precision}")
    store = open_store(options.features)
    source = SegmentSource(
        store,
        frames_per_segment=hparams.segment_frames,
        batch_size=hparams.batch_size,
        seed=hparams.seed,
        remove_short_samples=hparams.remove_short_samples,
        allow_cache=hparams.allow_cache,
    )
    alone = iter(source.dataset())
    batches = measure(lambda: next(alone)["audio"].numpy(), 50)
    system = build_system(hparams, store.spec, store.statistics)
    system.prepare_training()
    iterator = iter(source.dataset())
    batch = next(iterator)
    step = compile_step(lambda b: system.train_step(b, options.phase), batch)
    float(step(batch)["generator_loss"])
    waiting, start = 0.0, time.perf_counter()
    for _ in range(_INPUT_STEPS):
        before = time.perf_counter()
        batch = next(iterator)
        waiting += time.perf_counter() - before
        float(step(batch)["generator_loss"])
    total = time.perf_counter() - start
    return {
        "input_wait_share": waiting / total,
        "batches_per_second": 1 / batches.wall,
        "batch_cpu_seconds": batches.cpu,
        "step_wall_seconds": total / _INPUT_STEPS,
    }
