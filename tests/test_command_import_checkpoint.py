"""Public checkpoints become runs that synthesise, export and fine-tune; bad ones leave nothing."""

import importlib.util
import json
import pickle
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf
import yaml
from safetensors.numpy import save_file
from tiny_run import STATISTICS, noise_mel

from tf_gantts import command, export, import_checkpoint, networks, porting, synthesize
from tf_gantts.audio.mel_spec import PROFILES
from tf_gantts.hparams import load_hparams
from tf_gantts.import_checkpoint import Request, resolve_hparams
from tf_gantts.porting.configuration import read_configuration
from tf_gantts.systems import load_system

ROOT = Path(__file__).resolve().parent.parent
MELGAN = "parallel_wavegan_melgan"
RECIPE = {
    "sampling_rate": 22050,
    "generator_params": {"channels": 16, "stacks": 1},
    "discriminator_params": {"channels": 2, "max_downsample_channels": 4, "scales": 1},
}
VERSIONS = {
    "v1": {},
    "v2": {"upsample_initial_channel": 128},
    "v3": {
        "resblock": "2",
        "upsample_rates": [8, 8, 4],
        "upsample_kernel_sizes": [16, 16, 8],
        "upsample_initial_channel": 256,
        "resblock_kernel_sizes": [3, 5, 7],
        "resblock_dilation_sizes": [[1, 2], [2, 6], [3, 12]],
    },
}


def call(*arguments):
    return command.run(import_checkpoint.main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def tool():
    """tools/check_import.py as a module."""
    spec = importlib.util.spec_from_file_location("check_import", ROOT / "tools/check_import.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def melgan(tmp_path_factory):
    """A small generator's and discriminator's files, configuration and statistics."""
    folder = tmp_path_factory.mktemp("public")
    for kind, source in (("generator", MELGAN), ("discriminator", f"{MELGAN}_discriminator")):
        network = networks.build(porting.SOURCES[source].network, RECIPE[f"{kind}_params"])
        save_file(porting.to_state_dict(network, source), folder / f"{kind}.safetensors")
    (folder / "config.yml").write_text(yaml.safe_dump(RECIPE))
    with h5py.File(folder / "stats.h5", "w") as file:
        file["mean"], file["scale"] = STATISTICS.mean, STATISTICS.scale
    return folder


def arguments_of(melgan, out, **changes):
    values = {
        "source": MELGAN,
        "checkpoint": melgan / "generator.safetensors",
        "config": melgan / "config.yml",
        "statistics": melgan / "stats.h5",
        "run": out,
    } | changes
    return [word for key, value in values.items() if value for word in (f"--{key}", value)]


@pytest.mark.parametrize("kind", ["safetensors", "torch"])
def test_every_source_gives_the_reference_output_after_its_import(shared, tool, kind):
    if kind == "torch":
        pytest.importorskip("torch", reason="the torch extra is not installed")
    rows = list(tool.rows(shared / "reference", kind))
    assert not [str(row) for row in rows if row.failed]
    assert all(row.error < 1e-4 for row in rows)
    spoken = {row.tensor for row in rows if row.file == "tacotron2"}
    assert {"mel_postnet", "alignments", "inf_text/mel_postnet", "inf_text2/gate"} <= spoken
    waves = {(row.file, row.case) for row in rows if row.tensor.startswith("wav")}
    assert waves == {
        ("hifigan_v1", "gen_v1"),
        ("hifigan_v1", "gen_v3"),
        *(("pwg_melgan", case) for case in ("gen", "odd", "mb", "causal")),
        ("speechbrain_hifigan", "model"),
        ("vocos", "center"),
        ("vocos", "same"),
    }


def test_the_full_size_generator_and_discriminators_of_hifigan(shared, tmp_path, capsys):
    table = json.loads((shared / "reference" / "full_size_state_dict_shapes.json").read_text())

    def tensors(name, prefix=""):
        shapes = enumerate(table[name].items(), start=1)
        return {prefix + key: np.full(shape, 1 / n, np.float32) for n, (key, shape) in shapes}

    generator = tensors("hifigan_v1_generator")
    both = tensors("hifigan_mpd", "mpd.") | tensors("hifigan_msd", "msd.")
    save_file(generator, tmp_path / "g_02500000.safetensors")
    save_file(both, tmp_path / "do_02500000.safetensors")
    run = tmp_path / "run"
    files = ("--checkpoint", tmp_path / "g_02500000.safetensors")
    files += ("--discriminator", tmp_path / "do_02500000.safetensors")
    assert call("--source", "hifigan", *files, "--run", run) == 0
    printed = capsys.readouterr().out
    assert "HiFiGANGenerator of 13,926,017 parameters" in printed
    assert f"of {41_092_165 + 29_610_627:,} parameters" in printed
    assert "234 of 234 used" in printed
    assert "hifigan g_02500000.safetensors, 2,500,000 steps" in printed
    assert "80 mels 0-8000 Hz (ln), hop 256 at 22050 Hz" in printed
    system, checkpoint = load_system(run)
    assert load_hparams(run / "hparams.yaml") == load_hparams(ROOT / "hparams" / "hifigan_v1.yaml")
    assert checkpoint.meta.step == 0 and checkpoint.meta.statistics is None
    for key, value in porting.to_state_dict(system.generator, "hifigan").items():
        np.testing.assert_array_equal(value, generator[key], err_msg=key)
    stored = checkpoint.arrays(["discriminator"]).values()
    assert sorted(value.flat[0] for value in stored) == sorted(v.flat[0] for v in both.values())
    assert sum(value.size for value in stored) == sum(value.size for value in both.values())


def test_the_full_size_tacotron2_of_nvidia(shared, tmp_path, capsys):
    table = json.loads((shared / "reference" / "full_size_state_dict_shapes.json").read_text())
    shapes = enumerate(table["nvidia_tacotron2"].items(), start=1)
    weights = {key: np.full(shape, 1 / n, np.float32) for n, (key, shape) in shapes}
    nested = {f"state_dict.{key}": value for key, value in weights.items()}
    save_file(nested, tmp_path / "tacotron2_statedict.safetensors")
    run = tmp_path / "run"
    words = ("--source", "tacotron2_nvidia", "--run", run)
    words += ("--checkpoint", tmp_path / "tacotron2_statedict.safetensors")
    assert call(*words) == 0
    printed = capsys.readouterr().out
    assert "Tacotron2 of 28,193,153 parameters" in printed
    assert "76 of 84 used, 8 are no weights" in printed
    assert f"tools/extract_mels.py --acoustic {run}" in printed and "discriminator" not in printed
    system, checkpoint = load_system(run)
    hparams = checkpoint.hparams
    assert (hparams.front_end, system.mel_spec) == ("nvidia", PROFILES["tacotron2_nvidia"])
    assert not hparams.model_params["mask_convolutions"]
    assert hparams.scheduler_params.decay_steps is None and hparams.optimizer_params.lr == 1e-3
    for key, value in porting.to_state_dict(system.network, "tacotron2_nvidia").items():
        if not key.endswith("num_batches_tracked"):
            np.testing.assert_array_equal(value, weights[key], err_msg=key)
    (tmp_path / "hparams.json").write_text(json.dumps({"text_cleaners": ["basic_cleaners"]}))
    assert call(*words[:2], *words[4:], "--run", run / "2", "--config", tmp_path / "hparams.json")
    assert "only ['english_cleaners'] can be imported" in capsys.readouterr().err
    with pytest.raises(porting.PortingError, match="no discriminator of this source"):
        porting.find_discriminators(nested, "tacotron2_nvidia")


def test_an_imported_run_synthesises_and_exports(melgan, small_store, tmp_path, capsys):
    run = tmp_path / "run"
    given = arguments_of(melgan, run, discriminator=melgan / "discriminator.safetensors")
    assert call(*given) == 0
    printed = capsys.readouterr().out
    assert "z-scored with the statistics" in printed
    assert f"tools/preprocess.py --hparams {run}/hparams.yaml" in printed
    assert f"--init-from {run}" in printed and "discriminator_train_start_steps=0" in printed
    system, checkpoint = load_system(run)
    assert checkpoint.meta.statistics == STATISTICS
    words = ("--run", run, "--features", small_store, "--split", "test", "--out", tmp_path / "wav")
    assert command.run(synthesize.main, [str(word) for word in words]) == 0
    assert len(list((tmp_path / "wav").glob("*.wav"))) == 1
    words = ("--run", run, "--out", tmp_path / "1", "--licence", "MIT")
    assert command.run(export.main, [str(word) for word in words]) == 0
    mel = noise_mel(system.mel_spec, 1, 8)
    expected = system.synthesize(tf.constant(mel)).numpy()[..., 0]
    served = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    np.testing.assert_allclose(served(mel=tf.constant(mel))["audio"], expected, rtol=0, atol=1e-5)


def test_a_checkpoint_with_everything_inside_needs_one_file(melgan, tmp_path, capsys):
    from safetensors.numpy import load_file

    parts = {
        kind: load_file(melgan / f"{kind}.safetensors") for kind in ("generator", "discriminator")
    }
    flat = {f"model.{kind}.{key}": v for kind, part in parts.items() for key, v in part.items()}
    statistics = {"mean": STATISTICS.mean, "scale": STATISTICS.scale}
    flat |= {f"model.generator.{key}": value for key, value in statistics.items()}
    np.savez(tmp_path / "checkpoint-400000steps.npz", **flat)
    given = arguments_of(
        melgan,
        tmp_path / "run",
        checkpoint=tmp_path / "checkpoint-400000steps.npz",
        statistics=None,
    )
    assert call(*given) == 0
    printed = capsys.readouterr().out
    assert "2 are no weights" in printed and "MelGANMultiScaleDiscriminator" in printed
    _, checkpoint = load_system(tmp_path / "run")
    assert checkpoint.meta.statistics == STATISTICS and checkpoint.has("discriminator")
    assert checkpoint.meta.origin.endswith("400,000 steps")


def _damage(melgan, folder):
    """Checkpoints that must be refused, with a part of the message."""
    good = dict(np.load(_npz(melgan, folder / "good.npz")))
    first = next(iter(good))
    extra = good | {"melgan.99.weight": np.zeros(3, np.float32)}
    missing = {key: value for key, value in good.items() if key != first}
    broken = good | {first: np.full_like(good[first], np.nan)}
    for name, arrays in (("extra", extra), ("missing", missing), ("broken", broken)):
        np.savez(folder / f"{name}.npz", **arrays)
    (folder / "half.npz").write_bytes((folder / "good.npz").read_bytes()[:999])
    return {
        "extra.npz": "1 keys that nothing here uses: melgan.99.weight",
        "missing.npz": f"1 keys that are missing: {first}",
        "broken.npz": f"{first} holds values that are not finite",
        "half.npz": "cannot be read as .npz",
        "absent.npz": "no such checkpoint file",
    }


def _npz(melgan, path):
    from safetensors.numpy import load_file

    np.savez(path, **load_file(melgan / "generator.safetensors"))
    return path


def test_what_does_not_fit_is_refused_in_one_line_and_leaves_nothing(melgan, tmp_path, capsys):
    wrong = {"generator_params": {"channels": 32, "stacks": 1}}
    (tmp_path / "wrong.yml").write_text(yaml.safe_dump(RECIPE | wrong))
    (tmp_path / "torn.json").write_text('{"a": ')
    np.save(tmp_path / "stats40.npy", np.ones((2, 40), np.float32))
    np.save(tmp_path / "stats1.npy", np.ones(80, np.float32))
    cases = [
        ({"checkpoint": tmp_path / name}, message)
        for name, message in _damage(melgan, tmp_path).items()
    ]
    cases += [
        ({"source": "hifigan", "config": None, "statistics": None}, "nothing here uses: melgan."),
        ({"source": "vocos", "config": None, "statistics": None}, "backbone.embed"),
        ({"config": tmp_path / "wrong.yml"}, "shapes that differ: melgan.1.weight_v"),
        ({"config": tmp_path / "torn.json"}, "torn.json: cannot be read"),
        ({"config": tmp_path / "none.json"}, "no such configuration file"),
        ({"statistics": None}, "give --statistics stats.h5"),
        ({"statistics": tmp_path / "stats40.npy"}, "statistics of 40 mel bands, num_mels is 80"),
        ({"statistics": tmp_path / "stats1.npy"}, "no statistics"),
        ({"source": "hifigan", "config": None}, "not z-scored"),
        ({"discriminator": melgan / "generator.safetensors"}, "nothing here uses: melgan.1"),
        ({"set": "mel_profile=mel"}, "mel_profile 'mel'"),
        ({"run": melgan}, "is not empty; choose another --run"),
    ]
    before = sorted(path.name for path in tmp_path.iterdir())
    for changes, message in cases:
        assert call(*arguments_of(melgan, tmp_path / "run", **changes)) == 2
        said = capsys.readouterr().err.splitlines()
        assert [line.startswith("error: ") for line in said] == [True], said
        assert message in said[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == before


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("name", ["checkpoint-1steps.pkl", "g_02500000"])
def test_a_hostile_pickle_runs_nothing(melgan, tmp_path, capsys, name, monkeypatch):
    (tmp_path / name).write_bytes(pickle.dumps({"generator": Bomb(tmp_path / "written")}))
    given = arguments_of(melgan, tmp_path / "run", checkpoint=tmp_path / name)
    if importlib.util.find_spec("torch") is not None:
        assert call(*given) == 2
        assert "PyTorch's weights-only loader refuses it" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    assert call(*given) == 2
    assert 'pip install "tf_gantts[torch]"' in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("version", VERSIONS)
def test_hifigans_configurations_give_our_recipes(version, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"learning_rate": 2e-4, "lr_decay": 0.999} | VERSIONS[version]))
    found = resolve_hparams(Request("hifigan", tmp_path, tmp_path, config=config))
    assert found == load_hparams(ROOT / "hparams" / f"hifigan_{version}.yaml")


def test_the_features_and_losses_follow_the_configuration(tmp_path):
    def resolved(source, config):
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(config) if isinstance(config, dict) else config)
        return resolve_hparams(Request(source, tmp_path, tmp_path, config=path))

    universal = resolved("hifigan", {"fmin": 20, "fmax": None, "sampling_rate": 24000})
    assert (universal.mel_spec.fmin, universal.mel_spec.fmax) == (20, 12000)
    assert universal.mel_spec.padding == "same"

    libritts = resolved(
        "hifigan_speechbrain",
        "sample_rate: 16000\nnum: !ref <sample_rate>\nmel_fmax: 7600\n"
        "generator: !new:speechbrain.lobes.models.HifiGAN.HifiganGenerator\n"
        "  resblock_type: !ref <kind>\nkind: '2'\nupsample_factors: [9]\n"
        "lists: !!python/tuple [1]\n",
    )
    assert libritts.sampling_rate == 16000 and libritts.mel_spec.fmax == 7600
    assert libritts.generator_params["use_additional_convs"] is False
    assert libritts.generator_params["upsample_scales"] == [8, 8, 2, 2]  # the generator's own
    assert libritts.generator_params["pad"] == "ReflectionPad1d"

    recipe = RECIPE | {"fmin": None, "fmax": None, "batch_max_steps": 8196, "format": "npy"}
    params = {"lr": 1e-4, "eps": 1e-6, "amsgrad": False}
    found = resolved(MELGAN, recipe | {"generator_optimizer_params": params, "rank": 0})
    assert (found.mel_spec.fmin, found.mel_spec.fmax) == (0, 11025)
    assert found.batch_max_steps == 8192 and found.generator_optimizer_params.lr == 1e-4

    extractor = {"class_path": "vocos.feature_extractors.MelSpectrogramFeatures"}
    extractor["init_args"] = {"sample_rate": 44100, "padding": "same"}
    training = {"feature_extractor": extractor, "backbone": {}, "head": {}, "mel_loss_coeff": 30}
    vocos = resolved("vocos", {"model": {"init_args": training}})
    assert vocos.lambda_mel == 30 and vocos.mel_spec.padding == "same"
    assert (vocos.mel_spec.mel_scale, vocos.mel_spec.fmax) == ("htk", 22050)
    extractor["init_args"]["hop_length"] = 441
    assert resolved("vocos", {"model": {"init_args": training}}).batch_max_steps == 37 * 441


@pytest.mark.parametrize(
    ("source", "config", "message"),
    [
        ("vocos", {"feature_extractor": {"class_path": "a.EncodecFeatures"}}, "EncodecFeatures"),
        ("hifigan_speechbrain", {"power": 2}, "power is 2"),
        (MELGAN, {"generator_type": "ParallelWaveGANGenerator"}, "ParallelWaveGANGenerator"),
    ],
)
def test_a_configuration_of_something_else_is_refused(source, config, message, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    with pytest.raises(porting.PortingError, match=message):
        resolve_hparams(Request(source, tmp_path, tmp_path, config=path))


def test_no_tag_of_a_configuration_is_obeyed(tmp_path):
    path = tmp_path / "hyperparams.yaml"
    path.write_text(f"a: !!python/object/apply:builtins.open [{tmp_path}/written, w]\n")
    assert read_configuration(path) == {"a": [f"{tmp_path}/written", "w"]}
    assert not (tmp_path / "written").exists()


def test_vocos_filterbank_must_be_that_of_the_features(shared, tmp_path, capsys):
    from tf_gantts.porting.parity import Fixture

    fixture = Fixture(shared / "reference" / "vocos.npz")
    entry = fixture.config["cases"]["same"]
    config = {"backbone": entry["bb"], "head": entry["hd"]}
    config["feature_extractor"] = {"init_args": entry["fe"] | {"sample_rate": 24000}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    np.savez(tmp_path / "model.npz", **fixture.under("same/sd"))
    files = ("--checkpoint", tmp_path / "model.npz", "--config", tmp_path / "config.yaml")
    assert call("--source", "vocos", *files, "--run", tmp_path / "run") == 2
    assert "the mel filterbank in the checkpoint, (257, 40), is not" in capsys.readouterr().err
