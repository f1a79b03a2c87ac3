import dataclasses
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_run import make_run, noise_mel

from tf_gantts import networks
from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.layers.mel_projection import MelProjection
from tf_gantts.serving import saved_model, streaming
from tf_gantts.serving.signatures import VocoderModule
from tf_gantts.serving.streaming import stream
from tf_gantts.systems import load_system

HOP, BANDS = 16, 8
SPEC = dataclasses.replace(PROFILES["parallel_wavegan"], hop_size=HOP, num_mels=BANDS)
# Mels of about 1 are audio of about 1.
PROJECTED = dataclasses.replace(SPEC, fft_size=64, win_length=64, log="ln", mel_norm=None)
CAUSAL = {"use_causal_conv": True}

MELGAN = {"in_channels": BANDS, "channels": 16, "upsample_scales": [4, 4], "stacks": 2}
HIFIGAN = {
    "in_channels": BANDS,
    "channels": 16,
    "upsample_scales": [4, 4],
    "upsample_kernel_sizes": [8, 8],
    "resblock_kernel_sizes": [3, 5],
    "resblock_dilations": [[1, 3], [1, 2]],
}
VOCOS = {
    "in_channels": BANDS,
    "dim": 16,
    "intermediate_dim": 24,
    "num_layers": 2,
    "fft_size": 64,
    "hop_size": HOP,
}
CASES = {
    "melgan": ("MelGANGenerator", MELGAN),
    "melgan causal": ("MelGANGenerator", MELGAN | CAUSAL),
    "multi-band melgan": (
        "MultiBandMelGANGenerator",
        {"generator_params": MELGAN | {"out_channels": 4, "upsample_scales": [4]}},
    ),
    "multi-band melgan causal": (
        "MultiBandMelGANGenerator",
        {"generator_params": MELGAN | {"out_channels": 4, "upsample_scales": [4]} | CAUSAL},
    ),
    "hifigan": ("HiFiGANGenerator", HIFIGAN),
    "hifigan v3": ("HiFiGANGenerator", HIFIGAN | {"use_additional_convs": False}),
    "hifigan reflecting": ("HiFiGANGenerator", HIFIGAN | {"pad": "ReflectionPad1d"}),
    "hifigan causal": ("HiFiGANGenerator", HIFIGAN | CAUSAL),
    "vocos": ("VocosGenerator", VOCOS),
    "vocos same": ("VocosGenerator", VOCOS | {"padding": "same"}),
    "vocos causal": ("VocosGenerator", VOCOS | CAUSAL),
    "vocos projected": ("VocosGenerator", VOCOS),
}


def loud(network):
    """The network with weights whose output is far from silence, so that differences show."""
    rng = np.random.default_rng(0)
    for variable in network.trainable_variables:
        factor = {"weight_g": 1.9}.get(variable.name, 1.0)
        if variable.name == "weight" and "/block_" in variable.path:
            factor = 1.0 if "norm" in variable.path else 20.0  # Vocos draws from N(0, 0.02^2)
        variable.assign(variable.numpy() * factor * rng.uniform(0.9, 1.1))
    return network


def make_module(case):
    keras.utils.set_random_seed(0)
    name, params = CASES[case]
    network = networks.fold_weight_norm(loud(getattr(networks, name)(**params)))
    if "projected" in case:
        return VocoderModule(network, tf.identity, PROJECTED, MelProjection(PROJECTED, rounds=2))
    return VocoderModule(network, tf.identity, SPEC)


@pytest.fixture(scope="module", params=CASES)
def module(request):
    return make_module(request.param)


def noise(frames, seed=0):
    return np.random.default_rng(seed).normal(size=(frames, BANDS)).astype(np.float32)


def in_pieces(mel, size):
    return [mel[start : start + size] for start in range(0, len(mel), size)]


def whole(module, mel):
    return module.synthesize(mel[np.newaxis])["audio"].numpy()[0]


def test_chunks_of_any_size_give_the_audio_of_the_whole(module):
    context = sum(module.context_frames)
    for frames in (1, module.smallest_frames + 1, 2 * context + 13):
        mel = noise(frames, seed=frames)
        expected = whole(module, mel)
        for arriving, chunk_frames in ((1, 1), (7, 7), (frames, 5), (3, 2 * frames)):
            first = module.first_frames(chunk_frames) if arriving % 2 else None
            chunks = in_pieces(mel, arriving)
            audio = np.concatenate([*stream(module.stream, chunks, chunk_frames, first)])
            assert len(audio) == frames * HOP
            np.testing.assert_allclose(audio, expected, rtol=0, atol=1e-5)
    assert expected.std() > 0.05
    assert module.stream.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("case", ["melgan", "hifigan", "vocos", "vocos causal"])
@pytest.mark.parametrize("side", [0, 1])
def test_one_frame_less_of_context_changes_the_audio(case, side):
    module = make_module(case)
    narrow = [*module.context_frames]
    narrow[side] -= 1
    module.context_frames = tuple(narrow)
    mel = noise(100)
    audio = np.concatenate([*stream(module.stream, [mel], chunk_frames=1)])
    assert np.abs(audio - whole(module, mel)).max() > 1e-4


def test_audio_comes_as_soon_as_the_later_frames_are_known(module):
    after = module.context_frames[1]
    mel, taken = noise(60), 0

    def arriving():
        nonlocal taken
        for frame in mel:
            taken += 1
            yield frame[np.newaxis]

    known = 0
    for audio in stream(module.stream, arriving(), chunk_frames=1):
        known += len(audio) // HOP
        if known < 60:
            assert known == taken - after and taken >= module.smallest_frames
        else:
            assert taken == 60
    assert known == 60


def test_the_first_call_is_the_first_audio(module):
    chunk_frames = 4
    first = module.first_frames(chunk_frames)
    pieces = stream(module.stream, [noise(first), noise(50)], chunk_frames, first)
    assert len(next(pieces)) >= chunk_frames * HOP
    assert {len(audio) for audio in list(pieces)[:-1]} == {chunk_frames * HOP}


def test_the_context_of_a_batch_does_not_grow(module):
    mels = np.stack([noise(60, seed=1), noise(60, seed=2)])
    expected = module.synthesize(mels)["audio"].numpy()
    context, pieces = tf.zeros((2, 0, BANDS)), []
    for start in range(0, 60, 6):
        mel = tf.constant(mels[:, start : start + 6])
        outputs = module.stream(mel, context, tf.constant(start == 54))
        context = outputs["context"]
        pieces.append(outputs["audio"].numpy())
        most = max(sum(module.context_frames), module.smallest_frames)
        assert context.shape == (2, min(start + 6, most), BANDS)
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), expected, rtol=0, atol=1e-5)


def test_a_stream_reads_no_more_than_it_needs():
    module = make_module("hifigan")

    def endless():
        while True:
            yield noise(3)

    pieces = stream(module.stream, endless(), chunk_frames=5)
    assert sum(len(next(pieces)) for _ in range(40)) == pytest.approx(200 * HOP, abs=10 * HOP)


def test_no_mel_gives_no_audio_and_a_wrong_one_is_refused():
    module = make_module("vocos")
    assert list(stream(module.stream, [])) == []
    assert list(stream(module.stream, [noise(0)])) == []
    with pytest.raises(ValueError, match=r"\(2, 5, 8\).*\(frames, bands\)"):
        list(stream(module.stream, [np.zeros((2, 5, BANDS))]))
    with pytest.raises(ValueError, match=r"\(5, 9\)"):
        list(stream(module.stream, [noise(3), np.zeros((5, 9))]))
    with pytest.raises(ValueError, match="chunk_frames 0"):
        list(stream(module.stream, [noise(3)], chunk_frames=0))


def test_a_network_that_does_not_tell_its_context_cannot_stream():
    layers = [keras.layers.UpSampling1D(HOP), keras.layers.Dense(1)]
    network = keras.Sequential([keras.Input((None, BANDS)), *layers])
    module = VocoderModule(network, tf.identity, SPEC)
    assert list(module.signatures()) == list(module.describe()["signatures"]) == ["serving_default"]
    assert {name for name, _ in module.examples()} == {"serving_default"}


def test_a_half_precision_run_streams_in_float32(tmp_path):
    make_run(tmp_path, mixed_precision="bfloat16")
    module = load_system(tmp_path)[0].serving_module()
    mel = noise_mel(module.mel_spec, 1, 30)[0]
    audio = np.concatenate(list(stream(module.stream, in_pieces(mel, 4), 4)))
    assert audio.std() > 0.01
    np.testing.assert_allclose(audio, whole(module, mel), rtol=0, atol=1e-5)


CLIENT = """
import sys

sys.modules.update(keras=None, tf_gantts=None)  # importing them fails
import runpy
import numpy as np
import tensorflow as tf

stream = runpy.run_path(sys.argv[1])["stream"]
model = tf.saved_model.load(sys.argv[2]).signatures["stream"]
mel = np.load("mel.npy")
chunks = [mel[start : start + 5] for start in range(0, len(mel), 5)]
np.save("audio.npy", np.concatenate(list(stream(model, chunks, chunk_frames=8))))
"""


def test_an_exported_model_streams_where_this_package_is_not(tmp_path):
    module = make_module("vocos")
    saved_model.write_saved_model(module, {}, tmp_path / "vocos" / "1")
    mel = noise(70)
    np.save(tmp_path / "mel.npy", mel)
    words = [sys.executable, "-c", CLIENT, streaming.__file__, str(tmp_path / "vocos" / "1")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    audio = np.load(tmp_path / "audio.npy")
    np.testing.assert_allclose(audio, whole(module, mel), rtol=0, atol=1e-5)
    # Servers restore variables and feed tensors by name, as a session does.
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(tmp_path / "vocos" / "1"))
        served = graph.signature_def["stream"]
        inputs = {"mel": mel[None, 9:], "context": mel[None, :9], "final": True}
        feed = {served.inputs[name].name: value for name, value in inputs.items()}
        audio = session.run(served.outputs["audio"].name, feed)[0]
    assert module.context_frames[1] >= 9  # so none of the context has been heard yet
    np.testing.assert_allclose(audio, whole(module, mel), rtol=0, atol=1e-5)
    signature = saved_model.read_metadata(tmp_path / "vocos" / "1")["signatures"]["stream"]
    assert list(signature["inputs"]) == ["mel", "context", "final"]
    assert list(signature["outputs"]) == ["audio", "context"]
