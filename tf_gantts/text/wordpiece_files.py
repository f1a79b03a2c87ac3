"""BERT's tokeniser from the files beside a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tf_gantts.errors import TextError
from tf_gantts.text.wordpiece import CONTINUATION, LONGEST_WORD, WordPiece

_CASING = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")
_ROLES = ("unk", "cls", "sep", "pad")
# What `tokenizer.json` may say only in this way.
_NORMALIZER = {"type": "BertNormalizer", "clean_text": True}
_MODEL = {
    "type": "WordPiece",
    "continuing_subword_prefix": CONTINUATION,
    "max_input_chars_per_word": LONGEST_WORD,
}


def read_wordpiece(directory: str | Path, max_tokens: int = 512) -> WordPiece:
    """Reads the tokeniser of a Hugging Face BERT.

    Args:
        directory: Folder with `tokenizer.json`, or with `vocab.txt` and, where it differs from the
            defaults, `tokenizer_config.json`.
        max_tokens: Longest sequence, special tokens included.

    Raises:
        TextError: If there is none, or one of another kind.
    """
    directory = Path(directory)
    config = _json(directory / "tokenizer_config.json")
    special = {role: _content(config.get(f"{role}_token", f"[{role.upper()}]")) for role in _ROLES}
    options = {key: config[key] for key in _CASING if key in config}
    whole = directory / "tokenizer.json"
    vocabulary_file = directory / "vocab.txt"
    if whole.is_file():
        vocabulary, casing = _read_whole(whole)
        options |= casing
    elif vocabulary_file.is_file():
        lines = vocabulary_file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        vocabulary = {piece.rstrip("\r"): place for place, piece in enumerate(lines)}
    else:
        raise TextError(f"{directory}: no tokenizer.json and no vocab.txt there")
    try:
        return WordPiece(vocabulary, max_tokens=max_tokens, special_tokens=special, **options)
    except TextError as error:
        raise TextError(f"{directory}: {error}") from None


def _read_whole(path: Path) -> tuple[dict[str, int], dict[str, Any]]:
    """Vocabulary and casing in `tokenizer.json`."""
    content = _json(path)
    normalizer, model = content.get("normalizer") or {}, content.get("model") or {}
    _require(path, "normalizer", normalizer, _NORMALIZER)
    _require(path, "model", model, _MODEL)
    casing = {
        "do_lower_case": normalizer["lowercase"],
        "strip_accents": normalizer["strip_accents"],
        "tokenize_chinese_chars": normalizer["handle_chinese_chars"],
    }
    added = {each["content"]: each["id"] for each in content.get("added_tokens", ())}
    return model["vocab"] | added, casing


def _require(path: Path, part: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for key, value in wanted.items():
        if found.get(key) != value:
            raise TextError(
                f"{path}: {key} of the {part} is {found.get(key)!r}; only BERT's tokeniser, with"
                f" {value!r}, can be read"
            )


def _content(token: str | Mapping[str, str]) -> str:
    return token if isinstance(token, str) else token["content"]


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TextError(f"{path}: cannot be read as JSON ({error})") from None
