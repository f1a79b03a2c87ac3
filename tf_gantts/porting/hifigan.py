"""Checkpoints of jik876/hifi-gan (`generator_*`, `do_*`) and of SpeechBrain's HiFi-GAN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tf_gantts.networks.hifigan import HiFiGANGenerator
from tf_gantts.networks.multi_period_discriminator import HiFiGANMultiPeriodDiscriminator
from tf_gantts.networks.multi_scale_discriminator import HiFiGANMultiScaleDiscriminator
from tf_gantts.porting.source import Pairs, Source, params_of

# Our arguments by the names of the two references, which are also those of their config files.
_GENERATOR = {
    "upsample_initial_channel": "channels",
    "upsample_kernel_sizes": "upsample_kernel_sizes",
    "resblock_kernel_sizes": "resblock_kernel_sizes",
    "resblock_dilation_sizes": "resblock_dilations",
}
_HIFIGAN = {"num_mels": "in_channels", "upsample_rates": "upsample_scales"}
_SPEECHBRAIN = {
    "in_channels": "in_channels",
    "out_channels": "out_channels",
    "upsample_factors": "upsample_scales",
    "inference_padding": "inference_padding",
}


def _hifigan_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    config = params_of(config)
    arguments = _renamed(config, _GENERATOR | _HIFIGAN)
    return arguments | {"use_additional_convs": str(config.get("resblock", "1")) == "1"}


def _speechbrain_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    config = params_of(config)
    arguments = {"inference_padding": 5} | _renamed(config, _GENERATOR | _SPEECHBRAIN)
    return arguments | {
        "use_additional_convs": str(config.get("resblock_type", "1")) == "1",
        "pad": "ReflectionPad1d",
    }


def _renamed(config: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {ours: config[theirs] for theirs, ours in names.items() if theirs in config}


def _generator_pairs(conv: str) -> Callable[[HiFiGANGenerator], Pairs]:
    """Pairs of a generator; `conv` is what SpeechBrain adds to the name of each convolution."""

    def pairs(network: HiFiGANGenerator) -> Pairs:
        blocks = [block for parallel in network.blocks for block in parallel]
        dilated = "convs1" if blocks[0].additional_convs else "convs"
        found = [(f"conv_pre{conv}", network.input_conv)]
        found += [(f"ups.{i}{conv}", layer) for i, layer in enumerate(network.upsamples)]
        for i, block in enumerate(blocks):
            for group, layers in (
                (dilated, block.dilated_convs),
                ("convs2", block.additional_convs),
            ):
                found += [(f"resblocks.{i}.{group}.{j}{conv}", c) for j, c in enumerate(layers)]
        return [*found, (f"conv_post{conv}", network.output_conv)]

    return pairs


def _discriminator_pairs(
    network: HiFiGANMultiPeriodDiscriminator | HiFiGANMultiScaleDiscriminator,
) -> Pairs:
    pairs: list[tuple[str, Any]] = []
    parts: list[Any] = network.discriminators
    for i, discriminator in enumerate(parts):
        *convs, last = discriminator.convs
        pairs += [(f"discriminators.{i}.convs.{j}", conv) for j, conv in enumerate(convs)]
        pairs.append((f"discriminators.{i}.conv_post", last))
    return pairs


def _divided(channels: int, most: int) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The reference's fixed widths over `channel_divisor`, by which fixtures are smaller."""

    def arguments(config: Mapping[str, Any]) -> dict[str, Any]:
        divisor = int(config.get("channel_divisor", 1))
        widths = {"channels": channels // divisor, "max_downsample_channels": most // divisor}
        return {"discriminator_params": widths}

    return arguments


# SpeechBrain keeps both in one file, under the same names.
_DISCRIMINATORS = {"hifigan_mpd": "multi_period", "hifigan_msd": "multi_scale"}

SOURCES = {
    "hifigan": Source(
        network="HiFiGANGenerator",
        pairs=_generator_pairs(""),
        entry=("generator",),
        arguments=_hifigan_arguments,
        configurable=(*(_GENERATOR | _HIFIGAN).values(), "use_additional_convs"),
        discriminators=_DISCRIMINATORS,
    ),
    "hifigan_mpd": Source(
        network="HiFiGANMultiPeriodDiscriminator",
        pairs=_discriminator_pairs,
        entry=("mpd",),
        arguments=_divided(32, 1024),
    ),
    "hifigan_msd": Source(
        network="HiFiGANMultiScaleDiscriminator",
        pairs=_discriminator_pairs,
        entry=("msd",),
        arguments=_divided(128, 1024),
    ),
    "hifigan_speechbrain": Source(
        network="HiFiGANGenerator",
        pairs=_generator_pairs(".conv"),
        arguments=_speechbrain_arguments,
        configurable=(*(_GENERATOR | _SPEECHBRAIN).values(), "use_additional_convs"),
        discriminators=_DISCRIMINATORS,
    ),
}
