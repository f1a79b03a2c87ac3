import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, unknown_fields
from tensorflow.core.framework import tensor_pb2
from tiny_run import make_run

from tf_gantts.serving import saved_model, warm_up

_BYTES, _STRING, _MESSAGE, _REPEATED = 12, 9, 11, 3
# Names and numbers as in tensorflow_serving/apis/{prediction_log,predict,model}.proto; a tensor is
# left as bytes.
_SCHEMA = {
    "ModelSpec": [("name", 1, _STRING, ""), ("signature_name", 3, _STRING, "")],
    "Entry": [("key", 1, _STRING, ""), ("value", 2, _BYTES, "")],
    "PredictRequest": [("model_spec", 1, _MESSAGE, "ModelSpec"), ("inputs", 2, _MESSAGE, "Entry")],
    "PredictLog": [("request", 1, _MESSAGE, "PredictRequest")],
    "PredictionLog": [("predict_log", 6, _MESSAGE, "PredictLog")],
}


@pytest.fixture(scope="module")
def prediction_log():
    """The message class, made by protobuf itself from the published schema."""
    file = descriptor_pb2.FileDescriptorProto(name="p.proto", package="p", syntax="proto3")
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for field, number, kind, type_name in fields:
            label = _REPEATED if field == "inputs" else 1
            added = message.field.add(name=field, number=number, type=kind, label=label)
            if type_name:
                added.type_name = f".p.{type_name}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("p.PredictionLog"))


def _unknown(message):
    yield from unknown_fields.UnknownFieldSet(message)
    for _, value in message.ListFields():
        for part in value if hasattr(value, "add") else [value]:
            if hasattr(part, "ListFields"):
                yield from _unknown(part)


@pytest.mark.parametrize("size", [1, 40, 5000])  # lengths of one, two and three bytes
def test_protobuf_reads_a_request_back(prediction_log, size):
    array = np.arange(size, dtype=np.float32)
    encoded = warm_up.encode_request("melgan", "serving_default", {"mel": array})
    message = prediction_log.FromString(encoded)
    request = message.predict_log.request
    assert request.model_spec.name == "melgan"
    assert request.model_spec.signature_name == "serving_default"
    (entry,) = request.inputs
    assert entry.key == "mel"
    tensor = tensor_pb2.TensorProto.FromString(entry.value)
    np.testing.assert_array_equal(tf.make_ndarray(tensor), array)
    assert list(_unknown(message)) == []
    assert message.SerializeToString(deterministic=True) == encoded


def test_the_messages_of_tensorflow_serving_read_a_request_back():
    reason = "tensorflow-serving-api is not installed; the test above checks the same bytes"
    log = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2", reason=reason)
    inputs = {"mel": np.ones((1, 3, 2), np.float32), "texts": np.array([b"a", b"b"])}
    encoded = warm_up.encode_request("melgan", "serving_default", inputs)
    request = log.PredictionLog.FromString(encoded).predict_log.request
    assert request.model_spec.signature_name == "serving_default"
    assert set(request.inputs) == set(inputs)
    for name, array in inputs.items():
        np.testing.assert_array_equal(tf.make_ndarray(request.inputs[name]), array)


def test_an_export_runs_its_own_warm_up_requests(prediction_log, tmp_path):
    out = tmp_path / "melgan" / "1"
    module = make_run(tmp_path / "run").serving_module()
    saved_model.write_saved_model(module, {}, out)
    signatures = tf.saved_model.load(str(out)).signatures
    records = tf.data.TFRecordDataset(str(out / "assets.extra" / "tf_serving_warmup_requests"))
    shapes = []
    for record in records.as_numpy_iterator():
        request = prediction_log.FromString(record).predict_log.request
        assert request.model_spec.name == "melgan"
        tensors = {
            entry.key: tf.constant(tf.make_ndarray(tensor_pb2.TensorProto.FromString(entry.value)))
            for entry in request.inputs
        }
        audio = signatures[request.model_spec.signature_name](**tensors)["audio"]
        assert np.isfinite(audio.numpy()).all()
        shapes.append(tensors["mel"].shape)
    assert [shape[0] for shape in shapes] == [1, 4, 1, 1]  # the last two stream
