"""Text to waveform in the graph, against the same outside of it."""

import contextlib
import dataclasses
import io
import json
import textwrap
import types

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from child_process import in_child
from tiny_acoustic import make_acoustic_run
from tiny_run import make_run

from tf_gantts import command, export
from tf_gantts.audio.mel_conversion import MelConversion
from tf_gantts.errors import MelSpecMismatchError, TextError
from tf_gantts.serving import saved_model
from tf_gantts.serving.acoustic import AcousticModule
from tf_gantts.serving.synthesis import VocoderSynthesis
from tf_gantts.serving.text_synthesis import AcousticSynthesis, TextSynthesis, read
from tf_gantts.serving.text_to_speech import TextToSpeechModule
from tf_gantts.systems import load_acoustic, load_vocoder

# One filterbank, two logarithms.
ACOUSTIC = {"mel_profile": "tacotron2_nvidia", "speakers": ["anna", "ben"]}
VOCODER = {"fmin": 0, "fmax": 8000}
SENTENCES = "In 1455 Dr. Smith paid $3. Was it enough? No; \U0001f600 he wrote: “Café, naïve.”"
TEXTS = ["Yes.", "", SENTENCES, "\U0001f600\U0001f600", "...", SENTENCES.upper()]
SPEAKERS = ["ben", "anna", "ben", "ben", "ben", "anna"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    make_acoustic_run(folder / "acoustic", stops=False, **ACOUSTIC)
    make_run(folder / "vocoder", **VOCODER)
    return folder


@pytest.fixture(scope="module")
def system(runs):
    return load_acoustic(runs / "acoustic")[0]


@pytest.fixture(scope="module")
def vocoder(runs):
    return load_vocoder(runs / "vocoder")[0]


@pytest.fixture(scope="module")
def acoustic(system):
    return AcousticModule(system)


@pytest.fixture(scope="module")
def module(acoustic, vocoder):
    return TextToSpeechModule(acoustic, vocoder)


@pytest.fixture(scope="module")
def utter(system):
    """Sentences outside of the graph."""
    return AcousticSynthesis(system, batch_size=3)


@pytest.fixture(scope="module")
def speak(utter, system, vocoder):
    """One text outside of the graph."""
    conversion = MelConversion(system.mel_spec, vocoder.mel_spec, "here", "there")
    synthesis = TextSynthesis(utter, VocoderSynthesis(vocoder), conversion)

    def speak(text, speaker):
        labels = system.labels(speaker, "", "test")
        return synthesis([read(text, system)], labels)[0]

    return speak


def say(module, texts, speakers, signature="serving_default"):
    inputs = {"text": tf.constant(texts), "speaker": tf.constant(speakers)}
    outputs = module.signatures()[signature](**inputs)
    return {name: value.numpy() for name, value in outputs.items()}


def test_the_graph_says_what_python_says(module, speak):
    spoken = say(module, TEXTS, SPEAKERS)
    assert spoken["audio"].shape == (len(TEXTS), spoken["lengths"].max())
    for row, (text, speaker) in enumerate(zip(TEXTS, SPEAKERS, strict=True)):
        length = spoken["lengths"][row]
        assert not spoken["audio"][row, length:].any()
        try:
            expected = speak(text, speaker)
        except TextError:
            assert length == 0 and spoken["finished"][row]
            continue
        assert length == len(expected.audio)
        assert spoken["finished"][row] == (expected.unfinished == 0)
        np.testing.assert_allclose(spoken["audio"][row, :length], expected.audio, atol=1e-5)
        assert expected.audio.std() > 0.05
    assert (spoken["lengths"] > 0).tolist() == [True, False, True, False, False, True]


def test_texts_and_speakers_do_not_meet_in_a_batch(module):
    batch = say(module, TEXTS, SPEAKERS)
    alone = say(module, TEXTS[2:3], ["ben"])
    other = say(module, TEXTS[2:3], ["anna"])
    np.testing.assert_allclose(
        batch["audio"][2, : batch["lengths"][2]], alone["audio"][0], atol=1e-5
    )
    assert np.abs(other["audio"] - alone["audio"]).max() > 0.01


def test_one_speaker_may_be_named_for_all(module):
    one, each = say(module, TEXTS[:3], ["ben"]), say(module, TEXTS[:3], ["ben"] * 3)
    np.testing.assert_array_equal(one["audio"], each["audio"])


def test_unknown_speakers_are_refused_with_the_known_ones(module):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"speaker is none of.*anna.*ben"):
        say(module, TEXTS[:1], ["carl"])


def test_mel_and_attention_are_those_of_each_text(module, utter, system):
    texts = ["Yes.", "", "Was it enough?"]
    mel = say(module, texts, ["ben"], "mel")
    attention = say(module, texts, ["ben"], "attention")
    assert mel["lengths"][1] == 0 and mel["finished"].tolist() == [False, True, False]
    for row in (0, 2):
        (expected,) = utter([{"ids": system.front_end(texts[row])}], {"speaker": 1})
        frames = mel["lengths"][row]
        steps, symbols = attention["steps"][row], attention["symbols"][row]
        assert expected.mel.shape[0] == frames and expected.attention.shape == (steps, symbols)
        np.testing.assert_allclose(mel["mel"][row, :frames], expected.mel, atol=1e-5)
        assert (mel["mel"][row, frames:] == np.float32(system.mel_spec.silence)).all()
        own = attention["attention"][row, :steps, :symbols]
        np.testing.assert_allclose(own, expected.attention, atol=1e-6)
        np.testing.assert_allclose(own.max(axis=1).mean(), mel["alignment_score"][row], atol=1e-6)
    assert mel["mel"].shape[1] == mel["lengths"].max()
    assert attention["attention"].shape == (3, attention["steps"].max(), symbols)


def test_requests_without_any_text_are_answered(module):
    nothing = tf.constant([], tf.string)
    for signature in module.signatures().values():
        outputs = signature(text=nothing, speaker=nothing)
        assert all(value.shape[0] == 0 for value in outputs.values())


def test_the_metadata_name_front_end_speakers_and_conversion(module, system):
    facts = module.describe()
    assert facts["front_end"] == system.front_end.description()
    assert facts["speakers"] == ["anna", "ben"] and facts["styles"] == []
    assert facts["mel_conversion"] == "ln(max(x, 1e-05)) to log10(max(x, 1e-10))"
    assert set(facts["signatures"]) == set(module.signatures())
    for name, signature in module.signatures().items():
        described = facts["signatures"][name]
        assert set(described["inputs"]) == {"text", "speaker"}
        assert set(described["outputs"]) == set(signature.structured_outputs)


def test_another_filterbank_is_refused(acoustic, vocoder):
    other = types.SimpleNamespace(mel_spec=dataclasses.replace(vocoder.mel_spec, fmin=80.0))
    with pytest.raises(MelSpecMismatchError, match=r"fmin: 0\.0 != 80\.0"):
        TextToSpeechModule(acoustic, other)


@pytest.fixture(scope="module")
def export_command(runs):
    """The folder that the command wrote, and what it printed."""
    out = runs / "exports" / "tts" / "1"
    parts = ["--acoustic", runs / "acoustic", "--vocoder", runs / "vocoder"]
    words = [str(word) for word in (*parts, "--out", out, "--licence", "CC0-1.0")]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert command.run(export.main, words) == 0
    return out, printed.getvalue()


@pytest.fixture(scope="module")
def exported(export_command):
    return export_command[0]


def test_a_process_with_only_tensorflow_speaks(export_command, system, speak, tmp_path):
    exported, printed = export_command
    (tmp_path / "client.py").write_text(textwrap.dedent(printed.partition("client:\n")[2]))
    long = " ".join([SENTENCES] * 40)[:2000]
    texts = [*TEXTS, long]
    requests = [(text, speaker) for text in TEXTS[::2] for speaker in ("anna", "ben")] * 3
    (tmp_path / "texts.json").write_text(json.dumps({"texts": texts, "requests": requests[:16]}))
    in_child(
        """
        import json
        from concurrent.futures import ThreadPoolExecutor

        import numpy as np
        import tensorflow as tf

        serve = tf.saved_model.load(sys.argv[2]).signatures["serving_default"]
        given = json.load(open("texts.json"))

        def say(text, speaker):
            outputs = serve(text=tf.constant([text]), speaker=tf.constant([speaker]))
            return outputs["audio"].numpy()[0]

        results = {f"text{i}": say(text, "ben") for i, text in enumerate(given["texts"])}
        alone = [say(*request) for request in given["requests"]]
        with ThreadPoolExecutor(16) as pool:
            together = list(pool.map(say, *zip(*given["requests"])))
        assert len(together) == 16
        for one, other in zip(alone, together):
            np.testing.assert_array_equal(one, other)
        np.savez("audio.npz", **results)
        exec(open("client.py").read())
        assert not any(name.startswith("keras.") for name in sys.modules)
        """,
        tmp_path,
        exported,
    )
    samples = soundfile.info(tmp_path / "out.wav").frames
    assert samples == len(speak("Hello world.", "anna").audio)
    results = np.load(tmp_path / "audio.npz")
    for i, text in enumerate(texts):
        try:
            expected = speak(text, "ben").audio
        except TextError:
            expected = np.zeros(0, np.float32)
        audio = results[f"text{i}"]
        assert audio.shape == expected.shape
        np.testing.assert_allclose(audio, expected, rtol=0, atol=1e-5)
    assert len(long) == 2000 and len(audio) > 1000 * system.mel_spec.hop_size


def test_the_export_holds_nothing_but_tensorflow_and_warms_up(exported):
    operations = {node.op for _, node in saved_model.operations(exported)}
    assert {"StaticRegexReplace", "LookupTableFindV2", "While", "Conv2D"} <= operations
    records = tf.data.TFRecordDataset(str(exported / "assets.extra" / "tf_serving_warmup_requests"))
    assert sum(1 for _ in records) == 4


def test_the_export_says_what_it_is_made_of(export_command):
    out, printed = export_command
    assert "acoustic at step 4, vocoder at step 7" in printed
    request = "text string (B), speaker string (B) -> audio float32 (B, N), lengths int32 (B)"
    assert f"serving_default: {request}" in printed
    assert "converted from ln(max(x, 1e-05)) to log10(max(x, 1e-10))" in printed
    metadata = saved_model.read_metadata(out)
    assert metadata["system"] == "text_to_speech" and metadata["licence"]["weights"] == "CC0-1.0"
    assert metadata["acoustic"]["system"] == "tacotron2" and metadata["vocoder"]["step"] == 7
    assert metadata["mel_conversion"] and metadata["front_end"]["name"] == "characters"
