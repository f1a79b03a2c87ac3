"""SavedModels that a stock TensorFlow Serving loads.

NAME/1/saved_model.pb, variables/               graph and weights
NAME/1/assets/metadata.json                     mel definition, licence, step, versions
NAME/1/assets.extra/tf_serving_warmup_requests  see `tf_gantts.serving.warm_up`
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import node_def_pb2
from tensorflow.core.protobuf import saved_model_pb2

from tf_gantts.data.atomic import flush_to_disk
from tf_gantts.errors import ExportError
from tf_gantts.serving.signatures import ServingModule
from tf_gantts.serving.warm_up import write_warm_up

METADATA = Path("assets") / "metadata.json"

_TOLERANCE = 1e-5  # largest difference between a written model and the one it was written from
_PYTHON_OPS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


def check_target(out: Path, force: bool) -> None:
    """Checks where a SavedModel shall be written, before any work is done for it.

    Args:
        out: The SavedModel's folder.
        force: Whether an older SavedModel there may be replaced.

    Raises:
        ExportError: If something else is there, or a SavedModel and not `force`.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / "saved_model.pb").is_file():
        raise ExportError(f"{out}: exists and is not a SavedModel; choose another --out")
    if not force:
        other = f"{out.parent / str(int(out.name) + 1)}" if out.name.isdecimal() else "another"
        raise ExportError(
            f"{out}: holds a SavedModel already; choose {other} as --out, or replace it with"
            " --force"
        )


def write_saved_model(
    module: ServingModule, metadata: Mapping[str, Any], out: Path, force: bool = False
) -> None:
    """Writes a SavedModel so that it is either whole or absent.

    Before it takes its place it is loaded again: it must give the same outputs as `module` and hold
    no operation that a server without Python and without other packages lacks.

    Args:
        module: The inference graph.
        metadata: What the model says about itself beside `module.describe()`, JSON-ready.
        out: Its folder; NAME/NUMBER for TensorFlow Serving.
        force: Whether an older SavedModel there is replaced.

    Raises:
        ExportError: If the target is taken, the disk is full or the result fails its checks.
        OSError: If the folder cannot be made.
    """
    check_target(out, force)
    out = out.absolute()
    temporary = out.with_name(f".writing-{out.name}-{os.getpid()}")
    try:
        temporary.mkdir(parents=True)
        _write(module, {**metadata, **module.describe()}, temporary)
        write_warm_up(temporary, out.parent.name, module.examples())
        check_operations(temporary)
        _check_outputs(module, temporary)
        for folder, _, files in os.walk(temporary):
            for name in files:
                flush_to_disk(Path(folder) / name)
            flush_to_disk(Path(folder))
        _replace(out, temporary)
    except tf.errors.OpError as error:
        if "No space left" in error.message:
            raise ExportError(f"{out}: the disk is full: free some space") from None
        raise ExportError(f"{out}: cannot be written ({error.message})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_metadata(saved_model: Path) -> dict[str, Any]:
    """What a SavedModel says about itself.

    Raises:
        ExportError: If it is none of ours.
    """
    try:
        return json.loads((saved_model / METADATA).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(f"{saved_model}: not an export of this package ({error})") from None


def operations(saved_model: Path) -> Iterator[tuple[str, node_def_pb2.NodeDef]]:
    """Every operation of a SavedModel: name of its function ("" for the main graph) and node.

    Calls of functions inside the model are left out.
    """
    message = saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    for meta_graph in message.meta_graphs:
        library = meta_graph.graph_def.library.function
        functions = {function.signature.name for function in library}
        graphs = [("", meta_graph.graph_def.node)]
        graphs += [(function.signature.name, function.node_def) for function in library]
        for name, nodes in graphs:
            yield from ((name, node) for node in nodes if node.op not in functions)


def check_operations(saved_model: Path) -> None:
    """Checks that a SavedModel needs nothing but core TensorFlow.

    Raises:
        ExportError: If it holds an operation that is not TensorFlow's own, calls Python or demands
            XLA, naming it.
    """
    for function, node in operations(saved_model):
        foreign = not hasattr(tf.raw_ops, node.op)
        xla = node.op.startswith("Xla") or node.attr["_XlaMustCompile"].b
        if foreign or xla or node.op in _PYTHON_OPS:
            raise ExportError(
                f"the graph holds operation {node.op} (node {node.name} of {function or 'main'}),"
                " which a stock server cannot run; the network must use core TensorFlow operations"
            )


def _write(module: ServingModule, metadata: Mapping[str, Any], folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / METADATA.name
        path.write_text(json.dumps(metadata, indent=1, ensure_ascii=False), encoding="utf-8")
        module.metadata = tf.saved_model.Asset(str(path))
        try:
            with _errors_only("tensorflow", "absl"):
                tf.saved_model.save(
                    module,
                    str(folder),
                    signatures=module.signatures(),
                )
        finally:
            del module.metadata


@contextlib.contextmanager
def _errors_only(*names: str) -> Iterator[None]:
    """Keeps remarks about renamed inputs and temporary folders from the user."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _check_outputs(module: ServingModule, folder: Path) -> None:
    signatures = tf.saved_model.load(str(folder)).signatures
    for name, inputs in module.examples():
        tensors = {key: tf.constant(value) for key, value in inputs.items()}
        expected = module.signatures()[name](**tensors)
        outputs = signatures[name](**tensors)
        for key, value in expected.items():
            if outputs[key].shape != value.shape:
                difference = f"{outputs[key].shape}, not {value.shape}"
            else:
                found, wanted = (np.float64(x.numpy()) for x in (outputs[key], value))
                difference = np.abs(found - wanted).max(initial=0.0)
                if difference <= _TOLERANCE:
                    continue
            raise ExportError(
                f"the written model differs from the original: {name}, {key}: by {difference}"
            )


def _replace(out: Path, temporary: Path) -> None:
    old = out.with_name(f".replaced-{out.name}-{os.getpid()}")
    if out.exists():
        out.rename(old)
    try:
        temporary.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise
    flush_to_disk(out.parent)
    shutil.rmtree(old, ignore_errors=True)
