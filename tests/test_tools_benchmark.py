import argparse
import json
import sys
from pathlib import Path

import pytest
import tiny_gan_tts
import tiny_speech
import yaml
from tiny_run import RECIPE

from tf_gantts.errors import GanTTSError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
import benchmark


def test_streaming_is_measured_and_equals_the_whole_clip(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    options = argparse.Namespace(hparams=path, set=[], runs=1)
    result = benchmark.stream_case(options)
    assert result["largest_difference"] <= 1e-5 < 0.01 < result["peak"]
    assert 0 < result["first_audio_wall_seconds"] < 10 * result["rtf_wall"]
    assert "16 frames" in benchmark.describe({"case": "stream"}, result)


READS_BERT = {"text_encoder": "bert", "utterance_dim": tiny_gan_tts.EMBEDDING}
ACOUSTIC = {
    "tacotron2": (tiny_speech.recipe(speakers=["A"]), ["teacher_forcing"]),
    "gan_tts": (
        tiny_gan_tts.recipe(generator_params=READS_BERT),
        ["reconstruction", "adversarial"],
    ),
}


@pytest.mark.parametrize("system", ACOUSTIC)
def test_an_acoustic_model_is_taught_and_speaks(tmp_path, system):
    recipe, phases = ACOUSTIC[system]
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(recipe))
    options = argparse.Namespace(
        hparams=path, set=[], runs=1, precision="float32", rows=2, phase=phases[-1]
    )
    result = benchmark.teach_case(options)
    assert result["traces"] == 1 and 0 < result["wall_seconds"] < result["first_step_seconds"]
    result = benchmark.speak_case(options)
    assert result["frames"] == 1200
    assert result["frames_per_second"] == pytest.approx(1200 / result["wall_seconds"])
    described = benchmark.describe({"case": "speak"}, result)
    assert "per s wall" in described and ("BERT" in described) == (system == "gan_tts")
    options = argparse.Namespace(
        hparams=path, set=[], precisions=["float32", "bfloat16"], threads=2, only=None
    )
    cases = [(row["case"], row.get("phase", row.get("rows"))) for row in benchmark.rows(options)]
    spoken = [("speak", 1), ("speak", 16)]
    assert cases[:-2] == 2 * ([("teach", phase) for phase in phases] + spoken)
    assert [case for case, _ in cases[-2:]] == ["preprocess", "preprocess"]


def test_programs_are_run_in_turn_and_give_their_median_round(tmp_path):
    program = """
import json, pathlib, sys
log = pathlib.Path(sys.argv[1])
log.write_text((log.read_text() if log.exists() else "") + sys.argv[2])
print("chatter")
print(json.dumps({"cpu_seconds": [5, 1, 3][len(log.read_text()) // 2 % 3]}))
"""
    log = str(tmp_path / "log")
    commands = {name: [sys.executable, "-c", program, log, name[0]] for name in ("ours", "torch")}
    results = benchmark._alternately(commands, rounds=3)
    assert Path(log).read_text() == "ototot"
    assert results == {"ours": {"cpu_seconds": 3}, "torch": {"cpu_seconds": 3}}
    with pytest.raises(GanTTSError, match="no such thing"):
        benchmark._alternately({"ours": [sys.executable, "-c", "exit('no such thing')"]}, 1)


def test_a_row_beside_pytorch_does_the_same_work(tmp_path, monkeypatch, capsys):
    asked = {}

    def alternately(commands, rounds):
        asked.update(commands=commands, rounds=rounds)
        timing = {"wall_seconds": 1.0, "traces": 1, "first_step_seconds": 1.0, "peak_rss_gib": 1.0}
        return {"ours": {"cpu_seconds": 1.0} | timing, "torch": {"cpu_seconds": 4.0}}

    monkeypatch.setattr(benchmark, "_alternately", alternately)
    words = ["--only", "train", "--phases", "adversarial", "--precisions", "float32"]
    words += ["--torch", "python-with-torch", "--set", "batch_size=2", "--threads", "1"]
    assert benchmark.main([*words, "--json", str(tmp_path / "rows.json")]) == 0
    program, script, *arguments = asked["commands"]["torch"]
    assert program == "python-with-torch" and script.endswith("benchmark_torch.py")
    row = json.loads(arguments[-1].removeprefix("--row="))
    assert row["phase"] == "lean" and row["threads"] == 1
    for argument in arguments[:-1]:
        assert argument in asked["commands"]["ours"]
    assert "--set=batch_size=2" in arguments
    assert "PyTorch 4.00 CPU-s, ratio 0.25" in capsys.readouterr().out
    (written,) = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert written["ratio"] == 0.25
