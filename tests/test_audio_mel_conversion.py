"""Mels of one definition as those of another, on real recordings."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.audio import graph
from tf_gantts.audio.files import read_audio
from tf_gantts.audio.mel import log_mel
from tf_gantts.audio.mel_conversion import MelConversion
from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.errors import MelSpecMismatchError

LN = PROFILES["tacotron2_nvidia"]
VARIANTS = {
    "log10": {"log": "log10", "floor": 1e-10, "normalization": "mean_variance"},
    "db": {"log": "db"},
    "symmetric": {"log": "db", "normalization": "symmetric"},
    "added": {"floor": 1e-9, "floor_mode": "add"},
    "linear": {"log": "none"},
    "epsilon": {"magnitude_epsilon": 1e-9},
}


def variant(name):
    return dataclasses.replace(LN, **VARIANTS[name])


@pytest.fixture(scope="module")
def recording(shared):
    path = min((shared / "data" / "ljspeech-mini" / "wavs").glob("*.wav"))
    return read_audio(path)[0][:40_000]


@pytest.mark.parametrize("name", VARIANTS)
def test_real_mels_become_what_the_other_definition_makes_of_the_recording(recording, name):
    other = variant(name)
    amplitude = log_mel(recording, dataclasses.replace(LN, log="none"))
    # Ten times the higher floor, and what `symmetric` can hold.
    audible = (amplitude > 1e-4) & (amplitude < 1.0)
    assert 0.5 < audible.mean() < 1.0
    for source, target in ((LN, other), (other, LN)):
        conversion = MelConversion(source, target, "here", "there")
        given, wanted = log_mel(recording, source), log_mel(recording, target)
        converted = conversion(given)
        assert converted.dtype == np.float32
        scale = np.abs(wanted[audible]).max()
        # The epsilon under the root changes the amplitude near the floor by up to a few percent.
        tolerance = 0.05 if name == "epsilon" else 2e-6 * scale
        np.testing.assert_allclose(converted[audible], wanted[audible], rtol=0, atol=tolerance)
        in_graph = graph.convert_mel(tf.constant(given), conversion)
        np.testing.assert_allclose(in_graph, converted, rtol=0, atol=2e-6 * np.abs(given).max())


def test_what_the_floor_has_hidden_stays_at_that_floor():
    silent = np.full((3, 80), LN.silence, np.float32)
    converted = MelConversion(LN, variant("log10"), "here", "there")(silent)
    np.testing.assert_allclose(converted, -5.0, atol=1e-5)
    quiet = np.full((3, 80), -9.0, np.float32)
    converted = MelConversion(variant("log10"), LN, "here", "there")(quiet)
    np.testing.assert_allclose(converted, np.log(1e-5), atol=1e-5)


def test_a_conversion_says_what_it_does():
    def name(source, target):
        return MelConversion(source, target, "here", "there").name

    assert name(LN, LN) is None
    assert name(LN, variant("log10")) == "ln(max(x, 1e-05)) to log10(max(x, 1e-10))"
    assert name(variant("added"), variant("symmetric")) == (
        "ln(x + 1e-09) to 20 log10(max(x, 1e-05)) within -4..4"
    )
    assert name(variant("linear"), LN) == "x to ln(max(x, 1e-05))"


def test_mean_variance_normalisation_is_no_part_of_raw_mels():
    scored = dataclasses.replace(LN, normalization="mean_variance")
    conversion = MelConversion(LN, scored, "here", "there")
    assert conversion.name == "ln(max(x, 1e-05)) as it is"
    mel = np.random.default_rng(0).normal(-5, 2, (7, 80)).astype(np.float32)
    assert conversion(mel) is mel


@pytest.mark.parametrize(
    ("field", "value"),
    [("padding", "same"), ("fmax", 7600.0), ("hop_size", 200), ("mel_norm", None), ("power", 2.0)],
)
def test_anything_else_is_refused_naming_the_field(field, value):
    other = dataclasses.replace(variant("log10"), **{field: value})
    with pytest.raises(MelSpecMismatchError, match=f"run a and run b .*{field}: ") as caught:
        MelConversion(LN, other, "run a", "run b")
    assert "log:" not in str(caught.value)
