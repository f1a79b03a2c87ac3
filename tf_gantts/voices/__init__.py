"""The voices in the package, which speak right after the installation.

tf_gantts/voices/NAME/acoustic    run directory of an acoustic model with one checkpoint
tf_gantts/voices/NAME/vocoder     the same of a vocoder that takes its mels
tf_gantts/voices/NAME/card.md     data, licence, recipe, command, scores

The checkpoints hold what synthesis needs and nothing else of a training, matrices in float16. Every
command that takes a run takes them. `python tools/make_voice.py` writes a voice.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tf_gantts.errors import CheckpointError

FOLDER = Path(__file__).parent
DEFAULT = "ljspeech"


@dataclasses.dataclass(frozen=True)
class Voice:
    """An acoustic model and a vocoder that belong together.

    Attributes:
        path: Their folder.
    """

    path: Path

    @property
    def acoustic(self) -> Path:
        """Run directory of the acoustic model."""
        return self.path / "acoustic"

    @property
    def vocoder(self) -> Path:
        """Run directory of the vocoder."""
        return self.path / "vocoder"

    @property
    def card(self) -> Path:
        """What is known of the voice: Markdown."""
        return self.path / "card.md"

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())


def names() -> list[str]:
    """The voices in the package."""
    return sorted(path.parent.name for path in FOLDER.glob("*/acoustic"))


def find_voice(name: str) -> Voice:
    """A voice by name, or by its folder.

    Args:
        name: One of `names()`, or the folder of a voice elsewhere.

    Raises:
        CheckpointError: If it is neither.
    """
    voice = Voice(FOLDER / name if name in names() else Path(name))
    if not (voice.acoustic.is_dir() and voice.vocoder.is_dir()):
        known = ", ".join(names()) or "none"
        raise CheckpointError(
            f"voice {name!r}: neither a voice of this package (there are: {known}) nor a folder"
            " with acoustic and vocoder in it; name another, or give --acoustic and --vocoder runs"
        )
    return voice
