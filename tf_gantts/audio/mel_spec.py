"""The one definition of a mel-spectrogram, shared by every part that makes or eats one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from typing import Any, Literal, get_args

from tf_gantts.errors import HparamsError, MelSpecMismatchError

Padding = Literal["center_reflect", "center_constant", "same", "none"]
MelScale = Literal["slaney", "htk"]
Log = Literal["log10", "ln", "db", "none"]
FloorMode = Literal["clamp", "add"]
Normalization = Literal["none", "mean_variance", "symmetric"]

DB_RANGE = 100.0  # dB mapped onto the symmetric range: -100 dB..0 dB -> -max_abs..max_abs


@dataclasses.dataclass(frozen=True, kw_only=True)
class MelSpec:
    """How a waveform becomes a (log-)mel-spectrogram: see `tf_gantts.audio.mel.log_mel`.

    Two parts may only meet if their specifications are equal: see `require_same`.

    Attributes:
        sampling_rate: Rate of the audio in Hz.
        fft_size: FFT length in samples.
        hop_size: Frame shift in samples.
        win_length: Window length in samples; the window is zero-padded centrally to `fft_size`.
        window: Window name (`hann` or `hamming`, periodic).
        padding: `center_reflect` and `center_constant` pad fft_size // 2 on each side, `same` pads
            (fft_size - hop_size) // 2 on each side with a reflection, `none` does not pad.
        power: Exponent of the magnitude before the filterbank: 1 or 2.
        magnitude_epsilon: Added to re^2 + im^2 under the square root (HiFi-GAN uses 1e-9).
        power_floor: Smallest re^2 + im^2 (a clamp): ParallelWaveGAN's mel loss uses 1e-10, its
            features 0.
        num_mels: Number of mel bands.
        fmin: Lowest frequency of the filterbank in Hz.
        fmax: Highest frequency of the filterbank in Hz.
        mel_scale: Frequency warping: `slaney` (linear below 1 kHz) or `htk`.
        mel_norm: `slaney` divides each filter by its bandwidth, None keeps unit peaks.
        log: `log10`, `ln`, `db` (20 log10) or `none`.
        floor: Smallest mel amplitude before the logarithm.
        floor_mode: `clamp` takes max(x, floor), `add` takes x + floor.
        normalization: What a model does to the stored feature: nothing, z-scoring per band with the
            corpus statistics, or the symmetric mapping of -100..0 dB to -4..4 with clipping, which
            is part of the feature itself.
    """

    sampling_rate: int
    fft_size: int
    hop_size: int
    win_length: int
    window: str = "hann"
    padding: Padding = "center_reflect"
    power: float = 1.0
    magnitude_epsilon: float = 0.0
    power_floor: float = 0.0
    num_mels: int = 80
    fmin: float = 0.0
    fmax: float = 8000.0
    mel_scale: MelScale = "slaney"
    mel_norm: Literal["slaney"] | None = "slaney"
    log: Log = "ln"
    floor: float = 1e-5
    floor_mode: FloorMode = "clamp"
    normalization: Normalization = "none"

    def __post_init__(self) -> None:
        """Checks the values against each other.

        Raises:
            HparamsError: If a value is impossible, naming it.
        """
        # One type per field, so that 80 and 80.0 have the same fingerprint.
        for field in dataclasses.fields(self):
            convert = {"int": int, "float": float}.get(str(field.type))
            if convert:
                object.__setattr__(self, field.name, convert(getattr(self, field.name)))
        problems = [
            (self.sampling_rate <= 0, f"sampling_rate {self.sampling_rate} must be positive"),
            (self.hop_size <= 0, f"hop_size {self.hop_size} must be positive"),
            (self.fft_size <= 0, f"fft_size {self.fft_size} must be positive"),
            (
                not 0 < self.win_length <= self.fft_size,
                f"win_length {self.win_length} must be between 1 and fft_size {self.fft_size}",
            ),
            (self.hop_size > self.win_length, "hop_size must not exceed win_length"),
            (self.num_mels <= 0, f"num_mels {self.num_mels} must be positive"),
            (
                not 0 <= self.fmin < self.fmax,
                f"fmin {self.fmin} must be at least 0 and below fmax {self.fmax}",
            ),
            (
                self.fmax > self.sampling_rate / 2,
                f"fmax {self.fmax} is above half the sampling rate ({self.sampling_rate / 2})",
            ),
            (self.window not in ("hann", "hamming"), f"window {self.window!r}: hann or hamming"),
            (self.power not in (1, 2), f"power {self.power} must be 1 or 2"),
            (
                self.magnitude_epsilon < 0 or self.power_floor < 0,
                f"magnitude_epsilon {self.magnitude_epsilon} and power_floor {self.power_floor} "
                f"must not be negative",
            ),
            (
                self.mel_norm not in (None, "slaney"),
                f"mel_norm {self.mel_norm!r}: 'slaney' or null",
            ),
            *(
                (value not in get_args(names), f"{key} {value!r}: one of {get_args(names)}")
                for key, value, names in (
                    ("padding", self.padding, Padding),
                    ("mel_scale", self.mel_scale, MelScale),
                    ("log", self.log, Log),
                    ("floor_mode", self.floor_mode, FloorMode),
                    ("normalization", self.normalization, Normalization),
                )
            ),
            (self.log != "none" and self.floor <= 0, f"floor {self.floor} must be positive"),
            (
                self.normalization == "symmetric" and self.log != "db",
                "normalization 'symmetric' needs log 'db'",
            ),
        ]
        for wrong, message in problems:
            if wrong:
                raise HparamsError(f"mel definition: {message}")

    @property
    def silence(self) -> float:
        """Value of the stored feature for digital silence."""
        return self.compress_level(0.0)

    def compress_level(self, amplitude: float) -> float:
        """Stored feature value for one mel amplitude (linear)."""
        if self.log == "none":
            return float(amplitude)
        level = amplitude + self.floor if self.floor_mode == "add" else max(amplitude, self.floor)
        value = {"log10": math.log10, "ln": math.log, "db": lambda a: 20 * math.log10(a)}[self.log](
            level
        )
        if self.normalization == "symmetric":
            value = min(max(8 * (value + DB_RANGE) / DB_RANGE - 4, -4.0), 4.0)
        return float(value)

    def frames(self, samples: int) -> int:
        """Frames of a clip after framing: the clip is padded to a multiple of `hop_size`."""
        return -(-samples // self.hop_size)

    def describe(self) -> str:
        """The definition in a few words."""
        return (
            f"{self.num_mels} mels {self.fmin:g}-{self.fmax:g} Hz ({self.log}), hop"
            f" {self.hop_size} at {self.sampling_rate} Hz, fingerprint {self.fingerprint}"
        )

    def to_dict(self) -> dict[str, Any]:
        """All fields, JSON-ready."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> MelSpec:
        """Inverse of `to_dict`.

        Raises:
            HparamsError: If a field is unknown.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(fields) - known)
        if unknown:
            raise HparamsError(
                f"mel definition: unknown field {unknown[0]!r}; known: {sorted(known)}"
            )
        return cls(**fields)

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change with any field.

        Fields at their default are left out, so that a later version can add one (whose default
        means "as before") without disowning older features and checkpoints.
        """
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        special = {k: v for k, v in self.to_dict().items() if v != defaults[k]}
        canonical = json.dumps(special, sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def differences(self, other: MelSpec) -> list[str]:
        """Fields in which two specifications differ, as `name: mine != theirs`."""
        mine, theirs = self.to_dict(), other.to_dict()
        return [f"{k}: {mine[k]!r} != {theirs[k]!r}" for k in mine if mine[k] != theirs[k]]

    def require_same(self, other: MelSpec, here: str, there: str) -> None:
        """Refuses to let two parts with different mel definitions meet.

        Args:
            other: The other part's specification.
            here: What this specification belongs to, for the message.
            there: What the other one belongs to.

        Raises:
            MelSpecMismatchError: Naming every field that differs.
        """
        differences = self.differences(other)
        if differences:
            raise MelSpecMismatchError(
                f"{here} and {there} use different mel definitions ({'; '.join(differences)}); "
                f"make both with the same hyper-parameters (rerun tools/preprocess.py for features)"
            )


def _profile(**fields: Any) -> MelSpec:
    base: dict[str, Any] = {
        "sampling_rate": 22050,
        "fft_size": 1024,
        "hop_size": 256,
        "win_length": 1024,
        "num_mels": 80,
    }
    return MelSpec(**(base | fields))


PROFILES: dict[str, MelSpec] = {
    # ParallelWaveGAN (and the MelGAN recipe): log10, z-scored per band with corpus statistics.
    "parallel_wavegan": _profile(
        fmin=80.0, fmax=7600.0, log="log10", floor=1e-10, normalization="mean_variance"
    ),
    # jik876/hifi-gan: reflect padding to length/hop frames, natural log.
    "hifigan": _profile(padding="same", magnitude_epsilon=1e-9),
    # NVIDIA/tacotron2.
    "tacotron2_nvidia": _profile(),
    # gemelo-ai/vocos: HTK scale, peak filters.
    "vocos_24k": _profile(
        sampling_rate=24000,
        num_mels=100,
        fmax=12000.0,
        mel_scale="htk",
        mel_norm=None,
        floor=1e-7,
    ),
    # SpeechBrain tts-hifigan-ljspeech, also the target mel of GPT2TTS (M4).
    "speechbrain": _profile(),
    # GAN-Speech-Synthesis (M0).
    "gan_tts": _profile(power=2.0, floor=1e-9, floor_mode="add"),
    # Text-to-speech-using-GenAI, acoustic side (M1t) and vocoder side (M1v).
    "tacotron2_db": _profile(padding="none", log="db", normalization="symmetric"),
    "hifigan_db": _profile(padding="same", log="db", normalization="symmetric"),
    # Tacotron-GAN voice conversion (M2): raw power mels at 16 kHz.
    "tacotron_gan": _profile(
        sampling_rate=16000, hop_size=200, win_length=800, power=2.0, log="none"
    ),
    # GPT2TTS reference encoder (M4r): torchaudio defaults, raw power.
    "gpt2tts_reference": _profile(power=2.0, mel_scale="htk", mel_norm=None, log="none"),
}
