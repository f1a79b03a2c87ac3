"""From corpora to features for training: `python tools/preprocess.py`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tf_gantts.command import add_set, argument_parser, load_tensorflow
from tf_gantts.data.corpora import KINDS
from tf_gantts.data.preprocess import preprocess
from tf_gantts.hparams import GanTtsHparams, load_hparams


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argument_parser(
        "tools/preprocess.py",
        "Turns recordings into features for training: splits, mel-spectrograms, statistics."
        " Interrupted, the same command goes on where it stopped.",
    )
    parser.add_argument("--hparams", required=True, help="YAML file of hyper-parameters")
    parser.add_argument(
        "--corpus",
        required=True,
        nargs="+",
        action="extend",
        help="one or more folders of recordings",
    )
    parser.add_argument("--corpus-kind", default="auto", choices=KINDS, help="layout of the corpus")
    parser.add_argument(
        "--features", help="where the features go (default: features/NAME of the YAML file)"
    )
    parser.add_argument(
        "--jobs", type=int, help="number of processes (default: num_workers of the YAML file)"
    )
    add_set(parser)
    parser.add_argument(
        "--force", action="store_true", help="make the features anew even if they are complete"
    )
    options = parser.parse_args(argv)
    hparams = load_hparams(options.hparams, options.set)
    features = options.features or Path("features") / Path(options.hparams).stem
    summary = preprocess(
        hparams,
        options.corpus,
        features,
        kind=options.corpus_kind,
        jobs=options.jobs,
        force=options.force,
    )
    if summary is not None:
        print(summary.table())
    if isinstance(hparams, GanTtsHparams):
        add_text_tracks(hparams, features)
    return 0


def add_text_tracks(hparams: GanTtsHparams, features: str | Path) -> None:
    """Adds to a feature store what the system `gan_tts` needs of the texts, where it is missing.

    Args:
        hparams: The recipe: front end, aligner, text encoder, pitch and energy.
        features: The store's folder.

    Raises:
        FeatureStoreError: If no utterance has a text.
        PortingError: If the text encoder cannot be had.
    """
    load_tensorflow()
    from tf_gantts import text
    from tf_gantts.training import text_tracks
    from tf_gantts.training.variance_tracks import VARIANCES, add_variances

    front_end = text.build(hparams.front_end, hparams.front_end_params)
    if not hparams.align_jointly:
        text_tracks.add_alignment(features, front_end, hparams.aligner, hparams.states_per_symbol)
    if any(hparams.generator_params.get(f"use_{name}") for name in VARIANCES):
        add_variances(features)
    if hparams.text_encoder is not None:
        from tf_gantts.porting.text_encoder import load_text_encoder

        encoder = load_text_encoder(hparams.text_encoder)
        text_tracks.add_text_states(features, front_end, encoder, hparams.pooling)
