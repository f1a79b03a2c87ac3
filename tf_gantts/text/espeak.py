"""Front end `espeak`: phonemes of espeak-ng as IPA symbols, for all its languages.

Its rules live in a C library, so there is no graph of it: exports need another front end.
"""

from __future__ import annotations

import ctypes
import re
from typing import TYPE_CHECKING

from tf_gantts.errors import TextError
from tf_gantts.text import espeak_library
from tf_gantts.text.cleaning import CLEANING
from tf_gantts.text.english import ENGLISH
from tf_gantts.text.front_end import FrontEnd

if TYPE_CHECKING:
    from tf_gantts.text.graph import FrontEndGraph

_PAD, _EOS = "_", "~"
_PUNCTUATION = " !'\"(),-.:;?"
# Letters of the International Phonetic Alphabet (chart of 2020) and espeak's ᵻ, then marks.
_LETTERS = (
    "abcdefghijklmnopqrstuvwxyz"
    "ɑɐɒæɓʙβɔɕçɗɖðʤəɘɚɛɜɝɞɟʄɡɠɢʛɦɧħɥʜɨɪʝθɭɬɫɮʟɱɯɰŋɳɲɴøɵɸœɶʘɹɺɾɻʀʁɽʂʃʈʧʉʊʋⱱʌɣɤʍχʎʏʑʐʒʔʡʕʢǀǁǂǃᵻ"
)
_MARKS = "ˈˌːˑʰʲʷˠˤ˞̩̯̃̊̈̆"
_SYMBOLS = (_PAD, _EOS, *_PUNCTUATION, *_LETTERS, *_MARKS)

# Constants of speak_lib.h.
_CHARS_UTF8 = 1
_PHONEMES_IPA = 2

_CLAUSES = re.compile(r"([!\"(),.:;?]+)")
_LANGUAGE_SWITCH = re.compile(r"\([a-z]{2,3}(?:-[a-z0-9-]+)?\)")


class Espeak(FrontEnd):
    """IPA symbols and punctuation.

    Args:
        voice: A voice of espeak-ng, which is its language: `en-us`, `de`, `fr-fr` ...

    Raises:
        TextError: If espeakng-loader is not installed or there is no such voice.
    """

    name = "espeak"

    def __init__(self, voice: str = "en-us") -> None:
        self._voice = voice
        # Numbers of other languages are left to espeak.
        rules = ENGLISH if voice.startswith("en") else CLEANING
        super().__init__(
            rules=rules,
            symbols=_SYMBOLS,
            characters={symbol: symbol for symbol in _SYMBOLS[2:]},
            pad=_PAD,
            eos=_EOS,
            options={"voice": voice},
        )
        self._phonemes(["a"])

    def read(self, text: str) -> str:
        """Phonemes, with the punctuation of the text between them.

        Args:
            text: Any text.
        """
        pieces = _CLAUSES.split(super().read(text))
        spoken = self._phonemes(pieces[::2])
        pieces[::2] = [
            f"{' ' if piece.startswith(' ') else ''}{phonemes}{' ' if piece.endswith(' ') else ''}"
            for piece, phonemes in zip(pieces[::2], spoken, strict=True)
        ]
        return re.sub("  +", " ", "".join(pieces)).strip()

    def graph(self) -> FrontEndGraph:
        """There is none.

        Raises:
            TextError: Always.
        """
        raise TextError(
            "front end espeak runs in a C library and cannot be in a TensorFlow graph; for an "
            "export that takes text, train with front end cmudict or characters"
        )

    def _phonemes(self, texts: list[str]) -> list[str]:
        with espeak_library.loaded() as library:
            try:
                espeak_library.initialize(library)
                if library.espeak_SetVoiceByName(self._voice.encode()) != espeak_library.EE_OK:
                    raise TextError(f"espeak-ng has no voice {self._voice!r}")
                return [_speak(library, text) for text in texts]
            finally:
                library.espeak_Terminate()


def _speak(library: ctypes.CDLL, text: str) -> str:
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = [
        ctypes.POINTER(ctypes.c_char_p),
        ctypes.c_int,
        ctypes.c_int,
    ]
    rest = ctypes.c_char_p(text.encode())
    clauses = []
    while rest.value:
        # Moves `rest` behind the clause, and to null behind the last.
        spoken = library.espeak_TextToPhonemes(ctypes.byref(rest), _CHARS_UTF8, _PHONEMES_IPA)
        clauses.append((spoken or b"").decode().strip())
    return _LANGUAGE_SWITCH.sub("", " ".join(clauses))
