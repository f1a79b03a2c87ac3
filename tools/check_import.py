"""Imports every source's fixture into a run and compares what the run says with the reference."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tf_gantts.command import argument_parser, load_tensorflow, run

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "reference"
_SUFFIXES = {"npz": ".npz", "safetensors": ".safetensors", "torch": ".pth"}

# The public config_v1.json without the generator's sizes.
_HIFIGAN = {
    "num_mels": 80,
    "n_fft": 1024,
    "hop_size": 256,
    "win_size": 1024,
    "sampling_rate": 22050,
    "fmin": 0,
    "fmax": 8000,
    "fmax_for_loss": None,
    "segment_size": 8192,
    "batch_size": 16,
    "learning_rate": 0.0002,
    "adam_b1": 0.8,
    "adam_b2": 0.99,
    "lr_decay": 0.999,
    "seed": 1234,
}
# The fixture's discriminators are narrower than hifi-gan's, whose widths no configuration says.
_NARROW = [
    "discriminator_params.period_discriminator_params={channels: 2, max_downsample_channels: 64}",
    "discriminator_params.scale_discriminator_params={channels: 16, max_downsample_channels: 128}",
]


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a line per comparison; 1 if any fails."""
    parser = argument_parser("tools/check_import.py", __doc__ or "")
    parser.add_argument("--fixtures", type=Path, default=_SHARED, help="folder with the fixtures")
    parser.add_argument("--kind", choices=_SUFFIXES, help="only this kind of file; default all")
    arguments = parser.parse_args(argv)
    kinds = [arguments.kind] if arguments.kind else list(_SUFFIXES)
    if "torch" in kinds and importlib.util.find_spec("torch") is None:
        kinds.remove("torch")
        print('PyTorch files are left out: pip install "tf_gantts[torch]"')
    load_tensorflow()
    failed = False
    for kind in kinds:
        for row in rows(arguments.fixtures, kind):
            print(row, f" {_SUFFIXES[kind]}", flush=True)
            failed = failed or row.failed
    return int(failed)


def rows(fixtures: Path, kind: str) -> Iterator[Any]:
    """The comparisons of all sources, each imported from files of one kind."""
    from tf_gantts.porting.parity import Fixture

    for check, name in (
        (_hifigan, "hifigan_v1"),
        (_parallel_wavegan, "pwg_melgan"),
        (_speechbrain, "speechbrain_hifigan"),
        (_vocos, "vocos"),
        (_tacotron2, "tacotron2"),
    ):
        with tempfile.TemporaryDirectory() as folder:
            yield from check(Fixture(fixtures / f"{name}.npz"), Path(folder), kind)


def write(path: Path, content: Mapping[str, Any], kind: str) -> Path:
    """Writes nested state dicts as a checkpoint file of some kind."""
    path = path.with_name(path.name + _SUFFIXES[kind])
    if kind == "torch":
        import torch

        torch.save(_tensors(content), path)
    elif kind == "npz":
        np.savez(path, **_flat(content))
    else:
        from safetensors.numpy import save_file

        save_file(_flat(content), path)
    return path


def _tensors(content: Any) -> Any:
    import torch

    if isinstance(content, np.ndarray):
        return torch.from_numpy(content.copy())
    return {key: _tensors(value) for key, value in content.items()}


def _flat(content: Mapping[str, Any]) -> dict[str, np.ndarray]:
    flat = {}
    for key, value in content.items():
        if isinstance(value, np.ndarray):
            flat[key] = np.ascontiguousarray(value)
        else:
            flat |= {f"{key}.{name}": array for name, array in _flat(value).items()}
    return flat


def _imported(folder: Path, **request: Any) -> tuple[Any, Any]:
    from tf_gantts.import_checkpoint import Request, import_checkpoint
    from tf_gantts.systems import load_system

    import_checkpoint(Request(run=folder / "run", **request))
    return load_system(folder / "run")


def _config(folder: Path, values: Mapping[str, Any]) -> Path:
    path = folder / "config.json"  # which is YAML too
    path.write_text(json.dumps(values))
    return path


def _channels_first(x: Any) -> np.ndarray:
    return np.moveaxis(np.asarray(x), -1, 1)


def _mel(fixture: Any, case: str) -> np.ndarray:
    return np.ascontiguousarray(np.swapaxes(fixture.under(f"{case}/in")["mel"], 1, 2))


def _hifigan(fixture: Any, folder: Path, kind: str) -> Iterator[Any]:
    from tf_gantts.porting.parity import activations
    from tf_gantts.systems.initialization import stored_discriminator

    both = {part: fixture.under(f"{part}/sd") for part in ("mpd", "msd")}
    given = {
        "gen_v1": {
            "discriminator": write(folder / "do_02500000", both, kind),
            "overrides": _NARROW,
        },
        "gen_v3": {},
    }
    for case, more in given.items():
        inside = folder / case
        inside.mkdir()
        weights = {"generator": fixture.under(f"{case}/sd")}
        system, checkpoint = _imported(
            inside,
            source="hifigan",
            checkpoint=write(inside / "g_02500000", weights, kind),
            config=_config(inside, _HIFIGAN | fixture.config["cases"][case]["params"]),
            **more,
        )
        wave = system.synthesize(_mel(fixture, case))
        yield fixture.compare(case, "wav", _channels_first(wave), activations)
        if not more:
            continue
        network = stored_discriminator(checkpoint)
        for part, inner in (("mpd", network.multi_period), ("msd", network.multi_scale)):
            maps = inner(np.swapaxes(fixture.under(f"{part}/in")["y"], 1, 2))
            for i, features in enumerate(maps):
                score = np.reshape(features[-1], (features[-1].shape[0], -1))
                yield fixture.compare(part, f"score_real_{i}", score, activations)


def _parallel_wavegan(fixture: Any, folder: Path, kind: str) -> Iterator[Any]:
    from tf_gantts.porting.parity import activations
    from tf_gantts.systems.initialization import stored_discriminator

    rng = np.random.default_rng(0)
    mean, scale = rng.normal(-2, 0.5, 80), rng.uniform(0.5, 1.5, 80)
    np.save(folder / "stats.npy", np.stack([mean, scale]).astype(np.float32))
    cases = fixture.config["cases"]
    for case in ("gen", "odd", "mb", "causal"):
        params = cases[case]["params"]
        hop = int(np.prod(params["upsample_scales"])) * params.get("out_channels", 1)
        recipe = {
            "sampling_rate": 22050,
            "hop_size": hop,
            "win_length": None,
            "batch_max_steps": 8196,  # as the reference's own recipe has it
            "generator_params": params,
            "discriminator_params": cases["disc"]["params"],
            "outdir": "exp",
        }
        inside = folder / case
        inside.mkdir()
        parts = {"generator": fixture.under(f"{case}/sd")}
        if case == "causal":  # the last one
            parts["discriminator"] = fixture.under("disc/sd")
        system, checkpoint = _imported(
            inside,
            source="parallel_wavegan_melgan",
            checkpoint=write(inside / "checkpoint-400000steps", {"model": parts}, kind),
            config=_config(inside, recipe),
            statistics=folder / "stats.npy",
        )
        raw = (_mel(fixture, case) * scale + mean).astype(np.float32)
        yield fixture.compare(case, "wav", _channels_first(system.synthesize(raw)), activations)
    maps = stored_discriminator(checkpoint)(np.swapaxes(fixture.under("disc/in")["wav"], 1, 2))
    for i, features in enumerate(maps):
        score = _channels_first(features[-1])
        yield fixture.compare("disc", f"d{i}_l{len(features) - 1}", score, activations)


def _speechbrain(fixture: Any, folder: Path, kind: str) -> Iterator[Any]:
    from tf_gantts.porting.parity import activations

    params = dict(fixture.config["params"])
    lines = [f"{key}: {json.dumps(value)}" for key, value in params.items()]
    lines.append("generator: !new:speechbrain.lobes.models.HifiGAN.HifiganGenerator")
    lines += [f"  {key}: !ref <{key}>" for key in params]
    (folder / "hyperparams.yaml").write_text("\n".join([*lines, "sample_rate: 22050", ""]))
    system, _ = _imported(
        folder,
        source="hifigan_speechbrain",
        checkpoint=write(folder / "generator", fixture.under("model/sd"), kind),
        config=folder / "hyperparams.yaml",
    )
    mel = _mel(fixture, "model")
    wave, padded = system.synthesize(mel), system.generator.inference(mel)
    yield fixture.compare("model", "wav_forward", _channels_first(wave), activations)
    yield fixture.compare("model", "wav_inference", _channels_first(padded), activations)


def _vocos(fixture: Any, folder: Path, kind: str) -> Iterator[Any]:
    from tf_gantts.porting.parity import activations

    for case, entry in fixture.config["cases"].items():
        names = {"feature_extractor": "fe", "backbone": "bb", "head": "hd"}
        inside = folder / case
        inside.mkdir()
        system, _ = _imported(
            inside,
            source="vocos",
            checkpoint=write(inside / "pytorch_model", fixture.under(f"{case}/sd"), kind),
            config=_config(
                inside, {theirs: {"init_args": entry[short]} for theirs, short in names.items()}
            ),
        )
        wave = np.asarray(system.synthesize(_mel(fixture, case)))[..., 0]
        if entry["hd"]["padding"] == "center":  # there it ends at the middle of the last frame
            wave = wave[:, : -entry["hd"]["hop_length"]]
        yield fixture.compare(case, "wav", wave, activations)


def _tacotron2(fixture: Any, folder: Path, kind: str) -> Iterator[Any]:
    from tf_gantts.porting.parity_tacotron2 import free_running, teacher_forced

    content = {"state_dict": fixture.under("model/sd")}  # as the public file has it
    system, _ = _imported(
        folder,
        source="tacotron2_nvidia",
        checkpoint=write(folder / "tacotron2_statedict", content, kind),
        config=_config(folder, fixture.config["hparams"]),
        overrides=["model_params.prenet_dropout=0.0"],  # as the fixture was made
    )
    yield from teacher_forced(fixture, "model", system.network)
    yield from free_running(fixture, "model", system.network)


if __name__ == "__main__":
    sys.exit(run(main))
