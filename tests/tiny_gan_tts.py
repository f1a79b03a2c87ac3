"""A GAN-TTS of a few channels, and features of made-up speech with all its tracks."""

import dataclasses

import numpy as np

from tf_gantts import text
from tf_gantts.audio.statistics import Statistics
from tf_gantts.data.store import StoredUtterance, add_tracks, open_store, write_store
from tf_gantts.data.symbol_tracks import TOKEN_OF_SYMBOL, TOKENS, UTTERANCE
from tf_gantts.data.tracks import Track
from tf_gantts.data.utterances import Transcripts, UtteranceSource
from tf_gantts.hparams import parse_hparams
from tf_gantts.systems import build_system
from tf_gantts.training.checkpoint import Meta, save_checkpoint

N_MELS, EMBEDDING = 8, 6
RECIPE = {
    "system": "gan_tts",
    "seed": 3,
    "num_mels": N_MELS,
    "text_encoder": "a-bert",
    "text_encoder_dim": EMBEDDING,
    "generator_params": {
        "encoder_channels": 12,
        "encoder_layers": 1,
        "decoder_channels": 8,
        "decoder_layers": 1,
        "predictor_channels": 8,
        "predictor_layers": 1,
        "noise_dim": 2,
        "dropout": 0.0,
        "predictor_dropout": 0.0,
    },
    "realism_discriminator_params": {
        "window_sizes": [8],
        "channels": [4],
        "kernel_sizes": [[3, 3]],
        "strides": [[2, 2]],
    },
    "use_utterance_discriminator": True,
    "utterance_discriminator_params": {"channels": [8]},
    "speech_encoder_params": {"channels": 8, "layers": 1, "pooling_heads": 2, "dropout": 0.0},
    # Where a gradient is nothing but rounding, Adam enlarges it with a smaller epsilon.
    "generator_optimizer_params": {"lr": 1e-2, "eps": 1e-4},
    "generator_scheduler_params": {"decay_steps": 100},
    "discriminator_optimizer_params": {"lr": 1e-2, "eps": 1e-4},
    "batch_size": 4,
    "num_buckets": 1,
    "num_save_intermediate_results": 0,
    "logger": ["csv"],
}
SPEC = parse_hparams(RECIPE, "test").mel_spec
STATISTICS = Statistics(np.linspace(-3, -1, N_MELS), np.linspace(0.5, 1.5, N_MELS))
FRONT_END = text.build("characters")
TEXTS = ["Yes.", "Not I, you!", "Go on?", "So (far).", "Oh no.", "Ah, we do.", "Eat it.", "A bee."]
FRAMES = [27, 33, 30, 24, 21, 36, 18, 25]
SPLITS = ["valid", *["train"] * 6, "test"]
TRACKS = ["durations", "pitch", "energy", TOKENS, UTTERANCE]


def recipe(**values) -> dict:
    """The recipe with other values; `..._params` are put over its own."""
    merged = {k: RECIPE.get(k, {}) | v for k, v in values.items() if k.endswith("_params")}
    return RECIPE | values | merged


def build(statistics=STATISTICS, inference=False, **values):
    """A system with fresh weights."""
    hparams = parse_hparams(recipe(**values), "test")
    return build_system(hparams, SPEC, statistics, inference)


def build_training(**values):
    """A system with fresh weights, ready to be trained."""
    system = build(**values)
    system.prepare_training()
    return system


def save(run, system, step=1):
    """Writes a checkpoint."""
    meta = Meta(0, "adversarial", system.mel_spec, system.statistics)
    meta = dataclasses.replace(meta, step=step)
    save_checkpoint(run, system.state(), meta, system.hparams)


def track_rows(utterance) -> dict[str, np.ndarray]:
    """All rows of an utterance but audio: random, and no two the same."""
    rng = np.random.default_rng(utterance)
    ids, frames = FRONT_END(TEXTS[utterance]), FRAMES[utterance]
    spoken = np.isin(ids, list(FRONT_END.spoken_ids))
    # Some of the pauses have no frame.
    chances = np.where(spoken, 1.0, 0.5 * rng.integers(0, 2, len(ids)))
    rest = rng.multinomial(frames - spoken.sum(), chances / chances.sum())
    tokens = rng.integers(1, 3, len(ids)).cumsum() // 2
    return {
        "mel": rng.normal(-2, 1, (frames, N_MELS)).astype(np.float32),
        "symbols": ids.astype(np.int32),
        "durations": (spoken + rest).astype(np.int32),
        "pitch": rng.standard_normal(len(ids)).astype(np.float32),
        "energy": rng.standard_normal(len(ids)).astype(np.float32),
        TOKEN_OF_SYMBOL: tokens.astype(np.int32),
        TOKENS: rng.standard_normal((tokens[-1] + 2, EMBEDDING)).astype(np.float16),
        UTTERANCE: rng.standard_normal((1, EMBEDDING)).astype(np.float16),
    }


def make_store(folder, store_format="hdf5", front_end=None, without=()):
    """Writes the features; `front_end` is another description of the tracks' front end."""
    rows = [track_rows(i) for i in range(len(TEXTS))]
    write_store(
        folder,
        spec=SPEC,
        statistics=STATISTICS,
        preprocessing={},
        utterances=[
            StoredUtterance(f"u{i}", said, "s", split, n, n * SPEC.hop_size, "")
            for i, (said, split, n) in enumerate(zip(TEXTS, SPLITS, FRAMES, strict=True))
        ],
        read=lambda i: rows[i] | {"audio": np.zeros(FRAMES[i] * SPEC.hop_size, np.int16)},
        store_format=store_format,
    )
    of_texts = {"front_end": front_end or FRONT_END.description()}
    scale = {"mean": 1.0, "std": 0.5}
    for names, description in (
        (["symbols", "durations"], of_texts),
        (["pitch", "energy"], {"pitch": scale, "energy": scale}),
        ([TOKENS, TOKEN_OF_SYMBOL, UTTERANCE], of_texts),
    ):
        if set(names) & set(without):
            continue
        tracks = [
            Track.create(n, rows[0][n].dtype.name, rows[0][n].shape[1:], [len(r[n]) for r in rows])
            for n in names
        ]
        add_tracks(
            folder, names[0], tracks, rows.__getitem__, store_format, description=description
        )
    return folder


def make_batch(folder):
    """Four utterances, with everything that a recipe may ask for."""
    with open_store(folder) as store:
        source = UtteranceSource(
            store,
            Transcripts(store, "train", FRONT_END, tracks=TRACKS),
            batch_size=4,
            buckets=1,
            pad_id=FRONT_END.pad_id,
        )
        (batch,) = source.dataset().take(1)
    return batch


def state_of(system):
    """Everything that a checkpoint holds, by group."""
    return {name: [v.numpy() for v in group] for name, group in system.state().items()}


def differ(ours, theirs):
    """Whether any of two lists of arrays are not the same."""
    return any(not np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def assert_same(ours, theirs, **tolerance):
    """That groups of arrays are the same, or differ by less than the tolerance."""
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        for a, b in zip(values, theirs[name], strict=True):
            np.testing.assert_allclose(a, b, err_msg=name, **({"rtol": 0} | tolerance))
