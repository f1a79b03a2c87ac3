"""Speech recognisers: what a machine hears in a clip."""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

import numpy as np

from tf_gantts.audio.files import to_int16
from tf_gantts.errors import EvaluationError
from tf_gantts.evaluation.model_input import MODEL_RATE, model_input
from tf_gantts.evaluation.unavailable import Unavailable
from tf_gantts.processes import run_in_processes

_LOG = logging.getLogger(__name__)

Clip = tuple[np.ndarray, int]  # samples (N,) and their rate in Hz

# Nothing is recognised in less: shorter than the shortest word, and Whisper invents text there.
SHORTEST_SECONDS = 0.1
_WINDOW_SECONDS = 30
_SILENT = 0.5 / 32768.0  # peak that 16 bits round to zero


class Recognizer(Protocol):
    """What every recogniser does.

    Attributes:
        name: How it is called in a table, with its model.
    """

    name: str

    def recognise(self, clips: Sequence[Clip]) -> list[str]:
        """Recognises clips.

        Args:
            clips: Pairs of samples `(N,)` (floats within -1..1 or int16) and their rate in Hz; any
                rate is converted to 16 kHz.

        Returns:
            The text of each clip, as the recogniser writes it. It is empty for silence and for
            clips shorter than 0.1 s, which are not given to the model.

        Raises:
            AudioError: If a clip is empty, not mono or not finite; the message has its number.
            EvaluationError: If the recogniser fails.
        """


class PocketsphinxRecognizer:
    """PocketSphinx with the US English large-vocabulary model of its wheel; no network.

    Each clip is decoded as if it were the first (normalisation starts anew), so texts do not depend
    on the order of the clips nor on the number of processes.

    Args:
        jobs: Number of processes; None takes the cores that this process may use. With 1 the work
            is done here.

    Raises:
        EvaluationError: If the package is not installed.
    """

    name = "pocketsphinx en-us"

    def __init__(self, jobs: int | None = None) -> None:
        try:
            import pocketsphinx  # noqa: F401
        except ImportError:
            raise _missing("pocketsphinx", "asr") from None
        if jobs is not None and jobs < 1:
            raise EvaluationError(f"recogniser pocketsphinx: jobs is {jobs}; at least 1 is needed")
        self._jobs = jobs or len(os.sched_getaffinity(0))

    def recognise(self, clips: Sequence[Clip]) -> list[str]:
        """See `Recognizer.recognise`."""
        prepared = _prepare(clips)
        texts = [""] * len(prepared)
        # Longest first: no process is left with a long clip at the end.
        samples = {
            n: to_int16(clip).tobytes() for n, clip in enumerate(prepared) if clip is not None
        }
        heard = sorted(samples, key=lambda n: -len(samples[n]))
        decoded = self._decode([samples[n] for n in heard])
        for number, text in zip(heard, decoded, strict=True):
            texts[number] = text
        return texts

    def _decode(self, samples: Sequence[bytes]) -> list[str]:
        texts = [""] * len(samples)
        jobs = min(self._jobs, len(samples))
        try:
            for number, text in run_in_processes(_decode_pocketsphinx, samples, jobs):
                texts[number] = text
        except BrokenProcessPool:
            raise EvaluationError(
                "recogniser pocketsphinx: a worker process died, perhaps for lack of memory; use "
                "fewer jobs"
            ) from None
        return texts


class FasterWhisperRecognizer:
    """Whisper through CTranslate2 (faster-whisper): far better than PocketSphinx, needs weights.

    Args:
        model: Folder with a converted model, or a size such as `base.en` that the package fetches
            from the hub.
        language: Language code of the speech.

    Raises:
        EvaluationError: If the package or the model is missing.
    """

    def __init__(self, model: str = "base.en", language: str = "en") -> None:
        try:
            import faster_whisper
        except ImportError:
            raise _missing("faster-whisper", "whisper") from None
        self.name = f"faster-whisper {os.path.basename(model)}"
        self._language = language
        load = functools.partial(faster_whisper.WhisperModel, device="auto", compute_type="default")
        self._model = _load("faster-whisper", model, load)

    def recognise(self, clips: Sequence[Clip]) -> list[str]:
        """See `Recognizer.recognise`."""
        return [self._text(audio) for audio in _prepare(clips)]

    def _text(self, audio: np.ndarray | None) -> str:
        if audio is None:
            return ""
        # Greedy at one temperature, without the text before: the same clip gives the same text.
        segments, _ = self._model.transcribe(
            audio,
            language=self._language,
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
        )
        return " ".join(segment.text.strip() for segment in segments)


class HuggingFaceRecognizer:
    """Any model of transformers' `automatic-speech-recognition` pipeline.

    Args:
        model: Folder with a model, or its name on the hub.

    Raises:
        EvaluationError: If a package or the model is missing.
    """

    def __init__(self, model: str = "facebook/wav2vec2-base-960h") -> None:
        try:
            import torch  # noqa: F401
            import transformers
        except ImportError:
            raise _missing("huggingface", "huggingface") from None
        self.name = f"huggingface {os.path.basename(model.rstrip('/'))}"
        load = functools.partial(transformers.pipeline, "automatic-speech-recognition")
        self._pipeline = _load("huggingface", model, lambda path: load(model=path))

    def recognise(self, clips: Sequence[Clip]) -> list[str]:
        """See `Recognizer.recognise`."""
        return [self._text(audio) for audio in _prepare(clips)]

    def _text(self, audio: np.ndarray | None) -> str:
        if audio is None:
            return ""
        clip = {"raw": audio, "sampling_rate": MODEL_RATE}
        if len(audio) > _WINDOW_SECONDS * MODEL_RATE:  # longer than Whisper's window
            return self._pipeline(clip, chunk_length_s=_WINDOW_SECONDS)["text"]
        return self._pipeline(clip)["text"]


def make_recognizer(
    name: str = "pocketsphinx", model: str | None = None, jobs: int | None = None
) -> Recognizer:
    """Makes a recogniser by name.

    Args:
        name: One of `RECOGNIZERS`.
        model: Path or hub name of the model; None takes the recogniser's own choice. PocketSphinx
            has one model only.
        jobs: Number of processes of PocketSphinx; None takes all cores.

    Raises:
        EvaluationError: If the name is unknown, or a package or model is missing.
    """
    if name == "pocketsphinx":
        if model is not None:
            raise EvaluationError(
                f"recogniser pocketsphinx: model {model!r} given; it has its own en-us model only"
            )
        return PocketsphinxRecognizer(jobs)
    if name not in RECOGNIZERS:
        raise EvaluationError(
            f"recogniser {name!r} is unknown; one of {', '.join(RECOGNIZERS)} is expected"
        )
    kind = FasterWhisperRecognizer if name == "faster-whisper" else HuggingFaceRecognizer
    return kind() if model is None else kind(model)


RECOGNIZERS = ("pocketsphinx", "faster-whisper", "huggingface")

_PACKAGES = {
    "pocketsphinx": (("pocketsphinx",), "asr"),
    "faster-whisper": (("faster_whisper",), "whisper"),
    "huggingface": (("transformers", "torch"), "huggingface"),
}


def missing_packages(name: str) -> Unavailable | None:
    """What to install for error rates by a recogniser; None if everything is there.

    Args:
        name: One of `RECOGNIZERS`.
    """
    packages, extra = _PACKAGES[name]
    missing = [p for p in (*packages, "jiwer", "num2words") if importlib.util.find_spec(p) is None]
    if not missing:
        return None
    are = "are" if len(missing) > 1 else "is"
    return Unavailable(
        f"WER and CER by {name}",
        f'{", ".join(missing)} {are} not installed; pip install "tf_gantts[{extra}]"',
    )


def _prepare(clips: Sequence[Clip]) -> list[np.ndarray | None]:
    """Clips at 16 kHz; None for those in which there is nothing to recognise."""
    prepared: list[np.ndarray | None] = []
    for number, (audio, rate) in enumerate(clips):
        samples = model_input(audio, rate, name=f"clip {number}")
        audible = len(samples) >= SHORTEST_SECONDS * MODEL_RATE and np.abs(samples).max() > _SILENT
        prepared.append(samples if audible else None)
    return prepared


@functools.cache
def _pocketsphinx_decoder() -> Any:
    import pocketsphinx

    return pocketsphinx.Decoder(samprate=MODEL_RATE, loglevel="FATAL")


def _decode_pocketsphinx(samples: bytes) -> str:
    """Text of 16-bit samples at 16 kHz."""
    decoder = _pocketsphinx_decoder()
    decoder.reinit_feat()  # or the cepstral mean of the clip before would be used
    decoder.start_utt()
    decoder.process_raw(samples, no_search=False, full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis is not None else ""


def _load(recognizer: str, model: str, load: Callable[[str], Any]) -> Any:
    """Loads a model that may be a folder, a hub name or neither."""
    if os.path.sep in model and model.startswith((os.path.sep, ".", "~")):
        model = os.path.expanduser(model)
        if not os.path.isdir(model):
            raise EvaluationError(f"recogniser {recognizer}: {model}: no such folder with a model")
    try:
        return load(model)
    except Exception as error:  # what hub clients raise differs from version to version
        _LOG.debug("loading %s failed", model, exc_info=True)
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EvaluationError(
            f"recogniser {recognizer}: model {model!r} cannot be loaded ({reason}); give the path "
            f"of a folder with the model, or connect to the hub"
        ) from None


def _missing(recognizer: str, extra: str) -> EvaluationError:
    return EvaluationError(
        f'recogniser {recognizer}: a package is not installed; pip install "tf_gantts[{extra}]"'
    )
