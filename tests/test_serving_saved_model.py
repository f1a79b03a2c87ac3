import json
import os

import numpy as np
import pytest
import tensorflow as tf
from child_process import in_child
from tiny_run import STATISTICS, make_run, noise_mel

from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.errors import ExportError
from tf_gantts.serving import saved_model
from tf_gantts.serving.signatures import ServingModule

SPEC = PROFILES["parallel_wavegan"]
SHAPES = [(1, 1), (1, 4), (2, 33), (5, 10)]


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"), mel_projections=1)


@pytest.fixture(scope="module")
def exported(system, tmp_path_factory):
    out = tmp_path_factory.mktemp("exports") / "melgan" / "1"
    saved_model.write_saved_model(system.serving_module(), {"step": 7}, out)
    return out


def test_a_process_with_only_tensorflow_gives_the_same_audio(system, exported, tmp_path):
    mels = {f"mel{i}": noise_mel(SPEC, *shape, seed=i) for i, shape in enumerate(SHAPES)}
    np.savez(tmp_path / "mels.npz", **mels)
    in_child(
        """
        import numpy as np
        import tensorflow as tf

        serve = tf.saved_model.load(sys.argv[2]).signatures["serving_default"]
        mels = np.load("mels.npz")
        audio = {name: serve(mel=tf.constant(mels[name]))["audio"].numpy() for name in mels}
        np.savez("audio.npz", **audio)
        assert not any(name.startswith("keras.") for name in sys.modules)
        """,
        tmp_path,
        exported,
    )
    results = np.load(tmp_path / "audio.npz")
    for name, mel in mels.items():
        if mel.shape[1] < 4:  # the system's own network cannot take it
            padding = ((0, 0), (0, 4 - mel.shape[1]), (0, 0))
            padded = np.pad(mel, padding, constant_values=SPEC.silence)
        else:
            padded = mel
        expected = system.synthesize(tf.constant(padded)).numpy()[:, : mel.shape[1] * 256, 0]
        assert results[name].shape == (mel.shape[0], mel.shape[1] * 256)
        np.testing.assert_allclose(results[name], expected, rtol=0, atol=1e-5)


def test_the_session_loader_of_servers_gives_the_same_audio(system, exported):
    # TensorFlow Serving's C++ loader restores variables and feeds tensors by name, as this does.
    mel = noise_mel(SPEC, 2, 20)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(exported))
        signature = graph.signature_def["serving_default"]
        assert signature.method_name == "tensorflow/serving/predict"
        (source,) = signature.inputs.items()
        (result,) = signature.outputs.items()
        assert (source[0], result[0]) == ("mel", "audio")
        assert [d.size for d in source[1].tensor_shape.dim] == [-1, -1, 80]
        audio = session.run(result[1].name, {source[1].name: mel})
    expected = system.synthesize(tf.constant(mel)).numpy()[..., 0]
    np.testing.assert_allclose(audio, expected, rtol=0, atol=1e-5)


def test_every_operation_is_registered_by_core_tensorflow(exported, tmp_path):
    operations = {node.op for _, node in saved_model.operations(exported)}
    assert {"Conv2D", "Tanh", "ReadVariableOp"} <= operations  # the network is among them
    (tmp_path / "operations.json").write_text(json.dumps(sorted(operations)))
    answer = in_child(
        """
        import json
        import tensorflow as tf
        from tensorflow.python.framework import op_def_registry

        operations = json.load(open("operations.json"))
        print(json.dumps([name for name in operations if op_def_registry.get(name) is None]))
        """,
        tmp_path,
    )
    assert json.loads(answer) == []
    assert not {name for name in operations if "PyFunc" in name or name.startswith("Xla")}
    for function, node in saved_model.operations(exported):
        assert not node.attr["_XlaMustCompile"].b, (function, node.name)


class Doubling(ServingModule):
    """The smallest thing that can be exported; `extra` is applied to what it serves."""

    def __init__(self, extra=tf.identity):
        super().__init__()
        spec = tf.TensorSpec([None], name="x")
        self.double = tf.function(lambda x: {"y": extra(2 * x)}, [spec], autograph=False)

    def signatures(self):
        return {"serving_default": self.double}

    def examples(self):
        return [("serving_default", {"x": np.ones(3, np.float32)})]

    def describe(self):
        return {}


@pytest.mark.parametrize(
    ("extra", "name"),
    [
        (lambda x: tf.numpy_function(lambda v: v, [x], tf.float32), "PyFunc"),
        (lambda x: tf.function(lambda v: 2 * v, jit_compile=True)(x), "PartitionedCall"),
    ],
)
def test_graphs_that_a_server_cannot_run_are_refused(tmp_path, extra, name):
    with pytest.raises(ExportError, match=name):
        saved_model.write_saved_model(Doubling(extra), {}, tmp_path / "1")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_changes_on_the_way_is_refused(tmp_path):
    clock = Doubling(lambda x: x + tf.cast(tf.timestamp() % 1, tf.float32))
    with pytest.raises(ExportError, match="differs"):
        saved_model.write_saved_model(clock, {}, tmp_path / "1")
    assert list(tmp_path.iterdir()) == []


def test_the_metadata_say_what_a_client_needs(exported):
    metadata = saved_model.read_metadata(exported)
    assert metadata["step"] == 7
    assert metadata["mel_spec"] == SPEC.to_dict()
    assert metadata["mel_fingerprint"] == SPEC.fingerprint
    assert (metadata["sampling_rate"], metadata["hop_size"]) == (22050, 256)
    assert metadata["smallest_frames"] == 4
    loaded = tf.saved_model.load(str(exported))
    path = loaded.metadata.asset_path.numpy().decode()
    assert os.path.samefile(path, exported / "assets" / "metadata.json")


def test_no_path_of_this_machine_is_inside(exported):
    graph = (exported / "saved_model.pb").read_bytes()
    for path in (os.path.dirname(__file__), os.path.dirname(saved_model.__file__), "/tmp"):
        assert path.encode() not in graph
    assert not (exported / "debug").exists()


def test_statistics_are_inside(system, exported):
    # The signature takes raw mels: the mean mel must give what the bare network makes of zeros.
    mel = np.broadcast_to(STATISTICS.mean, (1, 10, 80)).astype(np.float32)
    serve = tf.saved_model.load(str(exported)).signatures["serving_default"]
    expected = system.projection(system.generator(tf.zeros((1, 10, 80))), mel).numpy()[..., 0]
    audio = serve(mel=tf.constant(mel))["audio"].numpy()
    np.testing.assert_allclose(audio, expected, rtol=0, atol=1e-4)


def test_an_older_model_is_replaced_only_when_told(tmp_path):
    out = tmp_path / "1"
    module = Doubling()
    saved_model.write_saved_model(module, {"step": 1}, out)
    with pytest.raises(ExportError, match="--force") as caught:
        saved_model.write_saved_model(module, {"step": 2}, out)
    assert str(tmp_path / "2") in str(caught.value)
    assert saved_model.read_metadata(out)["step"] == 1
    saved_model.write_saved_model(module, {"step": 2}, out, force=True)
    assert saved_model.read_metadata(out)["step"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_what_is_not_a_model_is_never_replaced(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "thesis.txt").write_text("three years")
    with pytest.raises(ExportError, match="not a SavedModel"):
        saved_model.write_saved_model(Doubling(), {}, tmp_path / "1", force=True)
    assert (tmp_path / "1" / "thesis.txt").read_text() == "three years"


def test_a_failed_write_leaves_the_older_model_and_nothing_else(tmp_path, monkeypatch):
    out = tmp_path / "1"
    module = Doubling()
    saved_model.write_saved_model(module, {"step": 1}, out)

    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(saved_model, "write_warm_up", full)
    with pytest.raises(ExportError, match="disk is full"):
        saved_model.write_saved_model(module, {"step": 2}, out, force=True)
    assert saved_model.read_metadata(out)["step"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
