"""Long text as sentences, and the pauses between them.

An acoustic model is taught on utterances of up to about ten seconds. Longer texts are cut at
sentences, sentences of more than about 250 characters at clauses, and those at spaces. The rules
run in Python and in the graph alike (`SentencesGraph`).
"""

from __future__ import annotations

import dataclasses

from tf_gantts.text.rules import Rewrite, Rules, Step

END = "\x1e"  # between two pieces
PARAGRAPH = "\x1d"  # closes the last sentence of a paragraph
_CUT = "\x1f"  # inside a long sentence
_KEPT_DOT = "\x1c"  # a dot that ends no sentence

_NO_END = (
    "Mr|Mrs|Ms|Messrs|Dr|Drs|Prof|Rev|Hon|Gen|Col|Maj|Capt|Lt|Sgt|Cpl|Gov|Sen|Rep|Pres|Supt|Insp|"
    "Det|Ft|Mt|St|Nos?|Vol|vs|cf|viz|approx|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|"
    r"e\.g|i\.e|cap|pp?|c"
)
_CLOSING = "[\"'”’»)\\]]"
_OPENING = "[\"'“‘«(\\[]"
_MARKS = f"{PARAGRAPH}{END}{_CUT}"
_INSIDE = f"[^{_MARKS}]"

# Seconds of silence after a piece by its last punctuation; a choice, in the range of read speech.
PAUSES = {
    ".": 0.4,
    "!": 0.4,
    "?": 0.4,
    "…": 0.6,
    ";": 0.3,
    ":": 0.3,
    "—": 0.3,
    ",": 0.2,
    PARAGRAPH: 0.8,
}
OTHER_PAUSE = 0.1

_LONG: list[Step] = [
    Rewrite(rf"({_INSIDE}{{150,240}}[;:,—]{_CLOSING}?) ({_INSIDE})", rf"\1{_CUT}\2"),
    Rewrite(rf"({_INSIDE}{{200,250}}) ({_INSIDE}{{50}})", rf"\1{_CUT}\2"),
    Rewrite(f"([^ {_MARKS}]{{250}})([^ {_MARKS}])", rf"\1{_CUT}\2"),
    # A short rest goes back to what it was cut from.
    Rewrite(f"{_CUT}({_INSIDE}{{1,39}})([{PARAGRAPH}{END}]|$)", r" \1\2"),
    Rewrite(_CUT, END),
]

SPLITTING = Rules(
    Rewrite("[\x00-\x08\x0e-\x1f\x7f]+", ""),
    Rewrite("[ \t\r]*\n[ \t\r]*\n[ \t\r\n]*", f"{PARAGRAPH}{END}"),
    Rewrite("[ \t\n\r\x0b\x0c\u00a0\u2028\u2029]+", " "),
    Rewrite(rf"\b({_NO_END})\.", rf"\1{_KEPT_DOT}"),
    # Initials; I is more often a word.
    Rewrite(r"\b([A-HJ-Z])\.", rf"\1{_KEPT_DOT}"),
    Rewrite(rf"([.!?…]{{1,9}}{_CLOSING}{{0,4}}) +({_OPENING}*[^a-z \"'“‘«(\[])", rf"\1{END}\2"),
    _LONG,
    Rewrite(_KEPT_DOT, "."),
    Rewrite(f" *({END} *)+", END),
    Rewrite(f"^[ {END}]+", ""),
    Rewrite(f"[ {PARAGRAPH}{END}]+$", ""),
)

# From a piece to its last punctuation; a piece without any stays whole.
LAST_PUNCTUATION = Rules(
    Rewrite(rf"(?:{_CLOSING}| ){{1,9}}$", ""),
    Rewrite(r"\.\.\.+$", "…"),
    Rewrite(f"^.*([{''.join(PAUSES)}])$", r"\1"),
)


@dataclasses.dataclass(frozen=True)
class Sentence:
    """A piece of a long text.

    Attributes:
        text: The piece.
        pause: Silence that follows it, in seconds; nothing follows the last.
    """

    text: str
    pause: float


def split_sentences(text: str) -> list[Sentence]:
    """Cuts a text into sentences, and long sentences into clauses.

    Args:
        text: Any text; an empty line ends a paragraph.

    Returns:
        The pieces in order; none of an empty text.
    """
    pieces = SPLITTING(text).split(END)
    return [
        Sentence(piece.rstrip(PARAGRAPH), PAUSES.get(LAST_PUNCTUATION(piece), OTHER_PAUSE))
        for piece in pieces
        if piece
    ]
