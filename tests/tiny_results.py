"""Results of an evaluation with everything that results can hold."""

import math

from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.evaluation.bootstrap import Estimate
from tf_gantts.evaluation.metric import Column
from tf_gantts.evaluation.missing import Missing
from tf_gantts.evaluation.results import (
    Bootstrap,
    Clip,
    Failure,
    Results,
    Row,
    Scale,
    Source,
    Timing,
)
from tf_gantts.evaluation.unavailable import Unavailable

NAN = math.nan


def make_results() -> Results:
    """Two clips, two rows; one number is missing, one clip failed."""
    natural = Row(
        Source("natural", "Recording", "As it is."),
        {"mcd": (0.0, 0.0), "wer": (0.25, 0.0), "utmos": (4.1, NAN)},
        {
            "mcd": Estimate(0.0, 0.0, 0.0, 2),
            "wer": Estimate(1 / 6, 0.0, 0.25, 2),
            "utmos": Estimate(4.1, NAN, NAN, 1),
        },
        texts=("the cat <sat>", "a dog"),
    )
    model = Row(
        Source("model", "Modèle", heard=False, main=True),
        {
            "mcd": (0.1 + 0.2, Missing("cut short")),
            "wer": (0.5, Missing("cut short")),
            "utmos": (3.0, Missing("cut short")),
        },
        {
            "mcd": Estimate(0.1 + 0.2, NAN, NAN, 1),
            "wer": Estimate(0.5, NAN, NAN, 1),
            "utmos": Estimate(NAN, NAN, NAN, 0),
        },
        ratios={"wer": Estimate(2.0, NAN, NAN, 1)},
        texts=("", None),
    )
    return Results(
        mel_spec=PROFILES["vocos_24k"],
        clips=(Clip("a/1", "The cat sat, é.", "LJ", 1.5), Clip("b", "A dog", "", 0.75)),
        columns=(
            Column("mcd", "MCD13", "dB", "distortion", 2),
            Column("wer", "WER", "", "word error rate"),
            Column("utmos", "UTMOS", "MOS", "opinion", 2, True),
        ),
        rows=(natural, model),
        weights={"wer": (4.0, 2.0)},
        scales=(Scale("utmos", "same speaker", Estimate(0.9, 0.8, 0.95, 2)),),
        unavailable=(Unavailable("nisqa", "pip install it"),),
        failures=(Failure("model", "b", "cut short"),),
        timings=(Timing("signal metrics", 4.5, 9.0, 18.0),),
        bootstrap=Bootstrap(0.9, 100, 7),
        recogniser="pocketsphinx en-us",
        facts={"Date": "today"},
    )
