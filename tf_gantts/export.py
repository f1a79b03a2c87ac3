"""A run to a SavedModel, or to weights under a reference's names: `python -m tf_gantts.export`."""

from __future__ import annotations

import argparse
import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from tf_gantts import __version__, command
from tf_gantts.errors import ExportError
from tf_gantts.import_checkpoint import GENERATORS

_LOG = logging.getLogger(__name__)

CODE_LICENCE = "Apache-2.0"
_NOT_STATED = "not stated"


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    p = command.argument_parser(
        "python -m tf_gantts.export",
        "Export a trained system as a SavedModel that needs nothing but TensorFlow, or its weights"
        " as .safetensors under the names of the PyTorch implementation it is like.",
    )
    p.add_argument("--run", required=True, type=Path, help="run directory")
    p.add_argument(
        "--out",
        required=True,
        type=Path,
        help="folder of the SavedModel, such as exports/melgan/1, or .safetensors file",
    )
    p.add_argument(
        "--format",
        choices=["saved_model", "safetensors"],
        default="saved_model",
        help="what to write",
    )
    p.add_argument(
        "--source",
        choices=GENERATORS,
        help="whose names safetensors have; default: those of the generator's own reference",
    )
    p.add_argument(
        "--checkpoint",
        type=command.checkpoint_name,
        default="latest",
        help="latest, best or a step",
    )
    p.add_argument(
        "--licence", default=_NOT_STATED, help="licence of the weights, kept in the metadata"
    )
    p.add_argument("--force", action="store_true", help="replace an older export")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    p = parser()
    arguments = p.parse_args(argv)
    if arguments.source and arguments.format != "safetensors":
        p.error("--source goes with --format safetensors")
    command.load_tensorflow()
    if arguments.format == "safetensors":
        export_weights(arguments)
        return 0
    export(arguments.run, arguments.out, arguments.checkpoint, arguments.licence, arguments.force)
    return 0


def export_weights(arguments: argparse.Namespace) -> None:
    """Writes weights under a reference's names and prints what was written.

    Raises:
        CheckpointError: If there is no such run or checkpoint.
        ExportError: If a file is in the way.
        PortingError: If no reference has such a generator.
    """
    from tf_gantts.systems.reference_weights import WeightFiles, export_weights
    from tf_gantts.training.checkpoint import open_checkpoint

    files = WeightFiles.beside(arguments.out)
    for path in (files.generator, files.discriminator, files.statistics):
        if path.exists() and not arguments.force:
            raise ExportError(f"{path}: exists already; replace it with --force")
    checkpoint = open_checkpoint(arguments.run, arguments.checkpoint)
    for line in export_weights(checkpoint, files, arguments.source, arguments.licence):
        print(line)


def export(
    run: Path,
    out: Path,
    checkpoint: str | int = "latest",
    licence: str = _NOT_STATED,
    force: bool = False,
) -> None:
    """Exports a run and prints what was written and how to use it.

    Args:
        run: The run directory.
        out: Folder of the SavedModel; its last part is the version number for TensorFlow Serving.
        checkpoint: `best`, `latest` or a step number.
        licence: Licence of the weights.
        force: Whether an older SavedModel is replaced.

    Raises:
        CheckpointError: If there is no such run or checkpoint.
        ExportError: If the target is taken or the result fails its checks.
    """
    import tensorflow as tf

    from tf_gantts.serving import saved_model
    from tf_gantts.systems import load_system

    saved_model.check_target(out, force)
    system, source = load_system(run, checkpoint)
    metadata = {
        "format": 1,
        "system": system.hparams.system,
        "step": source.meta.step,
        "origin": source.meta.origin,
        "metrics": {k: v for k, v in source.meta.metrics.items() if math.isfinite(v)},
        "licence": {"code": CODE_LICENCE, "weights": licence},
        "tf_gantts": __version__,
        "tensorflow": tf.__version__,
    }
    saved_model.write_saved_model(system.serving_module(), metadata, out, force)
    if not out.name.isdecimal():
        _LOG.warning(
            "%s: TensorFlow Serving looks for numbered versions, such as %s", out, out / "1"
        )
    if licence == _NOT_STATED:
        _LOG.warning("the licence of the weights is not stated; say it with --licence")
    _print_summary(out, saved_model.read_metadata(out))


def _print_summary(out: Path, metadata: dict) -> None:
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: SavedModel of {size / 1e6:.1f} MB, step {metadata['step']}")
    for name, signature in metadata["signatures"].items():
        sides = [
            ", ".join(
                f"{key} {entry['dtype']} ({', '.join(map(str, entry['shape']))})"
                for key, entry in signature[side].items()
            )
            for side in ("inputs", "outputs")
        ]
        print(f"signature {name}: {sides[0]} -> {sides[1]}")
    print(
        f"audio at {metadata['sampling_rate']} Hz; mel definition {metadata['mel_fingerprint']}"
        f" ({metadata['mel_spec']['log']} of {metadata['mel_spec']['num_mels']} bands, not"
        f" normalised); below {metadata['smallest_frames']} frames silence is added and cut off\n"
    )
    print("client:\n" + client_example(out, metadata["sampling_rate"]))


def client_example(out: Path, sampling_rate: int) -> str:
    """Six lines of Python that use a SavedModel without this package."""
    return f"""\
    import numpy as np, tensorflow as tf
    vocoder = tf.saved_model.load("{out}").signatures["serving_default"]
    mel = np.load("mel.npy").astype("float32")  # (frames, bands)
    audio = vocoder(mel=tf.constant(mel[None]))["audio"]
    wav = tf.audio.encode_wav(tf.transpose(audio), {sampling_rate})
    tf.io.write_file("out.wav", wav)"""


if __name__ == "__main__":
    sys.exit(command.run(main))
