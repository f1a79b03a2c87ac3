"""Checkpoints of NVIDIA/tacotron2 (`tacotron2_statedict.pt`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tf_gantts.layers.conv_batch_norm import ConvBatchNormStack
from tf_gantts.networks.tacotron2 import Tacotron2
from tf_gantts.porting.source import Pairs, Source, params_of

# Of the reference's hparams: what describes the network. Ours have the same names.
_HPARAMS = (
    "n_symbols",
    "symbols_embedding_dim",
    "encoder_n_convolutions",
    "encoder_kernel_size",
    "encoder_embedding_dim",
    "n_mel_channels",
    "n_frames_per_step",
    "prenet_dim",
    "attention_rnn_dim",
    "decoder_rnn_dim",
    "attention_dim",
    "attention_location_n_filters",
    "attention_location_kernel_size",
    "p_attention_dropout",
    "p_decoder_dropout",
    "postnet_embedding_dim",
    "postnet_kernel_size",
    "postnet_n_convolutions",
    "max_decoder_steps",
    "gate_threshold",
    "mask_padding",
)
_OURS = ("prenet_dropout", "p_zoneout", "p_conv_dropout", "mask_convolutions")


def _arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments in the reference's hparams, a fixture's entry (hparams) or our own."""
    hparams = params_of(config.get("hparams", config))
    given = {key: hparams[key] for key in (*_HPARAMS, *_OURS) if key in hparams}
    return {"mask_convolutions": False} | given


def _pairs(network: Tacotron2) -> Pairs:
    decoder, attention = network.decoder, network.decoder.attention
    prefix = "decoder.attention_layer"
    return [
        ("embedding", network.embedding),
        *_stack("encoder.convolutions", network.encoder_convs),
        ("encoder.lstm", network.encoder_lstm),
        *(
            (f"decoder.prenet.layers.{i}.linear_layer", layer)
            for i, layer in enumerate(decoder.prenet.layers)
        ),
        ("decoder.attention_rnn", decoder.attention_rnn),
        (f"{prefix}.query_layer.linear_layer", attention.query),
        (f"{prefix}.memory_layer.linear_layer", attention.memory),
        (f"{prefix}.v.linear_layer", attention.v),
        (f"{prefix}.location_layer.location_conv.conv", attention.location_conv),
        (f"{prefix}.location_layer.location_dense.linear_layer", attention.location_dense),
        ("decoder.decoder_rnn", decoder.decoder_rnn),
        ("decoder.linear_projection.linear_layer", decoder.projection),
        ("decoder.gate_layer.linear_layer", decoder.gate),
        *_stack("postnet.convolutions", network.postnet),
    ]


def _stack(prefix: str, stack: ConvBatchNormStack) -> Pairs:
    pairs: list[tuple[str, Any]] = []
    for i, layer in enumerate(stack.convs):
        pairs += [(f"{prefix}.{i}.0.conv", layer.conv), (f"{prefix}.{i}.1", layer.norm)]
    return pairs


SOURCES = {
    "tacotron2_nvidia": Source(
        network="Tacotron2",
        pairs=_pairs,
        entry=("state_dict",),
        arguments=_arguments,
        configurable=_HPARAMS,
        ignored=(r".*\.num_batches_tracked",),
    ),
}
