"""Checkpoints of kan-bayashi/ParallelWaveGAN (`checkpoint-*.pkl`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_gantts.networks.melgan import MelGANGenerator
from tf_gantts.networks.melgan_discriminator import MelGANMultiScaleDiscriminator
from tf_gantts.porting.source import Pairs, Source, params_of

_STATISTICS = ("mean", "scale")


def statistics_of(
    state_dict: Mapping[str, np.ndarray],
) -> tuple[np.ndarray, np.ndarray] | None:
    """The feature statistics that a generator's state dict may carry.

    Returns:
        Mean and scale, each (n_mels,), or None if they were not registered.
    """
    if any(key not in state_dict for key in _STATISTICS):
        return None
    mean, scale = (np.asarray(state_dict[key], np.float32).reshape(-1) for key in _STATISTICS)
    return mean, scale


def _generator_pairs(network: MelGANGenerator) -> Pairs:
    causal = network.get_config()["use_causal_conv"]
    # Without causal convolutions the padding is a module of its own and takes an index.
    conv, deconv, pad = (".conv", ".deconv", 0) if causal else ("", "", 1)
    index = pad
    pairs: list[tuple[str, Any]] = [(f"melgan.{index}{conv}", network.input_conv)]
    for upsample, stacks in zip(network.upsamples, network.stacks, strict=True):
        index += 2  # past the activation
        pairs.append((f"melgan.{index}{deconv}", upsample))
        for stack in stacks:
            index += 1
            block = f"melgan.{index}"
            pairs += [
                (f"{block}.stack.{1 + pad}{conv}", stack.dilated_conv),
                (f"{block}.stack.{3 + pad}", stack.output_conv),
                (f"{block}.skip_layer", stack.skip_conv),
            ]
    return [*pairs, (f"melgan.{index + 2 + pad}{conv}", network.output_conv)]


def _discriminator_pairs(network: MelGANMultiScaleDiscriminator) -> Pairs:
    pairs = []
    for i, discriminator in enumerate(network.discriminators):
        layers = f"discriminators.{i}.layers"
        first, *middle, last = discriminator.convs
        pairs.append((f"{layers}.0.1", first))  # after its padding
        pairs += [(f"{layers}.{j}.0", conv) for j, conv in enumerate(middle, start=1)]
        pairs.append((f"{layers}.{len(middle) + 1}", last))
    return pairs


def _recipe_params(section: str) -> Any:
    def arguments(config: Mapping[str, Any]) -> dict[str, Any]:
        return params_of(config.get(section, config))

    return arguments


SOURCES = {
    "parallel_wavegan_melgan": Source(
        network="MelGANGenerator",
        pairs=_generator_pairs,
        entry=("model", "generator"),
        arguments=_recipe_params("generator_params"),
        ignored=(*_STATISTICS, r"pqmf\..*"),
        discriminators={"parallel_wavegan_melgan_discriminator": ""},
    ),
    "parallel_wavegan_melgan_discriminator": Source(
        network="MelGANMultiScaleDiscriminator",
        pairs=_discriminator_pairs,
        entry=("model", "discriminator"),
        arguments=_recipe_params("discriminator_params"),
    ),
}
