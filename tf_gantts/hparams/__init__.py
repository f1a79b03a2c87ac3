"""Typed hyper-parameters. Key names follow ParallelWaveGAN, so its recipes load unchanged."""

from tf_gantts.hparams.acoustic import AcousticHparams
from tf_gantts.hparams.base import Hparams
from tf_gantts.hparams.gan_tts import GanTtsHparams
from tf_gantts.hparams.parsing import SYSTEMS, dump_hparams, load_hparams, parse_hparams
from tf_gantts.hparams.recipe import RecipeLoader, apply_override, read_recipe
from tf_gantts.hparams.sections import OptimizerParams, SchedulerParams
from tf_gantts.hparams.tacotron2 import MaskParams, SpeakingParams, Tacotron2Hparams
from tf_gantts.hparams.vocoder_gan import ClassReversal, VocoderGanHparams

__all__ = [
    "SYSTEMS",
    "AcousticHparams",
    "ClassReversal",
    "GanTtsHparams",
    "Hparams",
    "MaskParams",
    "OptimizerParams",
    "RecipeLoader",
    "SchedulerParams",
    "SpeakingParams",
    "Tacotron2Hparams",
    "VocoderGanHparams",
    "apply_override",
    "dump_hparams",
    "load_hparams",
    "parse_hparams",
    "read_recipe",
]
