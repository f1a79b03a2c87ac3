"""From corpora to a feature store."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tf_gantts.audio.statistics import StatisticsAccumulator
from tf_gantts.data.atomic import TEMPORARY_SUFFIX
from tf_gantts.data.clip import ClipResult, ClipSettings
from tf_gantts.data.corpora import Utterance, read_corpora
from tf_gantts.data.lock import locked
from tf_gantts.data.parts import PartFolder
from tf_gantts.data.splits import assign_splits, write_split_table
from tf_gantts.data.store import (
    INDEX_NAME,
    PARTS_NAME,
    SPLITS,
    FeatureStore,
    StoredUtterance,
    open_store,
    write_store,
)
from tf_gantts.data.summary import SKIPPED_NAME, Summary, skipped_row, write_skipped
from tf_gantts.data.workers import process_clips
from tf_gantts.errors import CorpusError, FeatureStoreError
from tf_gantts.hparams import Hparams

_LOG = logging.getLogger(__name__)

_SPARE_BYTES = 10 * 2**20  # index, tables and summary beside the tracks


def preprocess(
    hparams: Hparams,
    corpora: Sequence[str | Path],
    features: str | Path,
    kind: str = "auto",
    jobs: int | None = None,
    force: bool = False,
) -> Summary | None:
    """Makes a feature store.

    Args:
        hparams: Features, splits and format.
        corpora: Folders of recordings.
        features: The store's folder.
        kind: Layout of the corpora, see `read_corpus`.
        jobs: Number of processes; None for `num_workers`.
        force: Make a complete store anew.

    Returns:
        What came of it; None if the store was complete already.

    Raises:
        CorpusError: If the corpora cannot be read or no clip is usable.
        FeatureStoreError: If the folder is in use, holds something else or other features, or the
            disk is full. Finished clips are kept for the next call.
        OSError: If the folder cannot be written.
    """
    folder = Path(features)
    jobs = _jobs(hparams, jobs)
    utterances = read_corpora(corpora, kind)
    settings = ClipSettings.from_hparams(hparams)
    described = _describe(hparams, corpora, utterances)
    _require_usable(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "preprocessing", FeatureStoreError):
        if not force and _is_complete(folder, settings, described):
            return None
        parts = PartFolder(folder / PARTS_NAME)
        parts.clean()
        for path in folder.glob(f".*{TEMPORARY_SUFFIX}"):
            path.unlink()
        results: dict[int, ClipResult] = {}
        start = time.monotonic()
        try:
            _process(utterances, settings, parts, jobs, results)
            summary = _finish(folder, hparams, utterances, results, described, parts)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            done = sum(bool(result.part) for result in results.values())
            raise FeatureStoreError(
                f"{folder}: the disk is full; free some space and run the same command again: it"
                f" goes on with the {done} clips that are finished"
            ) from None
        parts.remove()
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    _LOG.info(
        "%s: %s, %.1f MB, %.1f s", folder, hparams.format, size / 1e6, time.monotonic() - start
    )
    return summary


def _describe(
    hparams: Hparams, corpora: Sequence[str | Path], utterances: Sequence[Utterance]
) -> dict[str, Any]:
    """Everything besides the mel definition that decides what the store holds."""
    digest = hashlib.sha256()
    for utterance in utterances:
        size = utterance.path.stat().st_size if utterance.path.is_file() else -1
        labels = (utterance.speaker, *filter(None, [utterance.style]))
        digest.update(repr((utterance.id, utterance.text, *labels, size)).encode())
    return {
        "corpus": [Path(corpus).resolve().name for corpus in corpora],
        "corpus_digest": digest.hexdigest()[:16],
        "seed": hparams.seed,
        "valid_fraction": hparams.valid_fraction,
        "test_fraction": hparams.test_fraction,
        "global_gain_scale": hparams.global_gain_scale,
        "trim_silence": hparams.trim_silence,
        "trim_threshold_in_db": hparams.trim_threshold_in_db,
        "trim_frame_size": hparams.trim_frame_size,
        "trim_hop_size": hparams.trim_hop_size,
        "format": hparams.format,
    }


def _require_usable(folder: Path) -> None:
    """Refuses a folder that holds something else."""
    if folder.is_file():
        raise FeatureStoreError(f"{folder}: a file; a folder for the features is expected")
    if not folder.is_dir():
        return
    names = {path.name for path in folder.iterdir()}
    ours = {INDEX_NAME, PARTS_NAME, SKIPPED_NAME}
    if names and not names & ours:
        raise FeatureStoreError(
            f"{folder}: holds other things ({sorted(names)[0]} ...) and no features; choose an"
            " empty or new folder for --features"
        )


def _is_complete(folder: Path, settings: ClipSettings, described: dict[str, Any]) -> bool:
    """Whether the store is there, as asked for.

    Raises:
        FeatureStoreError: If there is a store of other features.
    """
    if not (folder / INDEX_NAME).exists():
        return False
    try:
        store = open_store(folder)
    except FeatureStoreError as error:
        _LOG.warning("%s", str(error).partition("; make it with")[0] + "; it is made anew")
        return False
    with store:
        differences = _differences(store, settings, described)
        if differences:
            raise FeatureStoreError(
                f"{folder}: holds features made otherwise ({'; '.join(differences)}); choose"
                " another --features, or add --force to make these anew"
            )
        counts = ", ".join(f"{len(store.splits[name])} {name}" for name in SPLITS)
        _LOG.info("%s: complete already (%s clips); nothing to do", folder, counts)
    return True


def _differences(
    store: FeatureStore, settings: ClipSettings, described: dict[str, Any]
) -> list[str]:
    wanted = json.loads(json.dumps(described))
    found = store.preprocessing
    differences = store.spec.differences(settings.spec)
    if store.mel_source:
        differences.append(f"mels made by {store.mel_source}")
    if found.get("corpus_digest") != wanted["corpus_digest"]:
        differences.append(
            f"corpus: {', '.join(found.get('corpus', []))} as it was != "
            f"{', '.join(wanted['corpus'])} as it is now"
        )
    skip = ("corpus", "corpus_digest")
    differences += [
        f"{key}: {found.get(key)!r} != {value!r}"
        for key, value in wanted.items()
        if key not in skip and found.get(key) != value
    ]
    return differences


def _jobs(hparams: Hparams, jobs: int | None) -> int:
    if jobs is not None and jobs < 1:
        raise CorpusError(f"--jobs {jobs}: at least 1 process is needed")
    return jobs or max(1, hparams.num_workers)


def _process(
    utterances: Sequence[Utterance],
    settings: ClipSettings,
    parts: PartFolder,
    jobs: int,
    results: dict[int, ClipResult],
) -> None:
    """Makes all part files; fills `results` by position of the utterance."""
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    finished = parts.keys()
    with logging_redirect_tqdm(), tqdm(total=len(utterances), unit="clip", desc="clips") as bar:
        for number, result in process_clips(utterances, settings, parts, jobs):
            results[number] = result
            for warning in result.warnings:
                _LOG.warning("%s", warning)
            bar.update()
    reused = sum(result.part in finished for result in results.values())
    if reused:
        _LOG.info("%d of %d clips were finished by an earlier run", reused, len(results))


def _finish(
    folder: Path,
    hparams: Hparams,
    utterances: Sequence[Utterance],
    results: dict[int, ClipResult],
    described: dict[str, Any],
    parts: PartFolder,
) -> Summary:
    """Splits, tables and summary; then the store."""
    from tqdm import tqdm

    _mark_duplicates(utterances, results)
    skipped = [
        skipped_row(utterance, results[number])
        for number, utterance in enumerate(utterances)
        if results[number].skipped
    ]
    kept = [number for number in range(len(utterances)) if not results[number].skipped]
    write_skipped(folder, skipped)
    if not kept:
        _, path, kind, reason = skipped[0]
        raise CorpusError(
            f"none of {len(skipped)} clips is usable, for instance {path}: {kind}: {reason};"
            f" {folder / SKIPPED_NAME} has them all"
        )
    splits = assign_splits(
        [utterances[number].id for number in kept],
        hparams.seed,
        hparams.valid_fraction,
        hparams.test_fraction,
    )
    stored = [
        _stored(utterances[number], results[number], split)
        for number, split in zip(kept, splits, strict=True)
    ]
    statistics = StatisticsAccumulator(hparams.num_mels)
    for number, split in zip(kept, splits, strict=True):
        if split == "train":
            statistics.merge(StatisticsAccumulator.from_dict(results[number].moments))
    _require_space(folder, hparams, stored)
    _write_tables(folder, hparams, [utterances[number] for number in kept], stored)
    summary = _summarise(hparams, stored, [results[number] for number in kept], skipped)
    summary.write(folder)
    with tqdm(total=len(kept), unit="clip", desc="store") as bar:
        write_store(
            folder,
            spec=hparams.mel_spec,
            statistics=statistics.result(),
            preprocessing=described,
            utterances=stored,
            read=lambda index: parts.read(results[kept[index]].part),
            store_format=hparams.format,
            progress=bar.update,
        )
    return summary


def _mark_duplicates(utterances: Sequence[Utterance], results: dict[int, ClipResult]) -> None:
    """Skips copies of a recording: in training and in test, they would flatter the test."""
    first: dict[str, str] = {}
    for number in range(len(utterances)):
        result = results[number]
        if result.skipped:
            continue
        original = first.setdefault(result.source_hash, utterances[number].id)
        if original != utterances[number].id:
            results[number] = dataclasses.replace(
                result, skipped="duplicate", reason=f"the same file as {original}"
            )


def _stored(utterance: Utterance, result: ClipResult, split: str) -> StoredUtterance:
    return StoredUtterance(
        id=utterance.id,
        text=utterance.text,
        speaker=utterance.speaker,
        split=split,
        frames=result.frames,
        samples=result.samples,
        source_hash=result.source_hash,
        style=utterance.style,
    )


def _require_space(folder: Path, hparams: Hparams, stored: Sequence[StoredUtterance]) -> None:
    row = 4 * hparams.num_mels
    needed = sum(2 * utterance.samples + row * utterance.frames for utterance in stored)
    if shutil.disk_usage(folder).free < needed + _SPARE_BYTES:
        raise OSError(errno.ENOSPC, "not enough space for the store", str(folder))


def _write_tables(
    folder: Path,
    hparams: Hparams,
    utterances: Sequence[Utterance],
    stored: Sequence[StoredUtterance],
) -> None:
    for split in SPLITS:
        rows = [
            {
                "id": utterance.id,
                "path": utterance.path.resolve(),
                "text": utterance.text,
                "speaker": utterance.speaker,
                "duration": entry.samples / hparams.sampling_rate,
            }
            for utterance, entry in zip(utterances, stored, strict=True)
            if entry.split == split
        ]
        write_split_table(folder / f"{split}.csv", rows)


def _summarise(
    hparams: Hparams,
    stored: Sequence[StoredUtterance],
    results: Sequence[ClipResult],
    skipped: Sequence[tuple[str, str, str, str]],
) -> Summary:
    short = [
        utterance
        for utterance in stored
        if utterance.split == "train" and utterance.frames < hparams.segment_frames
    ]
    return Summary(
        clips={name: sum(u.split == name for u in stored) for name in SPLITS},
        durations=[utterance.samples / hparams.sampling_rate for utterance in stored],
        levels=[result.rms_dbfs for result in results],
        recorded_seconds=sum(result.recorded_seconds for result in results),
        trimmed_seconds=sum(result.trimmed_seconds for result in results),
        skipped=skipped,
        short_clips=len(short),
        segment_samples=hparams.batch_max_steps,
        removes_short=hparams.remove_short_samples,
    )
