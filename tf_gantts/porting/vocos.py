"""Checkpoints of gemelo-ai/vocos (`pytorch_model.bin`, `vocos_checkpoint_*.ckpt`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_gantts.audio.filterbank import mel_filterbank
from tf_gantts.audio.mel_spec import MelSpec
from tf_gantts.errors import PortingError
from tf_gantts.networks.vocos import VocosGenerator
from tf_gantts.porting.source import Pairs, Source, params_of

_BACKBONE = {
    "input_channels": "in_channels",
    "dim": "dim",
    "intermediate_dim": "intermediate_dim",
    "num_layers": "num_layers",
    "layer_scale_init_value": "layer_scale_init_value",
}
_HEAD = {"n_fft": "fft_size", "hop_length": "hop_size", "padding": "padding"}


def _generator_pairs(network: VocosGenerator) -> Pairs:
    pairs: list[tuple[str, Any]] = [
        ("backbone.embed", network.input_conv),
        ("backbone.norm", network.input_norm),
    ]
    for i, block in enumerate(network.blocks):
        prefix = f"backbone.convnext.{i}"
        pairs += [
            (prefix, block),
            (f"{prefix}.dwconv", block.depthwise_conv),
            (f"{prefix}.norm", block.norm),
            (f"{prefix}.pwconv1", block.expansion),
            (f"{prefix}.pwconv2", block.projection),
        ]
    return [
        *pairs,
        ("backbone.final_layer_norm", network.output_norm),
        ("head.out", network.spectrum),
        ("head.istft", network.inverse_stft),
    ]


def _arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments in Vocos' `config.yaml` (backbone, head), a fixture's entry (bb, hd) or our own."""
    for backbone, head in (("backbone", "head"), ("bb", "hd")):
        if backbone in config and head in config:
            sections = ((_BACKBONE, config[backbone]), (_HEAD, config[head]))
            return {
                names[key]: value
                for names, section in sections
                for key, value in section.get("init_args", section).items()
                if key in names
            }
    return params_of(config.get("generator_params", config))


_FILTERBANK = "feature_extractor.mel_spec.mel_scale.fb"
_TOLERANCE = 1e-4  # torchaudio computes the filters in single precision


def _check_filterbank(state_dict: Mapping[str, Any], spec: MelSpec) -> None:
    theirs = state_dict.get(_FILTERBANK)
    if theirs is None:
        return
    ours = mel_filterbank(spec).T
    if theirs.shape != ours.shape or np.abs(theirs - ours).max() > _TOLERANCE:
        raise PortingError(
            f"vocos: the mel filterbank in the checkpoint, {theirs.shape}, is not that of"
            f" {spec.describe()}; give the checkpoint's configuration"
        )


SOURCES = {
    "vocos": Source(
        network="VocosGenerator",
        pairs=_generator_pairs,
        entry=("state_dict",),
        arguments=_arguments,
        configurable=(*_BACKBONE.values(), *_HEAD.values()),
        # The mel definition's window and filterbank; what only training needs.
        ignored=(r"feature_extractor\..*", r"(multiperioddisc|multiresddisc|melspec_loss)\..*"),
        check_features=_check_filterbank,
    ),
}
