#!/usr/bin/env python3
"""Speed of a recipe: synthesis, streaming, training steps, input pipeline, preprocessing.

Every row is measured in a process of its own: CPU seconds (user and system, all threads) and wall
seconds, medians over several runs after warm-up. On a shared machine the CPU column is the one to
trust, and ratios only of rows from the same run.

With `--torch PYTHON`, an interpreter that has PyTorch, rows of generator and training are measured
alternately with tools/benchmark_torch.py, `--rounds` times each, and their ratio is given.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tf_gantts import command
from tf_gantts.benchmarks import hparams_of
from tf_gantts.benchmarks.acoustic import speak_case, teach_case
from tf_gantts.benchmarks.vocoder import generator_case, input_case, stream_case, train_case
from tf_gantts.errors import GanTTSError
from tf_gantts.evaluation.machine import processor

ROOT = Path(__file__).resolve().parent.parent

# PyTorch's allocations otherwise cost up to half of its time in page faults.
TORCH_ENVIRONMENT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
_SENTENCES = 60
_SPOKEN_TOGETHER = (1, 16)
_TAUGHT = {"tacotron2": ["teacher_forcing"], "gan_tts": ["reconstruction", "adversarial"]}


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
    seconds = samples / hparams_of(options).sampling_rate
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
    "teach": teach_case,
    "speak": speak_case,
    "preprocess": preprocess_case,
}


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
    vocoder = hparams_of(options).system == "vocoder_gan"
    plan = _vocoder_rows(options) if vocoder else _acoustic_rows(options)
    plan += [{"case": "preprocess", "threads": jobs} for jobs in (1, 2)]
    return [row for row in plan if not options.only or row["case"] in options.only]


def _vocoder_rows(options: argparse.Namespace) -> list[dict[str, Any]]:
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
    return plan


def _acoustic_rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    plan: list[dict[str, Any]] = []
    for precision in options.precisions:
        same = {"precision": precision, "threads": options.threads}
        for phase in _TAUGHT[hparams_of(options).system]:
            plan.append({"case": "teach", "phase": phase} | same)
        plan += [{"case": "speak", "rows": rows} | same for rows in _SPOKEN_TOGETHER]
    return plan


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
    if case == "speak":
        share = result.get("text_encoder_share")
        return (
            f"{result['frames_per_cpu_second']:.0f} frames per CPU-s,"
            f" {result['frames_per_second']:.0f} per s wall"
            + (f"; with its BERT, whose share of the CPU time is {share:.0%}" if share else "")
        )
    if case in ("train", "teach"):
        return (
            f"{result['cpu_seconds']:.2f} CPU-s, {result['wall_seconds']:.2f} s wall per step;"
            f" traced {result['traces']}x, the first one {result['first_step_seconds']:.1f} s,"
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
    command.add_set(parser)
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
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--features", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.case:
        return child(options)
    print(f"{processor()}, {os.cpu_count()} cores, {options.hparams.name}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        results = [_run(row, options, Path(folder)) for row in rows(options)]
    if options.json:
        report = {
            "machine": {"cpu": processor(), "cores": os.cpu_count(), "os": platform.platform()},
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


if __name__ == "__main__":
    sys.exit(command.run(main))
