"""Typed hyper-parameters. Key names follow ParallelWaveGAN, so its recipes load unchanged."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import yaml
from pydantic import Field

from tf_gantts.audio.mel_spec import PROFILES, MelSpec, Padding
from tf_gantts.errors import HparamsError

PositiveInt = Annotated[int, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Params = dict[str, Any]
Optimizer = Literal["RAdam", "Adam", "AdamW"]
Schedule = Literal["StepLR", "MultiStepLR", "ExponentialLR", "CosineLR"]


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", protected_namespaces=())


class OptimizerParams(_Section):
    """Arguments of an optimizer, under PyTorch's names as the recipes have them."""

    lr: Annotated[float, Field(gt=0)]
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0


class SchedulerParams(_Section):
    """Arguments of a learning-rate schedule; which ones apply depends on its type."""

    step_size: PositiveInt | None = None  # StepLR: steps between two decays
    gamma: float = 0.5  # StepLR, MultiStepLR, ExponentialLR: factor of one decay
    milestones: list[int] | None = None  # MultiStepLR: steps at which to decay
    decay_start_steps: NonNegativeInt = 0  # ExponentialLR: steps at the first rate
    decay_steps: PositiveInt | None = None  # ExponentialLR, CosineLR: length in steps
    warmup_steps: NonNegativeInt = 0  # all: linear warm-up from 0
    final_ratio: float = 0.0  # ExponentialLR, CosineLR: last rate / first rate


class ClassReversal(_Section):
    """Periodic label reversal against mode collapse; off by default.

    For `duration_epochs` out of every `period_epochs` epochs after the discriminator starts, the
    discriminator is trained with the labels exchanged (real to 0, generated to 1). The generator's
    own target stays 1 unless `which` says otherwise, and its other losses stay as they are.
    """

    enabled: bool = False
    period_epochs: PositiveInt = 50
    duration_epochs: PositiveInt = 1
    which: Literal["D", "D+G"] = "D"


class Hparams(_Section):
    """What every system shares: audio, corpus splits, batches, intervals, logging."""

    system: str = "vocoder_gan"
    seed: NonNegativeInt = 0

    # Feature extraction
    mel_profile: str = "parallel_wavegan"  # names the fields of MelSpec that have no key below
    sampling_rate: PositiveInt = 22050  # Hz
    fft_size: PositiveInt = 1024  # samples
    hop_size: PositiveInt = 256  # samples
    win_length: PositiveInt | None = None  # samples; null: fft_size
    window: str = "hann"
    num_mels: PositiveInt = 80
    fmin: float | None = None  # Hz; null: the profile's
    fmax: float | None = None  # Hz; null: the profile's
    mel_padding: Padding | None = None  # of the signal before the STFT; null: the profile's
    global_gain_scale: Annotated[float, Field(gt=0)] = 1.0
    trim_silence: bool = False
    trim_threshold_in_db: Annotated[float, Field(gt=0)] = 60.0
    trim_frame_size: PositiveInt = 2048  # samples
    trim_hop_size: PositiveInt = 512  # samples
    format: Literal["hdf5", "tfrecord"] = "hdf5"

    # Splits
    valid_fraction: Fraction = 0.01
    test_fraction: Fraction = 0.01

    # Batches
    batch_size: PositiveInt = 16
    batch_max_steps: PositiveInt = 8192  # samples
    remove_short_samples: bool = True
    allow_cache: bool = True
    pin_memory: bool = True  # PyTorch only: tf.data prefetches in any case
    num_workers: NonNegativeInt = 2  # parallel calls in tf.data, processes in preprocessing

    # Precision and intervals
    mixed_precision: Literal["float32", "bfloat16", "float16"] = "float32"
    train_max_steps: PositiveInt = 1_000_000
    save_interval_steps: PositiveInt = 5000
    eval_interval_steps: PositiveInt = 1000
    log_interval_steps: PositiveInt = 100
    eval_max_frames: PositiveInt = 256  # held-out clips are evaluated in segments of this length
    num_save_intermediate_results: NonNegativeInt = 4
    listening_page_interval_steps: NonNegativeInt = 0  # 0: none; see RUN/samples/listening.html
    keep_last_checkpoints: PositiveInt = 3
    best_metric: str = "eval/mel_loss"  # of the best checkpoint: a scalar of the evaluation
    eval_metrics: list[str] = []  # such as [pesq, stoi, mcd], also measured at every evaluation
    eval_metric_clips: PositiveInt = 4  # on that many held-out clips
    logger: list[Literal["tensorboard", "csv", "wandb"]] = ["tensorboard", "csv"]

    @pydantic.field_validator("format", mode="before")
    @classmethod
    def _known_format(cls, value: Any) -> Any:
        if value == "npy":
            raise ValueError("npy files are not written here; use 'hdf5' or 'tfrecord'")
        return value

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Hparams:
        if self.mel_profile not in PROFILES:
            raise ValueError(f"mel_profile {self.mel_profile!r}: one of {sorted(PROFILES)}")
        if self.batch_max_steps % self.hop_size:
            raise ValueError(
                f"batch_max_steps {self.batch_max_steps} must be a multiple of hop_size"
                f" {self.hop_size}"
            )
        if self.listening_page_interval_steps % self.eval_interval_steps:
            raise ValueError(
                f"listening_page_interval_steps {self.listening_page_interval_steps} must be a"
                f" multiple of eval_interval_steps {self.eval_interval_steps}: samples are made"
                f" at evaluations"
            )
        return self

    @property
    def mel_spec(self) -> MelSpec:
        """The mel definition that these hyper-parameters describe."""
        profile = PROFILES[self.mel_profile].to_dict()
        own = {
            "sampling_rate": self.sampling_rate,
            "fft_size": self.fft_size,
            "hop_size": self.hop_size,
            "win_length": self.win_length or self.fft_size,
            "window": self.window.removesuffix("_window"),
            "num_mels": self.num_mels,
            "fmin": profile["fmin"] if self.fmin is None else float(self.fmin),
            "fmax": profile["fmax"] if self.fmax is None else float(self.fmax),
            "padding": self.mel_padding or profile["padding"],
        }
        return MelSpec.from_dict(profile | own)

    @property
    def segment_frames(self) -> int:
        """Length of a training segment in frames."""
        return self.batch_max_steps // self.hop_size


class VocoderGanHparams(Hparams):
    """Hyper-parameters of the system `vocoder_gan`."""

    system: Literal["vocoder_gan"] = "vocoder_gan"

    # Networks
    generator_type: str = "MelGANGenerator"
    generator_params: Params = {}
    pqmf_params: Params = {}  # filterbank that joins the sub-bands of out_channels > 1
    mel_projections: NonNegativeInt = 0  # rounds after the generator, in synthesis only; 0: off
    discriminator_type: str = "MelGANMultiScaleDiscriminator"
    discriminator_params: Params = {}

    # Losses
    use_stft_loss: bool = True
    stft_loss_params: Params = {}
    use_subband_stft_loss: bool = False  # then each of the two STFT losses counts half
    subband_stft_loss_params: Params = {}
    lambda_aux: float = 1.0
    use_mel_loss: bool = False
    mel_loss_params: Params = {}
    lambda_mel: float = 45.0
    lambda_phase: float = 0.0  # differences of the phase; 0: off
    phase_loss_params: Params = {}
    lambda_autocorrelation: float = 0.0  # 0: off
    autocorrelation_loss_params: Params = {}
    use_feat_match_loss: bool = False
    feat_match_loss_params: Params = {}
    lambda_feat_match: float = (
        1.0  # inside the bracket: lambda_adv * (adv + lambda_feat_match * fm)
    )
    generator_adv_loss_params: Params = {}
    discriminator_adv_loss_params: Params = {}
    lambda_adv: float = 1.0
    class_reversal: ClassReversal = ClassReversal()

    # Optimizers and schedules
    generator_optimizer_type: Optimizer = "RAdam"
    generator_optimizer_params: OptimizerParams
    generator_scheduler_type: Schedule = "StepLR"
    generator_scheduler_params: SchedulerParams = SchedulerParams()
    generator_grad_norm: float = 0.0  # global norm at which gradients are clipped; 0: off
    generator_ema_decay: Annotated[float, Field(ge=0, lt=1)] | None = None
    discriminator_optimizer_type: Optimizer = "RAdam"
    discriminator_optimizer_params: OptimizerParams
    discriminator_scheduler_type: Schedule = "StepLR"
    discriminator_scheduler_params: SchedulerParams = SchedulerParams()
    discriminator_grad_norm: float = 0.0

    # Phases
    discriminator_train_start_steps: NonNegativeInt = 0
    adversarial_batch_size: PositiveInt | None = None  # rows that the discriminator sees; null: all


class MaskParams(_Section):
    """Masks over a training mel, under the names of tensorflow-io's ops; 0: none."""

    freq_mask: NonNegativeInt = 0  # most bands of the mask
    time_mask: NonNegativeInt = 0  # most frames of the mask
    drop_frame_rate: Fraction = 0.0  # share of the decoder steps that are given the mean frame


class SpeakingParams(_Section):
    """When speech ends, and how far attention may go, at synthesis."""

    min_frames_per_symbol: Annotated[float, Field(ge=0)] = 1.0  # before which speech does not end
    max_frames_per_symbol: Annotated[float, Field(gt=0)] | None = 20.0  # after which it is cut off
    attention_window: tuple[NonNegativeInt, NonNegativeInt] | None = None  # symbols before, after


class AcousticHparams(Hparams):
    """What the systems share that turn text into mels."""

    # Text
    front_end: str = "characters"  # one of tf_gantts.text.FRONT_ENDS
    front_end_params: Params = {}
    speakers: list[str] = []  # names by number, for a model of several
    styles: list[str] = []  # styles or emotions, likewise

    # Batches
    num_buckets: PositiveInt = 6  # groups of similar duration
    max_frames: PositiveInt | None = 1000  # longer utterances are left out

    # Samples
    sample_vocoder: str | None = None  # run of a vocoder that makes them; null: Griffin-Lim


class Tacotron2Hparams(AcousticHparams):
    """Hyper-parameters of the system `tacotron2`."""

    system: Literal["tacotron2"] = "tacotron2"
    best_metric: str = "eval/mel_postnet_loss"

    # Network
    model_params: Params = {}

    # Batches
    input_mask_params: MaskParams = MaskParams()  # of the frames that teacher forcing gives

    # Losses
    mask_losses: bool = True  # whether padding is left out
    lambda_stop: float = 1.0
    stop_positive_weight: float = 1.0
    use_guided_attention: bool = False
    guided_attention_params: Params = {}
    lambda_guided_attention: float = 1.0

    # Optimizer and schedule
    optimizer_type: Optimizer = "Adam"
    optimizer_params: OptimizerParams = OptimizerParams(lr=1e-3, eps=1e-6, weight_decay=1e-6)
    scheduler_type: Schedule = "ExponentialLR"
    scheduler_params: SchedulerParams = SchedulerParams(gamma=1.0)
    grad_norm: float = 1.0  # global norm at which gradients are clipped; 0: off
    ema_decay: Annotated[float, Field(ge=0, lt=1)] | None = None

    # Synthesis
    speaking_params: SpeakingParams = SpeakingParams()


class GanTtsHparams(AcousticHparams):
    """Hyper-parameters of the system `gan_tts`."""

    system: Literal["gan_tts"] = "gan_tts"
    best_metric: str = "eval/mel_loss"

    # Text: what preprocessing adds to the features
    aligner: Literal["hmm", "forward_sum"] = "hmm"
    align_jointly: bool = False  # forward_sum only: learned while training, not by preprocessing
    aligner_steps: PositiveInt = 1000  # of align_jointly: first steps, in which the aligner learns
    states_per_symbol: PositiveInt = 2  # least frames of a symbol; 2 suit phonemes, 1 letters
    text_encoder: str | None = None  # a BERT: a folder, or a name on the Hugging Face hub
    text_encoder_dim: PositiveInt = 768  # its channels
    pooling: Literal["cls", "pooled", "mean"] = "cls"  # its embedding of the whole utterance

    # Networks
    generator_params: Params = {}
    use_realism_discriminator: bool = True
    realism_discriminator_params: Params = {}
    realism_vocoder: str | None = None  # run of a vocoder: what it makes of a window is judged too
    waveform_window: PositiveInt = 32  # frames of that window
    waveform_discriminator_params: Params = {}
    use_utterance_discriminator: bool = False  # needs text_encoder
    utterance_discriminator_params: Params = {}
    speech_encoder_params: Params = {}

    # Losses
    mel_loss: Literal["l1", "mse"] = "l1"
    lambda_mel: float = 1.0
    lambda_duration: float = 0.1
    lambda_pitch: float = 0.1
    lambda_energy: float = 0.1
    adversarial_loss_type: Literal["mse", "bce", "hinge"] = "mse"  # mse: LSGAN
    lambda_realism: float = 0.1  # of the bracket: adversarial + lambda_feat_match * fm
    lambda_waveform: float = 0.1  # of the same bracket for the waveform
    lambda_feat_match: float = 2.0
    lambda_utterance: float = 0.1
    use_adaptive_weight: bool = False  # then the lambdas of the critics are shares

    # Optimizers and schedules
    generator_optimizer_type: Optimizer = "Adam"
    generator_optimizer_params: OptimizerParams = OptimizerParams(lr=1e-3, betas=(0.9, 0.98))
    generator_scheduler_type: Schedule = "CosineLR"
    generator_scheduler_params: SchedulerParams = SchedulerParams()
    generator_grad_norm: float = 1.0  # global norm at which gradients are clipped; 0: off
    generator_ema_decay: Annotated[float, Field(ge=0, lt=1)] | None = None
    discriminator_optimizer_type: Optimizer = "Adam"
    discriminator_optimizer_params: OptimizerParams = OptimizerParams(lr=5e-4, betas=(0.5, 0.9))
    discriminator_scheduler_type: Schedule = "StepLR"
    discriminator_scheduler_params: SchedulerParams = SchedulerParams()
    discriminator_grad_norm: float = 0.0

    # Phases: reconstruction, then the discriminators learn too, then the generator learns from them
    discriminator_train_start_steps: NonNegativeInt = 0
    adversarial_start_steps: NonNegativeInt = 0

    @pydantic.model_validator(mode="after")
    def _alignable(self) -> GanTtsHparams:
        if not self.align_jointly:
            return self
        if self.aligner != "forward_sum":
            raise ValueError(
                f"align_jointly: aligner {self.aligner!r} cannot be learned jointly; set aligner to"
                " forward_sum, or align_jointly to false"
            )
        for key in ("use_pitch", "use_energy"):
            if self.generator_params.get(key):
                raise ValueError(
                    f"generator_params.{key} needs durations before training, to measure the"
                    f" recordings' symbols: set align_jointly or {key} to false"
                )
        judged = self.use_realism_discriminator or self.use_utterance_discriminator
        if judged and self.discriminator_train_start_steps < self.aligner_steps:
            raise ValueError(
                f"the aligner learns before there are discriminators:"
                f" discriminator_train_start_steps {self.discriminator_train_start_steps} must be"
                f" at least aligner_steps {self.aligner_steps}"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _possible(self) -> GanTtsHparams:
        if self.use_utterance_discriminator and self.text_encoder is None:
            raise ValueError(
                "use_utterance_discriminator needs a text_encoder, whose embeddings it judges:"
                " name a BERT, or set it to false"
            )
        if self.use_utterance_discriminator and self.batch_size < 2:
            raise ValueError(
                "use_utterance_discriminator judges speech beside the text of another utterance of"
                " the batch: batch_size must be at least 2"
            )
        if self.adversarial_start_steps < self.discriminator_train_start_steps:
            raise ValueError(
                f"adversarial_start_steps {self.adversarial_start_steps} must not be before"
                f" discriminator_train_start_steps {self.discriminator_train_start_steps}"
            )
        return self


SYSTEMS: dict[str, type[Hparams]] = {
    "vocoder_gan": VocoderGanHparams,
    "tacotron2": Tacotron2Hparams,
    "gan_tts": GanTtsHparams,
}


def load_hparams(path: str | Path, overrides: Sequence[str] = ()) -> Hparams:
    """Reads a YAML file of hyper-parameters.

    Args:
        path: The file.
        overrides: `key=value` items that replace top-level or nested (`a.b=value`) keys; the value
            is read as YAML.

    Returns:
        The hyper-parameters, typed and checked.

    Raises:
        HparamsError: If the file is missing or not YAML, or a key or value is wrong; an unknown key
            is answered with the nearest known one.
    """
    values = read_recipe(path)
    for override in overrides:
        apply_override(values, override)
    return parse_hparams(values, str(path))


def read_recipe(path: str | Path) -> dict[str, Any]:
    """The keys and values of a YAML file, unchecked.

    Raises:
        HparamsError: If the file is missing or is not YAML with keys.
    """
    path = Path(path)
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=RecipeLoader)
    except FileNotFoundError:
        raise HparamsError(f"{path}: no such hyper-parameter file") from None
    except IsADirectoryError:
        raise HparamsError(f"{path}: a folder; a hyper-parameter file (YAML) is expected") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise HparamsError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise HparamsError(f"{path}: expected `key: value` lines, found {type(values).__name__}")
    return values


def parse_hparams(values: Mapping[str, Any], where: str) -> Hparams:
    """Checks a mapping of hyper-parameters; `where` names its origin in messages.

    Raises:
        HparamsError: See `load_hparams`.
    """
    system = values.get("system", "vocoder_gan")
    if system not in SYSTEMS:
        raise HparamsError(f"{where}: system {system!r} is unknown; one of {sorted(SYSTEMS)}")
    try:
        hparams = SYSTEMS[system].model_validate(dict(values))
        hparams.mel_spec  # noqa: B018 - builds the mel definition, which checks its own values
    except pydantic.ValidationError as error:
        problems = "; ".join(_explain(item, SYSTEMS[system]) for item in error.errors())
        raise HparamsError(f"{where}: {problems}") from None
    except HparamsError as error:
        raise HparamsError(f"{where}: {error}") from None
    return hparams


def dump_hparams(hparams: Hparams) -> str:
    """The hyper-parameters as YAML text that `load_hparams` reads back."""
    return yaml.safe_dump(hparams.model_dump(mode="json"), sort_keys=False)


def apply_override(values: dict[str, Any], override: str) -> None:
    """Applies one `key=value` item of `load_hparams` to the values in place.

    Raises:
        HparamsError: If the item has another form or its key lies inside something without keys.
    """
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise HparamsError(f"--set {override!r}: expected KEY=VALUE")
    *parents, last = key.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise HparamsError(f"--set {override!r}: {parent!r} has no keys of its own")
    values[last] = yaml.load(text, Loader=RecipeLoader)


def _explain(item: Any, model: type[pydantic.BaseModel]) -> str:
    *parents, last = item["loc"] or ("",)
    if item["type"] != "extra_forbidden":
        name = ".".join(str(part) for part in item["loc"])
        found = "" if item["type"] == "missing" else f" (found {item['input']!r})"
        message = item["msg"].removeprefix("Value error, ")
        return f"{name}: {message}{found}" if name else message
    for parent in parents:
        annotation = model.model_fields[str(parent)].annotation
        if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
            model = annotation
    nearest = difflib.get_close_matches(str(last), model.model_fields, n=1, cutoff=0.0)
    name = ".".join(str(part) for part in item["loc"])
    return f"unknown key {name!r}; did you mean {nearest[0]!r}?"


class RecipeLoader(yaml.SafeLoader):
    """YAML 1.1 without its traps: duplicate keys are errors, 1e-6 is a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As a dict; a key that stands twice is an error."""
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                line = key_node.start_mark.line + 1
                raise yaml.YAMLError(f"key {key!r} stands twice (second time in line {line})")
            seen.add(key)
        return super().construct_mapping(node, deep)


RecipeLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)
