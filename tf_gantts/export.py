"""Runs to a SavedModel, or to weights under a reference's names: `python -m tf_gantts.export`."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tf_gantts import __version__, command, voices
from tf_gantts.errors import ExportError
from tf_gantts.import_checkpoint import GENERATORS

if TYPE_CHECKING:
    from tf_gantts.serving.signatures import ServingModule
    from tf_gantts.training.checkpoint import Checkpoint

_LOG = logging.getLogger(__name__)

CODE_LICENCE = "Apache-2.0"
_NOT_STATED = "not stated"
_PARTS = ("acoustic", "vocoder")  # of text to speech


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    p = command.argument_parser(
        "python -m tf_gantts.export",
        "Export a trained system, or an acoustic model and a vocoder as one from text to waveform,"
        " as a SavedModel that needs nothing but TensorFlow; or weights"
        " as .safetensors under the names of the PyTorch implementation it is like.",
    )
    model = p.add_mutually_exclusive_group(required=True)
    model.add_argument("--run", type=Path, help="run directory of a vocoder or an acoustic model")
    model.add_argument(
        "--acoustic",
        type=Path,
        help="run directory of an acoustic model, for text to waveform with a --vocoder",
    )
    model.add_argument("--voice", help="both of a voice of the package, or of another folder")
    p.add_argument("--vocoder", type=Path, help="run directory of a vocoder, with --acoustic")
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
        help="latest, best or a step of --run or --acoustic",
    )
    p.add_argument(
        "--vocoder-checkpoint",
        type=command.checkpoint_name,
        default="latest",
        help="latest, best or a step of --vocoder",
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
    if bool(arguments.acoustic) != bool(arguments.vocoder):
        p.error("--acoustic and --vocoder go together; one of them alone is a --run")
    if not arguments.run and arguments.format == "safetensors":
        p.error("--format safetensors goes with --run")
    if arguments.voice:
        voice = voices.find_voice(arguments.voice)
        arguments.acoustic, arguments.vocoder = voice.acoustic, voice.vocoder
    command.load_tensorflow()
    if arguments.format == "safetensors":
        export_weights(arguments)
        return 0
    target = Target(arguments.out, arguments.licence, arguments.force)
    if arguments.acoustic:
        acoustic = (arguments.acoustic, arguments.checkpoint)
        export_text_to_speech(acoustic, (arguments.vocoder, arguments.vocoder_checkpoint), target)
    else:
        export(arguments.run, arguments.checkpoint, target)
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


@dataclasses.dataclass(frozen=True)
class Target:
    """Where a SavedModel goes.

    Attributes:
        out: Its folder; the last part is the version number for TensorFlow Serving.
        licence: Licence of the weights.
        force: Whether an older SavedModel is replaced.
    """

    out: Path
    licence: str = _NOT_STATED
    force: bool = False


def export(run: Path, checkpoint: str | int, target: Target) -> None:
    """Exports a run and prints what was written and how to use it.

    Args:
        run: The run directory.
        checkpoint: `best`, `latest` or a step number.
        target: Where it goes.

    Raises:
        CheckpointError: If there is no such run or checkpoint.
        ExportError: If the target is taken or the result fails its checks.
    """
    from tf_gantts.serving.saved_model import check_target
    from tf_gantts.systems import load_system

    check_target(target.out, target.force)
    system, source = load_system(run, checkpoint)
    _write(system.serving_module(), _origin(source), target)


def export_text_to_speech(
    acoustic: tuple[Path, str | int], vocoder: tuple[Path, str | int], target: Target
) -> None:
    """Exports an acoustic model and a vocoder as one SavedModel: text to waveform.

    Args:
        acoustic: Run directory and checkpoint of the acoustic model.
        vocoder: Run directory and checkpoint of the vocoder.
        target: Where it goes.

    Raises:
        CheckpointError: If there is no such run or checkpoint, or it is of another kind.
        ExportError: If the target is taken or the result fails its checks.
        MelSpecMismatchError: If the two do not fit together.
        TextError: If the front end is none that runs in a graph.
    """
    from tf_gantts.serving.acoustic import AcousticModule
    from tf_gantts.serving.saved_model import check_target
    from tf_gantts.serving.text_to_speech import TextToSpeechModule
    from tf_gantts.systems import load_acoustic, load_vocoder

    check_target(target.out, target.force)
    system, acoustic_source = load_acoustic(*acoustic)
    vocoder_module, vocoder_source = load_vocoder(*vocoder)
    origin = {
        "system": "text_to_speech",
        "acoustic": _origin(acoustic_source),
        "vocoder": _origin(vocoder_source),
    }
    _write(TextToSpeechModule(AcousticModule(system), vocoder_module), origin, target)


def _origin(checkpoint: Checkpoint) -> dict[str, Any]:
    """Where weights come from, JSON-ready."""
    meta = checkpoint.meta
    return {
        "system": checkpoint.hparams.system,
        "step": meta.step,
        "origin": meta.origin,
        "metrics": {k: v for k, v in meta.metrics.items() if math.isfinite(v)},
    }


def _write(module: ServingModule, origin: Mapping[str, Any], target: Target) -> None:
    import tensorflow as tf

    from tf_gantts.serving import saved_model

    metadata = {
        "format": 1,
        **origin,
        "licence": {"code": CODE_LICENCE, "weights": target.licence},
        "tf_gantts": __version__,
        "tensorflow": tf.__version__,
    }
    out = target.out
    saved_model.write_saved_model(module, metadata, out, target.force)
    if not out.name.isdecimal():
        _LOG.warning(
            "%s: TensorFlow Serving looks for numbered versions, such as %s", out, out / "1"
        )
    if target.licence == _NOT_STATED:
        _LOG.warning("the licence of the weights is not stated; say it with --licence")
    _print_summary(out, saved_model.read_metadata(out))


def _print_summary(out: Path, metadata: dict[str, Any]) -> None:
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    parts = [f"{key} at step {metadata[key]['step']}" for key in _PARTS if key in metadata]
    steps = ", ".join(parts) or f"step {metadata['step']}"
    print(f"{out}: SavedModel of {size / 1e6:.1f} MB, {steps}")
    for name, signature in metadata["signatures"].items():
        sides = [
            ", ".join(
                f"{key} {entry['dtype']} ({', '.join(map(str, entry['shape']))})"
                for key, entry in signature[side].items()
            )
            for side in ("inputs", "outputs")
        ]
        print(f"signature {name}: {sides[0]} -> {sides[1]}")
    spec = metadata["mel_spec"]
    print(
        f"audio at {metadata['sampling_rate']} Hz; mel definition {metadata['mel_fingerprint']}"
        f" ({spec['log']} of {spec['num_mels']} bands, not normalised)"
    )
    if "smallest_frames" in metadata:
        print(f"below {metadata['smallest_frames']} frames silence is added and cut off")
    if "front_end" in metadata:
        print(f"text is read by the front end {metadata['front_end']['name']}, in the graph")
    if metadata.get("mel_conversion"):
        print(f"mels for the vocoder are converted from {metadata['mel_conversion']}")
    print("\nclient:\n" + client_example(out, metadata))


def client_example(out: Path, metadata: Mapping[str, Any]) -> str:
    """A few lines of Python that use a SavedModel without this package."""
    rate = metadata["sampling_rate"]
    if "front_end" not in metadata:
        return f"""\
    import numpy as np, tensorflow as tf
    vocoder = tf.saved_model.load("{out}").signatures["serving_default"]
    mel = np.load("mel.npy").astype("float32")  # (frames, bands)
    audio = vocoder(mel=tf.constant(mel[None]))["audio"]
    wav = tf.audio.encode_wav(tf.transpose(audio), {rate})
    tf.io.write_file("out.wav", wav)"""
    labels = "".join(
        f', {key}=tf.constant(["{metadata[f"{key}s"][0]}"])'
        for key in ("speaker", "style")
        if metadata[f"{key}s"]
    )
    request = f'text=tf.constant(["Hello world."]){labels}'
    if "vocoder" not in metadata:
        return f"""\
    import numpy as np, tensorflow as tf
    speak = tf.saved_model.load("{out}").signatures["serving_default"]
    speech = speak({request})
    np.save("mel.npy", speech["mel"][0, : speech["lengths"][0]])  # (frames, bands)"""
    return f"""\
    import tensorflow as tf
    speak = tf.saved_model.load("{out}").signatures["serving_default"]
    speech = speak({request})
    audio = speech["audio"][0, : speech["lengths"][0], None]
    tf.io.write_file("out.wav", tf.audio.encode_wav(audio, {rate}))"""


if __name__ == "__main__":
    sys.exit(command.run(main))
