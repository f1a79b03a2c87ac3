"""The parity check passes on the reference's fixtures, and fails when anything is off."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from tf_gantts import networks, porting
from tf_gantts.errors import PortingError
from tf_gantts.porting.parity import Fixture, check_file, fixture_files

TOOL = Path(__file__).resolve().parent.parent / "tools" / "check_parity.py"


@pytest.mark.parametrize("name", ["pwg_melgan", "pwg_losses"])
def test_every_output_of_the_reference_is_compared_and_equal(shared, name):
    path = shared / "reference" / f"{name}.npz"
    rows = list(check_file(path))
    failures = [str(row) for row in rows if row.failed]
    assert not failures, "\n".join(failures)
    fixture = Fixture(path)
    expected = {(case, tensor) for case in fixture.cases for tensor in fixture.outputs(case)}
    compared = {(row.case, row.tensor) for row in rows}
    weights = {(c, t) for c, t in expected if t.startswith(("newG/", "newD/"))}  # in one row
    assert expected - weights <= compared


def test_systems_that_have_not_landed_are_not_covered_but_do_not_fail(shared):
    rows = [row for name in ("ecapa_tdnn", "gpt2") for row in check_file(_file(shared, name))]
    assert {row.case for row in rows} == {"fbank", "model"}
    assert all(row.status == "not covered" and not row.failed for row in rows)


def test_texts_are_compared_and_a_wrong_id_is_found(shared, tmp_path):
    pytest.importorskip("unidecode", reason="Unidecode is not installed")
    path = shared / "reference" / "tacotron2_text.json"
    rows = list(check_file(path))
    assert {row.status for row in rows} == {"ok"}
    assert {row.case for row in rows} == {"english", "basic", "transliteration"}
    reference = json.loads(path.read_text(encoding="utf-8"))
    reference["sentences"][2]["ids"]["basic_cleaners"][0] += 1
    (tmp_path / "tacotron2_text.json").write_text(json.dumps(reference), encoding="utf-8")
    failed = [row for row in check_file(tmp_path / "tacotron2_text.json") if row.failed]
    assert {(row.case, row.tensor, row.error) for row in failed} == {
        ("basic", "ids", 1),
        ("basic", "ids (in the graph)", 1),
    }
    with pytest.raises(PortingError, match="not a fixture of texts"):
        (tmp_path / "other_text.json").write_text("[]", encoding="utf-8")
        list(check_file(tmp_path / "other_text.json"))


def _file(shared, name):
    return shared / "reference" / f"{name}.npz"


def _case(shared, case, changes):
    """The tensors of one `pwg_melgan` case with some of them replaced."""
    with np.load(_file(shared, "pwg_melgan")) as archive:
        config = json.loads(str(archive["config_json"]))
        tensors = {k: archive[k] for k in archive.files if k.startswith(f"{case}/")}
    config["cases"] = {case: config["cases"][case]}
    return {**tensors, **changes(tensors)}, config


def _write(path, tensors, config):
    np.savez(path, **tensors, config_json=np.array(json.dumps(config)))
    return path


@pytest.mark.parametrize(
    ("case", "key", "wrong"),
    [
        ("odd", "odd/out/wav", "wav"),
        ("odd", "odd/sd/melgan.3.weight_g", "inference"),
        ("odd", "odd/in/mel", "wav"),
        ("disc", "disc/out/d1_l4", "d1_l4"),
        ("disc", "disc/sd/discriminators.2.layers.6.bias", "d2_l6"),
    ],
)
def test_a_perturbed_tensor_fails(shared, tmp_path, case, key, wrong):
    def perturb(tensors):
        changed = tensors[key].copy()
        changed.flat[0] += 0.05
        return {key: changed}

    rows = list(check_file(_write(tmp_path / "pwg_melgan.npz", *_case(shared, case, perturb))))
    assert wrong in {row.tensor for row in rows if row.failed}
    untouched = _case(shared, case, lambda tensors: {})
    assert not any(
        row.failed for row in check_file(_write(tmp_path / "pwg_melgan.npz", *untouched))
    )


def test_an_output_or_case_that_nothing_compares_fails(shared, tmp_path):
    extra = {"odd/out/attention": np.zeros(3, np.float32), "new/out/wav": np.zeros(3, np.float32)}
    tensors, config = _case(shared, "odd", lambda tensors: extra)
    rows = list(check_file(_write(tmp_path / "pwg_melgan.npz", tensors, config)))
    failed = {(row.case, row.tensor, row.status) for row in rows if row.failed}
    assert failed == {("odd", "attention", "not covered"), ("new", "wav", "not covered")}
    shape = {"odd/out/wav": tensors["odd/out/wav"][..., :-1]}
    tensors, config = _case(shared, "odd", lambda tensors: shape)
    rows = check_file(_write(tmp_path / "pwg_melgan.npz", tensors, config))
    assert any("wav" in row.tensor and row.failed for row in rows)


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("adv/out/fm_avgL0_avgD1_final1", "fm_avgL0_avgD1_final1"),
        ("stft/out/grad_x", "grad_x"),
        ("step/out/gradD/discriminators.1.layers.2.0.weight_g", None),
        ("step/out/newG/melgan.4.stack.2.weight_v", "newG/*, all elements"),
        ("pqmf/out/synthesis", "synthesis"),
    ],
)
def test_a_perturbed_loss_fails(shared, tmp_path, key, wrong):
    with np.load(_file(shared, "pwg_losses")) as archive:
        tensors = {k: archive[k] for k in archive.files if k.split("/")[0] == key.split("/")[0]}
        config = json.loads(str(archive["config_json"]))
    changed = np.array(tensors[key])
    changed.flat[0] += 0.01 * (1 + abs(changed.flat[0]))
    rows = check_file(_write(tmp_path / "pwg_losses.npz", tensors | {key: changed}, config))
    failed = {row.tensor for row in rows if row.failed}
    assert (wrong or key.removeprefix("step/out/")) in failed


def test_other_shapes_and_options_are_read_from_the_fixture(tmp_path):
    """A fixture of our own making, with options that the reference's cases do not have."""
    params = {
        "in_channels": 7,
        "channels": 12,
        "upsample_scales": [3, 2],
        "stacks": 1,
        "out_channels": 2,
        "bias": False,
        "use_weight_norm": False,
        "nonlinear_activation": "ReLU",
        "nonlinear_activation_params": {},
        "use_final_nonlinear_activation": False,
    }
    network = networks.build("MelGANGenerator", params)
    mel = np.random.default_rng(0).standard_normal((3, 7, 11)).astype(np.float32)
    state_dict = porting.to_state_dict(network, "parallel_wavegan_melgan")
    subbands = network(mel.swapaxes(1, 2)).numpy().swapaxes(1, 2)
    tensors = {f"x/sd/{key}": value for key, value in state_dict.items()}
    tensors |= {"x/in/mel": mel, "x/out/subbands": subbands}
    config = {"cases": {"x": {"class": "MelGANGenerator", "params": params, "kind": "mb"}}}
    rows = list(check_file(_write(tmp_path / "pwg_melgan_other.npz", tensors, config)))
    assert [row.tensor for row in rows if row.status == "ok"] == [
        "state dict there and back",
        "subbands",
        "weight norm removed",
    ]
    assert not any(row.failed for row in rows)


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("check_parity", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command_exits_1_on_a_failure_and_prints_a_line_each(shared, tmp_path, tool, capsys):
    tensors, config = _case(shared, "odd", lambda tensors: {})
    _write(tmp_path / "pwg_melgan.npz", tensors, config)
    assert tool.main(["--fixtures", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "4 ok"
    assert lines[1].split()[:3] == ["pwg_melgan", "odd", "wav"] and lines[1].endswith("ok")
    tensors["odd/out/wav"] = tensors["odd/out/wav"] + 0.01
    _write(tmp_path / "pwg_melgan.npz", tensors, config)
    assert tool.main(["--fixtures", str(tmp_path), "--only", "pwg_melgan"]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_a_folder_without_fixtures_is_refused(tmp_path):
    with pytest.raises(PortingError, match="no fixture"):
        fixture_files(tmp_path)
    np.savez(tmp_path / "pwg_melgan.npz", a=np.zeros(2))
    with pytest.raises(PortingError, match="no config_json"):
        list(check_file(tmp_path / "pwg_melgan.npz"))
