"""Pure Keras networks: no optimizer, no loss, no file access."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from tf_gantts.errors import HparamsError
from tf_gantts.networks.aligner import Aligner
from tf_gantts.networks.bert import BertEncoder
from tf_gantts.networks.gan_tts_generator import GANTTSGenerator
from tf_gantts.networks.hifigan import HiFiGANGenerator
from tf_gantts.networks.mel_window_discriminator import MelWindowDiscriminator
from tf_gantts.networks.melgan import MelGANGenerator
from tf_gantts.networks.melgan_discriminator import MelGANMultiScaleDiscriminator
from tf_gantts.networks.multi_band import MultiBandMelGANGenerator
from tf_gantts.networks.multi_period_discriminator import HiFiGANMultiPeriodDiscriminator
from tf_gantts.networks.multi_period_multi_resolution_discriminator import (
    MultiPeriodMultiResolutionDiscriminator,
)
from tf_gantts.networks.multi_resolution_discriminator import MultiResolutionDiscriminator
from tf_gantts.networks.multi_scale_discriminator import HiFiGANMultiScaleDiscriminator
from tf_gantts.networks.multi_scale_multi_period_discriminator import (
    HiFiGANMultiScaleMultiPeriodDiscriminator,
)
from tf_gantts.networks.network import Network, require_known
from tf_gantts.networks.speech_text_encoder import SpeechTextEncoder
from tf_gantts.networks.tacotron2 import Tacotron2
from tf_gantts.networks.utterance_discriminator import UtteranceDiscriminator
from tf_gantts.networks.vocos import VocosGenerator
from tf_gantts.networks.weights import count_parameters, fold_weight_norm

NETWORKS: dict[str, type[Network]] = {
    "MelGANGenerator": MelGANGenerator,
    "MelGANMultiScaleDiscriminator": MelGANMultiScaleDiscriminator,
    "HiFiGANGenerator": HiFiGANGenerator,
    "HiFiGANMultiPeriodDiscriminator": HiFiGANMultiPeriodDiscriminator,
    "HiFiGANMultiScaleDiscriminator": HiFiGANMultiScaleDiscriminator,
    "HiFiGANMultiScaleMultiPeriodDiscriminator": HiFiGANMultiScaleMultiPeriodDiscriminator,
    "VocosGenerator": VocosGenerator,
    "Tacotron2": Tacotron2,
    "MultiResolutionDiscriminator": MultiResolutionDiscriminator,
    "MultiPeriodMultiResolutionDiscriminator": MultiPeriodMultiResolutionDiscriminator,
    "BertEncoder": BertEncoder,
    "Aligner": Aligner,
    "GANTTSGenerator": GANTTSGenerator,
    "MelWindowDiscriminator": MelWindowDiscriminator,
    "SpeechTextEncoder": SpeechTextEncoder,
    "UtteranceDiscriminator": UtteranceDiscriminator,
}

__all__ = [
    "NETWORKS",
    "MultiBandMelGANGenerator",
    "Network",
    "build",
    "count_parameters",
    "fold_weight_norm",
]


def build(name: str, params: Mapping[str, Any] | None = None, /, **kwargs: Any) -> Network:
    """Builds a network from a recipe's `*_type` and `*_params`.

    Args:
        name: Key of `NETWORKS`.
        params: Constructor arguments, as the recipe has them.
        **kwargs: Keras model arguments (name, dtype).

    Returns:
        The network, with its variables created.

    Raises:
        HparamsError: If the name or a parameter is unknown, or values do not fit together.
    """
    if name not in NETWORKS:
        nearest = difflib.get_close_matches(name, NETWORKS, n=1, cutoff=0.0)[0]
        raise HparamsError(f"network {name!r} is unknown; did you mean {nearest!r}?")
    network = NETWORKS[name]
    require_known(network, params or {}, name)
    return network(**dict(params or {}), **kwargs)
