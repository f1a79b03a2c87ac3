#!/usr/bin/env python3
"""Speed of the same recipe in PyTorch on this machine, to compare with tools/benchmark.py.

Needs torch (2.13.0 was used), numpy, pydantic and PyYAML; the package never imports PyTorch. The
networks, in tools/torch_networks.py, compute what the reference implementations do. Rows are
measured as in tools/benchmark.py, which can run them alternately with its own (--torch): random
input, a process per row, medians of CPU and wall seconds after one warm-up call. Train steps:

- generator: G forward, STFT or mel loss, update of G.
- adversarial: ParallelWaveGAN's order of work. G forward, the same loss, D(fake), D(real) without
  gradient, feature matching, update of G, whose backward pass also computes gradients of D that
  nobody uses; G forward again without gradient, D(real), D(fake), update of D.
- lean: the same two updates for the work that tf_gantts does: D(real) once, no unused gradients.

PyTorch runs eagerly (torch.compile needs a C++ compiler); bfloat16 is autocast of the networks;
weight norm is torch.nn.utils.weight_norm (the parametrization was no faster). glibc is told to keep
freed memory: page faults took up to half of the time. Spinning OpenMP threads count as CPU seconds.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import itertools
import json
import os
import resource
import sys
import warnings
from pathlib import Path

import torch
import yaml
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, remove_weight_norm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # tf_gantts is not installed here
import benchmark  # tools/benchmark.py; imports TensorFlow inside its cases only
from torch_networks import NETWORKS, PARAMETERS, Maps, Params

from tf_gantts.benchmarks import measure
from tf_gantts.benchmarks.vocoder import CLIP_FRAMES

warnings.filterwarnings("ignore", message=".*weight_norm", category=FutureWarning)
_CASES = [{"case": "generator"}]
_CASES += [{"case": "train", "phase": phase} for phase in ("generator", "adversarial", "lean")]


def build(hparams: Params, role: str, precision: str) -> nn.Module:
    """The recipe's `generator` or `discriminator`; checks its size, without g, where published."""
    network = NETWORKS[hparams[f"{role}_type"]](hparams[f"{role}_params"])
    count = sum(p.numel() for n, p in network.named_parameters() if not n.endswith("weight_g"))
    assert count == PARAMETERS.get(hparams["name"], {}).get(role, count), f"{role}: {count}"
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")
    network.forward = autocast(network.forward)
    return network


def stft_loss(fake: Tensor, real: Tensor, params: Params) -> Tensor:
    """Spectral convergence + log-magnitude distance of (B, N), means over the resolutions."""
    losses = []
    keys = ("fft_sizes", "hop_sizes", "win_lengths")
    for fft, hop, width in zip(*(params[key] for key in keys), strict=True):
        shape = (fft, hop, width, torch.hann_window(width))
        spectra = (torch.stft(x, *shape, return_complex=True) for x in (fake, real))
        x, y = ((z.real**2 + z.imag**2).clamp(min=1e-7).sqrt() for z in spectra)
        convergence = torch.linalg.vector_norm(y - x) / torch.linalg.vector_norm(y)
        losses.append(convergence + nn.functional.l1_loss(x.log(), y.log()))
    return sum(losses) / len(losses)


def log_mel(audio: Tensor, basis: Tensor, fft_size: int, hop_size: int) -> Tensor:
    """Natural-log mel (B, bands, frames) of (B, N)."""
    shape = (fft_size, hop_size, fft_size, torch.hann_window(fft_size))
    spectrum = torch.stft(audio, *shape, return_complex=True)
    magnitude = (spectrum.real**2 + spectrum.imag**2).clamp(min=1e-9).sqrt()
    return (basis @ magnitude).clamp(min=1e-5).log()


_CRITERIA = {  # recording, generated, generated as the generator wants it
    "mse": (lambda s: (s - 1).square(), lambda s: s.square(), lambda s: (s - 1).square()),
    "hinge": (lambda s: (1 - s).relu(), lambda s: (1 + s).relu(), lambda s: -s),
}


def score_loss(maps: Maps, side: int, params: Params) -> Tensor:
    """Adversarial loss of the scores, `side` an index of `_CRITERIA`."""
    criterion = _CRITERIA[params.get("loss_type", "mse")][side]
    total = sum(criterion(outputs[-1].float()).mean() for outputs in maps)
    return total / len(maps) if params.get("average_by_discriminators", True) else total


def feature_match_loss(fake: Maps, real: Maps, params: Params) -> Tensor:
    """L1 distance of the feature maps, sums or means over layers and discriminators."""
    total = 0.0
    end = None if params.get("include_final_outputs") else -1
    for ours, theirs in zip(fake, real, strict=True):
        pairs = zip(ours[:end], theirs[:end], strict=True)
        distances = [nn.functional.l1_loss(a.float(), b.detach().float()) for a, b in pairs]
        divisor = len(distances) if params.get("average_by_layers", True) else 1
        total = total + sum(distances) / divisor
    return total / len(fake) if params.get("average_by_discriminators", True) else total


class VocoderGAN:
    """A generator, a discriminator, their optimizers and one training step."""

    def __init__(self, hparams: Params, precision: str) -> None:
        self.hparams, self.optimizers = hparams, {}
        self.generator = build(hparams, "generator", precision)
        self.discriminator = build(hparams, "discriminator", precision)
        for role in ("generator", "discriminator"):
            kind = getattr(torch.optim, hparams[f"{role}_optimizer_type"])
            params = hparams[f"{role}_optimizer_params"]
            self.optimizers[role] = kind(getattr(self, role).parameters(), **params)
        bands = hparams.get("mel_loss_params", {}).get("num_mels", hparams["num_mels"])
        self.basis = torch.rand(bands, hparams["fft_size"] // 2 + 1)  # random as the input is

    def auxiliary_loss(self, fake: Tensor, audio: Tensor) -> Tensor:
        """Weighted STFT and mel losses of waveforms (B, N)."""
        hp, loss = self.hparams, torch.zeros(())
        if hp.get("use_stft_loss", True):
            loss = loss + stft_loss(fake, audio, hp["stft_loss_params"])
        if hp.get("use_subband_stft_loss", False):
            bands = self.generator.subbands.flatten(0, 1), self.generator.split(audio[:, None])
            params = hp["subband_stft_loss_params"]
            distance = stft_loss(bands[0], bands[1].flatten(0, 1), params)
            loss = (loss + distance) / 2
        if hp.get("use_mel_loss", False):
            shape = (self.basis, hp["fft_size"], hp["hop_size"])
            distance = nn.functional.l1_loss(log_mel(fake, *shape), log_mel(audio, *shape))
            loss = loss + hp["lambda_mel"] * distance
        return loss

    def train_step(self, mel: Tensor, audio: Tensor, phase: str) -> float:
        """One step on mel (B, n_mels, frames) and audio (B, 1, samples); returns G's loss."""
        hp, lean = self.hparams, phase == "lean"
        fake = self.generator(mel).float()
        loss = self.auxiliary_loss(fake[:, 0], audio[:, 0])
        if phase != "generator":
            self.discriminator.requires_grad_(not lean)
            fake_maps = self.discriminator(fake)
            self.discriminator.requires_grad_(True)
            with torch.set_grad_enabled(lean):
                real_maps = self.discriminator(audio)
            adversarial = score_loss(fake_maps, 2, hp.get("generator_adv_loss_params", {}))
            if hp.get("use_feat_match_loss", False):
                params = hp.get("feat_match_loss_params", {})
                matching = feature_match_loss(fake_maps, real_maps, params)
                adversarial = adversarial + hp["lambda_feat_match"] * matching
            loss = loss + hp["lambda_adv"] * adversarial
        self._update("generator", loss)
        if phase != "generator":
            with torch.no_grad():
                fake = self.generator(mel).float()
            real_maps = real_maps if lean else self.discriminator(audio)
            fake_maps = self.discriminator(fake)
            params = hp.get("discriminator_adv_loss_params", {})
            loss_of_d = score_loss(real_maps, 0, params) + score_loss(fake_maps, 1, params)
            self._update("discriminator", loss_of_d)
        return loss.item()

    def _update(self, role: str, loss: Tensor) -> None:
        self.optimizers[role].zero_grad()
        loss.backward()
        if most := self.hparams[f"{role}_grad_norm"]:
            clip_grad_norm_(getattr(self, role).parameters(), most)
        self.optimizers[role].step()


def measure_row(hparams: Params, row: Params, runs: int) -> Params:
    """Times one row in this process: synthesis of ten seconds, or a training step."""
    torch.set_num_threads(row["threads"])
    torch.manual_seed(0)
    batch, bands, hop = (hparams[key] for key in ("batch_size", "num_mels", "hop_size"))
    if row["case"] == "train":
        system = VocoderGAN(hparams, row["precision"])
        mel = torch.randn(batch, bands, hparams["batch_max_steps"] // hop)
        audio = 0.1 * torch.randn(batch, 1, mel.shape[-1] * hop)
        timing = measure(lambda: system.train_step(mel, audio, row["phase"]), runs)
        result = {}
    else:
        generator = build(hparams, "generator", row["precision"])
        for module in (m for m in generator.modules() if hasattr(m, "weight_g")):
            remove_weight_norm(module)
        mel = torch.randn(1, bands, CLIP_FRAMES)
        with torch.inference_mode():
            timing = measure(lambda: generator(mel).float().numpy(), runs)
        seconds = mel.shape[-1] * hop / hparams["sampling_rate"]
        result = {"rtf_cpu": timing.cpu / seconds, "rtf_wall": timing.wall / seconds}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    result |= {"cpu_seconds": timing.cpu, "wall_seconds": timing.wall, "peak_rss_gib": peak}
    return row | result


def main(argv: list[str] | None = None) -> int:
    """Runs the benchmark; returns its exit status."""
    parser = benchmark.command.argument_parser("tools/benchmark_torch.py", __doc__.splitlines()[0])
    parser.add_argument("--hparams", type=Path, default=benchmark.ROOT / "hparams" / "melgan.yaml")
    benchmark.command.add_set(parser)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each row")
    parser.add_argument("--only", choices=["generator", "train"], help="kind of rows to measure")
    parser.add_argument("--json", type=Path, help="write all results to this file")
    parser.add_argument("--row", type=json.loads, help=argparse.SUPPRESS)  # of tools/benchmark.py
    options = parser.parse_args(argv)
    hparams = yaml.safe_load(options.hparams.read_text()) | {"name": options.hparams.stem}
    for key, _, value in (item.partition("=") for item in options.set):
        hparams[key] = yaml.safe_load(value)
    if options.row:
        print(json.dumps(measure_row(hparams, options.row, options.runs)))
        return 0
    report = {"cpu": benchmark.processor(), "torch": torch.__version__, **vars(options), "rows": []}
    os.environ.update(benchmark.TORCH_ENVIRONMENT)
    cases = [case for case in _CASES if options.only in (None, case["case"])]
    with concurrent.futures.ProcessPoolExecutor(1, max_tasks_per_child=1) as pool:  # spawns
        for precision, case in itertools.product(("float32", "bfloat16"), cases):
            row = case | {"precision": precision, "threads": options.threads}
            result = pool.submit(measure_row, hparams, row, options.runs).result()
            report["rows"].append(result)
            numbers = ", ".join(f"{k} {v:.4g}" for k, v in result.items() if k not in row)
            print(f"{' '.join(map(str, row.values())):32} {numbers}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(benchmark.command.run(main))
