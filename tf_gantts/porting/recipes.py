"""What the configuration of a public checkpoint says in our hyper-parameters."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from typing import Any

import pydantic

from tf_gantts.errors import PortingError
from tf_gantts.hparams import OptimizerParams, SchedulerParams, VocoderGanHparams
from tf_gantts.porting.hifigan import SOURCES as HIFIGAN
from tf_gantts.porting.tacotron2 import SOURCES as TACOTRON2
from tf_gantts.porting.vocos import SOURCES as VOCOS

_LOG = logging.getLogger(__name__)

Values = dict[str, Any]
Config = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class ReferenceRecipe:
    """How a source's training is described.

    Attributes:
        base: The file of hparams/ with the source's default configuration.
        values: The hyper-parameters that a configuration sets; an empty one sets those in which
            the source differs from `base`.
        system: What its checkpoint becomes: a key of `tf_gantts.hparams.SYSTEMS`.
    """

    base: str
    values: Callable[[Config], Values]
    system: str = "vocoder_gan"


def merge(base: Config, changes: Config) -> Values:
    """Hyper-parameters with changes put over them; sections are merged key by key."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = {**merged[key], **value} if both else value
    return merged


def whole_frames(values: Config) -> Values:
    """Hyper-parameters whose training segment is cut to whole frames, as the references cut it."""
    steps = values.get("batch_max_steps", 0)
    rest = steps % values.get("hop_size", 1)
    return {**values, "batch_max_steps": steps - rest} if rest else dict(values)


def _renamed(config: Config, names: Mapping[str, str]) -> Values:
    return {ours: config[theirs] for theirs, ours in names.items() if theirs in config}


def _both_optimizers(params: Config, schedule: Config) -> Values:
    sections = (("optimizer_params", params), ("scheduler_params", schedule))
    return {
        f"{network}_{name}": dict(section)
        for network in ("generator", "discriminator")
        for name, section in sections
    }


def _adam(config: Config, gamma: str) -> Values:
    params = _renamed(config, {"learning_rate": "lr"})
    if "adam_b1" in config and "adam_b2" in config:
        params["betas"] = [config["adam_b1"], config["adam_b2"]]
    return _both_optimizers(params, _renamed(config, {gamma: "gamma"}))


def _hifigan(config: Config) -> Values:
    values = _renamed(
        config,
        {
            "sampling_rate": "sampling_rate",
            "n_fft": "fft_size",
            "hop_size": "hop_size",
            "win_size": "win_length",
            "num_mels": "num_mels",
            "fmin": "fmin",
            "batch_size": "batch_size",
            "segment_size": "batch_max_steps",
            "seed": "seed",
        },
    )
    if "fmax" in config:
        values["fmax"] = _highest(config, "fmax", "sampling_rate")
    values["generator_params"] = HIFIGAN["hifigan"].arguments(config)
    values["mel_loss_params"] = _renamed(config, {"fmax_for_loss": "fmax"})
    return values | _adam(config, gamma="lr_decay")


# What SpeechBrain's recipe for LJSpeech has otherwise than hifi-gan's. Its feature matching is one
# mean over all maps, here it is the mean of the discriminators' means.
_SPEECHBRAIN: Values = {
    "mel_profile": "speechbrain",
    "mel_loss_params": {"mel_profile": "speechbrain"},
    "lambda_feat_match": 10.0,
    "feat_match_loss_params": {"average_by_layers": True, "average_by_discriminators": True},
    "batch_size": 32,
    # An epoch of LJSpeech is 369 steps of 32: nine tenths of the 13,100 clips.
    **_both_optimizers({}, {"step_size": 369, "gamma": 0.9999}),
}
_SPEECHBRAIN_FEATURES = {
    "power": 1,
    "norm": "slaney",
    "mel_scale": "slaney",
    "mel_normalized": False,
    "dynamic_range_compression": True,
    "cond_channels": 0,
}


def _speechbrain(config: Config) -> Values:
    _require("hifigan_speechbrain", config, _SPEECHBRAIN_FEATURES)
    values = _renamed(
        config,
        {
            "sample_rate": "sampling_rate",
            "n_fft": "fft_size",
            "hop_length": "hop_size",
            "win_length": "win_length",
            "n_mel_channels": "num_mels",
            "mel_fmin": "fmin",
            "batch_size": "batch_size",
            "segment_size": "batch_max_steps",
            "seed": "seed",
        },
    )
    if "mel_fmax" in config:
        values["fmax"] = _highest(config, "mel_fmax", "sample_rate")
    generator = config.get("generator")
    section = generator if isinstance(generator, Mapping) else config
    values["generator_params"] = HIFIGAN["hifigan_speechbrain"].arguments(section)
    return merge(merge(_SPEECHBRAIN, values), _adam(config, gamma="weight_decay"))


_VOCOS_FEATURES = {"sample_rate": 24000, "n_fft": 1024, "hop_length": 256, "n_mels": 100}
_VOCOS_PADDINGS = {"center": "center_reflect", "same": "same"}


def _vocos(config: Config) -> Values:
    training = config.get("model", {}).get("init_args", {})  # the configuration of a training run
    sections = training if "backbone" in training else config
    extractor = sections.get("feature_extractor", {})
    kind = str(extractor.get("class_path", "MelSpectrogramFeatures")).rpartition(".")[2]
    _require("vocos", {"feature_extractor": kind}, {"feature_extractor": "MelSpectrogramFeatures"})
    features = _VOCOS_FEATURES | {"padding": "center"} | extractor.get("init_args", {})
    if features["padding"] not in _VOCOS_PADDINGS:
        raise PortingError(f"vocos: padding {features['padding']!r} of the features is unknown")
    values: Values = {
        "mel_profile": "vocos_24k",
        "sampling_rate": features["sample_rate"],
        "fft_size": features["n_fft"],
        "win_length": features["n_fft"],
        "hop_size": features["hop_length"],
        "num_mels": features["n_mels"],
        "fmin": 0.0,
        "fmax": features["sample_rate"] / 2,
        "mel_padding": _VOCOS_PADDINGS[features["padding"]],
        "trim_silence": False,
        # The loss's mel does not depend on the features: 1024 / 256 / 100 at any rate.
        "mel_loss_params": {
            "mel_profile": "vocos_24k",
            "fft_size": 1024,
            "hop_size": 256,
            "win_length": 1024,
            "num_mels": 100,
            "fmin": 0,
            "fmax": None,
        },
        "generator_params": {"in_channels": features["n_mels"]}
        | VOCOS["vocos"].arguments(sections),
        **_renamed(training, {"mel_loss_coeff": "lambda_mel"}),
    }
    rate = _renamed(training, {"initial_learning_rate": "lr"})
    return values | _both_optimizers(rate, {})


_PWG_NOT_OURS = ("format", "num_workers", "pin_memory", "allow_cache", "system", "logger")
_PWG_SECTIONS: dict[str, type[pydantic.BaseModel]] = {
    "optimizer_params": OptimizerParams,
    "scheduler_params": SchedulerParams,
}


def _parallel_wavegan(config: Config) -> Values:
    """The recipe has our key names; what training added to it (paths, ranks) is left out."""
    _require("parallel_wavegan_melgan", config, {"generator_type": "MelGANGenerator"})
    known = {key for key in VocoderGanHparams.model_fields if key not in _PWG_NOT_OURS}
    values = {key: value for key, value in config.items() if key in known}
    left_out = sorted(set(config) - set(values) - set(_PWG_NOT_OURS))
    if left_out:
        _LOG.info("not used of the configuration: %s", ", ".join(left_out))
    for network in ("generator", "discriminator"):
        for name, section in _PWG_SECTIONS.items():
            key = f"{network}_{name}"
            if key in values:  # `amsgrad: false` and the like
                values[key] = {k: v for k, v in values[key].items() if k in section.model_fields}
    if "fmin" in values:
        values["fmin"] = values["fmin"] or 0.0
    if "fmax" in values:
        values["fmax"] = _highest(config, "fmax", "sampling_rate")
    return values


# English cleaners and 148 symbols are all that NVIDIA's code has; its learning rate is constant.
_TACOTRON2: Values = {
    "front_end": "nvidia",
    "mel_profile": "tacotron2_nvidia",
    "seed": 1234,
    "scheduler_params": {"decay_steps": None},
}


def _tacotron2(config: Config) -> Values:
    cleaners = {"text_cleaners": ["english_cleaners"], "n_symbols": 148}
    _require("tacotron2_nvidia", config, cleaners)
    values = _renamed(
        config,
        {
            "sampling_rate": "sampling_rate",
            "filter_length": "fft_size",
            "hop_length": "hop_size",
            "win_length": "win_length",
            "n_mel_channels": "num_mels",
            "mel_fmin": "fmin",
            "batch_size": "batch_size",
            "grad_clip_thresh": "grad_norm",
            "seed": "seed",
        },
    )
    if "mel_fmax" in config:
        values["fmax"] = _highest(config, "mel_fmax", "sampling_rate")
    values["model_params"] = TACOTRON2["tacotron2_nvidia"].arguments(config)
    values["optimizer_params"] = _renamed(
        config, {"learning_rate": "lr", "weight_decay": "weight_decay"}
    )
    return merge(_TACOTRON2, values)


def _highest(config: Config, key: str, rate: str) -> float:
    """The upper edge of the filterbank in Hz; null is half the sampling rate."""
    if config[key] is not None:
        return float(config[key])
    return config.get(rate, 22050) / 2


def _require(source: str, config: Config, wanted: Config) -> None:
    for key, value in wanted.items():
        if config.get(key, value) != value:
            raise PortingError(
                f"{source}: {key} is {config[key]!r} in the configuration; only {value!r} can be"
                " imported"
            )


RECIPES = {
    "hifigan": ReferenceRecipe("hifigan_v1.yaml", _hifigan),
    "hifigan_speechbrain": ReferenceRecipe("hifigan_v1.yaml", _speechbrain),
    "parallel_wavegan_melgan": ReferenceRecipe("melgan.yaml", _parallel_wavegan),
    "vocos": ReferenceRecipe("vocos.yaml", _vocos),
    "tacotron2_nvidia": ReferenceRecipe("tacotron2.yaml", _tacotron2, system="tacotron2"),
}
