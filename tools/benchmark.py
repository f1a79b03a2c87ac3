#!/usr/bin/env python3
"""Speed of a recipe: generator, streaming, training steps, input pipeline, preprocessing.

Every row is measured in a process of its own: CPU seconds (user and system, all threads) and wall
seconds, medians over several runs after warm-up. On a shared machine the CPU column is the one to
trust, and ratios only of rows from the same run.

With `--torch PYTHON`, an interpreter that has PyTorch, rows of generator and training are measured
alternately with tools/benchmark_torch.py, `--rounds` times each, and their ratio is given.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tf_gantts import command
from tf_gantts.errors import GanTTSError

ROOT = Path(__file__).resolve().parent.parent

CLIP_FRAMES = 862  # 10 s at 22,050 Hz and hop 256
_CHUNK_FRAMES = 16
# PyTorch's allocations otherwise cost up to half of its time in page faults.
TORCH_ENVIRONMENT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
_INPUT_STEPS = 6
_SENTENCES = 60


@dataclasses.dataclass(frozen=True)
class Timing:
    """Medians over repeated runs, in seconds."""

    cpu: float
    wall: float


def measure(function: Callable[[], Any], runs: int, warm_up: int = 1) -> Timing:
    """Median CPU and wall seconds of a call, after `warm_up` calls."""
    for _ in range(warm_up):
        function()
    cpu, wall = [], []
    for _ in range(runs):
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        function()
        cpu.append(time.process_time() - cpu_start)
        wall.append(time.perf_counter() - wall_start)
    return Timing(statistics.median(cpu), statistics.median(wall))


# Cases, each run in a child process


def generator_case(options: argparse.Namespace) -> dict[str, Any]:
    """Real-time factor of the generator with folded weight norm on ten seconds of mel."""
    import numpy as np
    import tensorflow as tf

    from tf_gantts import networks
    from tf_gantts.systems import build_system

    hparams = _hparams(options, f"mixed_precision={options.precision}")
    system = build_system(hparams, hparams.mel_spec, None)
    generator = networks.fold_weight_norm(system.generator)
    function = tf.function(generator, autograph=False).get_concrete_function(
        tf.TensorSpec((1, None, hparams.num_mels))
    )
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

    hparams = _hparams(options)
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

    hparams = _hparams(options, f"mixed_precision={options.precision}")
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
    step = tf.function(lambda b: system.train_step(b, options.phase), autograph=False)
    start = time.perf_counter()
    step.get_concrete_function(batch)
    tracing = time.perf_counter() - start
    timing = measure(lambda: float(step(batch)["generator_loss"]), options.runs)
    return {
        "cpu_seconds": timing.cpu,
        "wall_seconds": timing.wall,
        "trace_seconds": tracing,
        "traces": step.experimental_get_tracing_count(),
    }


def input_case(options: argparse.Namespace) -> dict[str, Any]:
    """Share of the step time that training waits for its input, and batches per second alone."""
    import tensorflow as tf

    from tf_gantts.data.segments import SegmentSource
    from tf_gantts.data.store import open_store
    from tf_gantts.systems import build_system

    hparams = _hparams(options, f"mixed_precision={options.precision}")
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
    step = tf.function(lambda b: system.train_step(b, options.phase), autograph=False)
    iterator = iter(source.dataset())
    float(step(next(iterator))["generator_loss"])
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


def preprocess_case(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of audio that preprocessing turns into features per CPU second."""
    with tempfile.TemporaryDirectory() as folder:
        wall = time.perf_counter()
        words = [
            sys.executable,
            str(ROOT / "tools" / "preprocess.py"),
            f"--hparams={options.hparams}",
            f"--corpus={options.corpus}",
            f"--features={folder}/features",
            f"--jobs={options.threads}",
        ]
        result = subprocess.run(words, capture_output=True, text=True, check=False)
        if result.returncode:
            raise GanTTSError(f"preprocessing failed: {result.stderr.strip().splitlines()[-1]}")
        wall = time.perf_counter() - wall
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = usage.ru_utime + usage.ru_stime
        from tf_gantts.data.store import open_store

        store = open_store(f"{folder}/features")
        samples = sum(utterance.samples for utterance in store.utterances)
    seconds = samples / _hparams(options).sampling_rate
    return {
        "audio_seconds": seconds,
        "cpu_seconds": cpu,
        "wall_seconds": wall,
        "audio_seconds_per_cpu_second": seconds / cpu,
        "audio_seconds_per_wall_second": seconds / wall,
    }


CASES = {
    "generator": generator_case,
    "stream": stream_case,
    "train": train_case,
    "input": input_case,
    "preprocess": preprocess_case,
}


def _hparams(options: argparse.Namespace, *overrides: str) -> Any:
    from tf_gantts.hparams import load_hparams

    return load_hparams(options.hparams, [*options.set, *overrides])


def child(options: argparse.Namespace) -> int:
    """Runs one case and prints its result as JSON."""
    if options.case != "preprocess":
        command.load_tensorflow()
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(options.threads)
        tf.config.experimental.enable_op_determinism()  # as training does
    result = CASES[options.case](options)
    result["peak_rss_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps(result))
    return 0


# The table


def rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    """What to measure, in the order of the table."""
    threads = options.threads
    plan: list[dict[str, Any]] = []
    for precision in options.precisions:
        for count in sorted({1, threads}):
            plan.append({"case": "generator", "precision": precision, "threads": count})
        for phase in options.phases:
            plan.append(
                {"case": "train", "precision": precision, "phase": phase, "threads": threads}
            )
    plan.append({"case": "stream", "threads": threads})
    plan.append({"case": "input", "precision": "float32", "phase": "generator", "threads": threads})
    plan += [{"case": "preprocess", "threads": jobs} for jobs in (1, 2)]
    return [row for row in plan if not options.only or row["case"] in options.only]


def describe(row: dict[str, Any], result: dict[str, Any]) -> str:
    """One line of the table."""
    case = row["case"]
    if case == "generator":
        return f"RTF {result['rtf_cpu']:.4f} (CPU), {result['rtf_wall']:.4f} (wall)"
    if case == "stream":
        return (
            f"first audio after {1000 * result['first_audio_wall_seconds']:.1f} ms"
            f" ({1000 * result['first_audio_cpu_seconds']:.1f} CPU-ms), RTF"
            f" {result['rtf_cpu']:.4f} (CPU), difference {result['largest_difference']:.1e} at peak"
            f" {result['peak']:.2f}; {result['latency']}"
        )
    if case == "train":
        return (
            f"{result['cpu_seconds']:.2f} CPU-s, {result['wall_seconds']:.2f} s wall per step;"
            f" traced {result['traces']}x in {result['trace_seconds']:.1f} s,"
            f" peak {result['peak_rss_gib']:.1f} GiB"
        )
    if case == "input":
        return (
            f"{result['input_wait_share']:.2%} of the step time;"
            f" alone {result['batches_per_second']:.0f} batches/s"
        )
    return (
        f"{result['audio_seconds_per_cpu_second']:.0f} s of audio per CPU-s,"
        f" {result['audio_seconds_per_wall_second']:.0f} per s wall"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns its exit status."""
    parser = command.argument_parser("tools/benchmark.py", __doc__.splitlines()[0])
    parser.add_argument("--hparams", type=Path, default=ROOT / "hparams" / "melgan.yaml")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--corpus", type=Path, help="recordings; default: a small built-in corpus")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each row")
    parser.add_argument("--only", nargs="+", choices=list(CASES), help="kinds of rows to measure")
    parser.add_argument("--json", type=Path, help="write all results to this file")
    parser.add_argument("--torch", type=Path, metavar="PYTHON", help="interpreter with PyTorch")
    parser.add_argument("--rounds", type=int, default=2, help="measurements beside PyTorch's")
    parser.add_argument(
        "--phases", nargs="+", default=["generator", "adversarial"], help="training steps"
    )
    parser.add_argument(
        "--precisions", nargs="+", default=["float32", "bfloat16"], choices=["float32", "bfloat16"]
    )
    parser.add_argument("--case", choices=list(CASES), help=argparse.SUPPRESS)
    parser.add_argument("--precision", default="float32", help=argparse.SUPPRESS)
    parser.add_argument("--phase", default="generator", help=argparse.SUPPRESS)
    parser.add_argument("--features", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.case:
        return child(options)
    with tempfile.TemporaryDirectory() as folder:
        results = [_run(row, options, Path(folder)) for row in rows(options)]
    if options.json:
        report = {
            "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "os": platform.platform()},
            "hparams": str(options.hparams),
            "overrides": options.set,
            "runs": options.runs,
            "rows": results,
        }
        options.json.write_text(json.dumps(report, indent=1))
    return 0


def _run(row: dict[str, Any], options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    words = [f"--{name}={value}" for name, value in row.items()]
    words += [f"--hparams={options.hparams}", f"--runs={options.runs}"]
    words += [f"--set={item}" for item in options.set]
    if row["case"] in ("input", "preprocess"):
        corpus = _corpus(options, folder)
        words.append(f"--corpus={corpus}")
    if row["case"] == "input":
        features = folder / "features"
        if not features.exists():
            _tool(
                "preprocess.py",
                f"--hparams={options.hparams}",
                f"--corpus={corpus}",
                f"--features={features}",
                "--jobs=2",
            )
        words.append(f"--features={features}")
    commands = {"ours": [sys.executable, __file__, *words]}
    if options.torch and row["case"] in ("generator", "train"):
        # The phase that does the work that ours does
        phase = {"phase": "lean"} if row.get("phase") == "adversarial" else {}
        script = str(ROOT / "tools" / "benchmark_torch.py")
        same = words[len(row) :]
        commands["torch"] = [str(options.torch), script, *same, f"--row={json.dumps(row | phase)}"]
    results = _alternately(commands, options.rounds if len(commands) > 1 else 1)
    result, text = results["ours"], describe(row, results["ours"])
    if "torch" in results:
        result["torch"] = results["torch"]
        result["ratio"] = result["cpu_seconds"] / results["torch"]["cpu_seconds"]
        text += (
            f"; PyTorch {results['torch']['cpu_seconds']:.2f} CPU-s, ratio {result['ratio']:.2f}"
        )
    name = " ".join(str(value) for value in row.values())
    print(f"{name:40} {text}", flush=True)
    return row | result


def _alternately(commands: dict[str, list[str]], rounds: int) -> dict[str, dict[str, Any]]:
    """Runs commands in turn; for each the round with the median of the CPU seconds."""
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, words in commands.items():
            environment = os.environ | (TORCH_ENVIRONMENT if name == "torch" else {})
            process = subprocess.run(
                words, capture_output=True, text=True, check=False, env=environment
            )
            if process.returncode:
                raise GanTTSError(f"{' '.join(words)} failed: {process.stderr.strip()[-2000:]}")
            results[name].append(json.loads(process.stdout.strip().splitlines()[-1]))
    return {name: _median_round(measured) for name, measured in results.items()}


def _median_round(measured: list[dict[str, Any]]) -> dict[str, Any]:
    ordered = sorted(measured, key=lambda result: result.get("cpu_seconds", 0.0))
    return ordered[(len(ordered) - 1) // 2]


def _corpus(options: argparse.Namespace, folder: Path) -> Path:
    if options.corpus:
        return options.corpus
    corpus = folder / "corpus"
    if not corpus.exists():
        _tool("make_corpus.py", f"--out={corpus}", f"--sentences={_SENTENCES}")
    return corpus


def _tool(name: str, *arguments: str) -> None:
    words = [sys.executable, str(ROOT / "tools" / name), *arguments]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode:
        raise GanTTSError(f"tools/{name} failed: {result.stderr.strip().splitlines()[-1]}")


def cpu_name() -> str:
    """The processor, as the system names it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    sys.exit(command.run(main))
