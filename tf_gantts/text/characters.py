"""Front end `characters`: letters as they are written, after numbers and abbreviations are read."""

from __future__ import annotations

import string

from tf_gantts.text.cleaning import LATIN_TO_ASCII
from tf_gantts.text.english import ENGLISH
from tf_gantts.text.front_end import FrontEnd
from tf_gantts.text.rules import Rewrite, Rules

# The order of SreenidhiHayagreevan/Text-to-speech-using-GenAI's tokenizer. Its id for unknown
# characters is kept but never given: an embedding that training does not see only adds noise.
_SPECIAL = ("<pad>", "<eos>", "<unk>")
_SYMBOLS = string.ascii_uppercase + string.ascii_lowercase + "!'\"(),-.:;? "

PLAIN_BRACKETS = [Rewrite(r"\[", "("), Rewrite(r"\]", ")")]


class Characters(FrontEnd):
    """67 symbols: letters of both cases, punctuation, padding, end of text."""

    name = "characters"

    def __init__(self) -> None:
        super().__init__(
            rules=Rules(ENGLISH, LATIN_TO_ASCII, PLAIN_BRACKETS),
            symbols=[*_SPECIAL, *_SYMBOLS],
            characters={character: character for character in _SYMBOLS},
            pad="<pad>",
            eos="<eos>",
        )
