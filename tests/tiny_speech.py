"""A Tacotron 2 of a few channels: recipe, systems and runs."""

import dataclasses
from pathlib import Path

from tiny_run import STATISTICS

from tf_gantts.hparams import parse_hparams
from tf_gantts.systems import build_system
from tf_gantts.training.checkpoint import Meta, save_checkpoint

RECIPE = {
    "system": "tacotron2",
    "seed": 3,
    "front_end": "characters",
    "model_params": {
        "symbols_embedding_dim": 16,
        "encoder_embedding_dim": 16,
        "encoder_n_convolutions": 1,
        "prenet_dim": 16,
        "attention_rnn_dim": 24,
        "decoder_rnn_dim": 24,
        "attention_dim": 12,
        "attention_location_n_filters": 4,
        "attention_location_kernel_size": 7,
        "postnet_embedding_dim": 16,
        "postnet_n_convolutions": 2,
        "n_frames_per_step": 5,
    },
    "batch_size": 4,
    "num_buckets": 1,
    "num_save_intermediate_results": 1,
    "logger": ["csv"],
}


def recipe(**values) -> dict:
    """The recipe with other values; `model_params` are put over its own."""
    params = RECIPE["model_params"] | values.pop("model_params", {})
    return RECIPE | values | {"model_params": params}


def build(statistics=STATISTICS, inference=False, **values):
    """A system with fresh weights."""
    hparams = parse_hparams(recipe(**values), "test")
    return build_system(hparams, hparams.mel_spec, statistics, inference)


def make_run(run: Path, step=7, **values):
    """Writes a checkpoint whose averages are not its weights; returns the system."""
    system = build(**values)
    system.prepare_training()
    if system.average is not None:
        for average in system.average.averages:
            average.assign(0.9 * average)
    meta = Meta(0, "teacher_forcing", system.mel_spec, system.statistics)
    meta = dataclasses.replace(meta, step=step)
    save_checkpoint(run, system.state(), meta, system.hparams)
    return system
