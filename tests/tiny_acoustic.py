"""A run directory of an acoustic model of a few channels, as training leaves it."""

import dataclasses
from pathlib import Path

from tiny_run import STATISTICS

from tf_gantts.hparams import parse_hparams
from tf_gantts.systems import build_system
from tf_gantts.training.checkpoint import Meta, save_checkpoint

RECIPE = {
    "system": "tacotron2",
    "mel_profile": "parallel_wavegan",
    "model_params": {
        "symbols_embedding_dim": 16,
        "encoder_embedding_dim": 16,
        "encoder_n_convolutions": 1,
        "prenet_dim": 8,
        "attention_rnn_dim": 16,
        "decoder_rnn_dim": 16,
        "attention_dim": 8,
        "attention_location_n_filters": 4,
        "attention_location_kernel_size": 5,
        "postnet_embedding_dim": 8,
        "postnet_n_convolutions": 2,
        "n_frames_per_step": 2,
    },
    "speaking_params": {"min_frames_per_symbol": 0.2, "max_frames_per_symbol": 1.0},
}


def make_acoustic_run(run: Path, stops=True, steps=(4,), **values):
    """Writes an untrained run, whose stop token comes at once or never; returns its system.

    Speech is as long as the fewest or the most frames per symbol allow.
    """
    model = RECIPE["model_params"] | {"gate_threshold": 0.0 if stops else 1.0}
    recipe = RECIPE | {"model_params": model | values.pop("model_params", {})} | values
    hparams = parse_hparams(recipe, "test")
    statistics = STATISTICS if hparams.mel_spec.normalization == "mean_variance" else None
    system = build_system(hparams, hparams.mel_spec, statistics)
    system.prepare_training()
    meta = Meta(0, "teacher_forcing", hparams.mel_spec, statistics, {"eval/mel_loss": 0.5})
    for step in steps:
        save_checkpoint(run, system.state(), dataclasses.replace(meta, step=step), hparams)
    return system
