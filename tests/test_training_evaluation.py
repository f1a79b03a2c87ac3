"""Held-out evaluation during training: quality metrics and the choice of the best checkpoint."""

import contextlib
import json

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.data.segments import read_clip
from tf_gantts.data.store import open_store
from tf_gantts.errors import HparamsError
from tf_gantts.evaluation.listening.design import open_key
from tf_gantts.evaluation.listening.training_page import write_training_page
from tf_gantts.hparams import parse_hparams
from tf_gantts.training import checkpoint as checkpoints
from tf_gantts.training.evaluation import HeldOutClips
from tf_gantts.training.loop import Trainer

RECIPE = {
    "generator_optimizer_params": {"lr": 1e-3},
    "discriminator_optimizer_params": {"lr": 1e-3},
    "eval_metrics": ["stoi", "log_mel"],
    "num_save_intermediate_results": 0,
}


class _Playback:
    """Stands for a system: whatever the mel, it plays one recording, with noise of a level."""

    PHASES = ("generator", "adversarial")

    def __init__(self, store, noise, **values):
        self.hparams = parse_hparams(RECIPE | values, "test")
        self.mel_spec = store.spec
        audio = read_clip(store, store.splits["valid"][0])[1].reshape(1, -1, 1)
        self._audio = audio + noise * np.random.default_rng(0).standard_normal(audio.shape)

    def synthesize(self, mel):
        frames = tf.shape(mel)[1]
        return tf.constant(self._audio, tf.float32)[:, : frames * self.mel_spec.hop_size]

    def evaluation_step(self, batch, phase):
        return {"mel_loss": tf.reduce_mean(batch["mel"]) * 0}

    @contextlib.contextmanager
    def synthesis_weights(self):
        yield


@pytest.fixture
def store(small_store):
    with contextlib.closing(open_store(small_store, "test")) as opened:
        yield opened


def _evaluate(store, noise):
    system = _Playback(store, noise)
    return HeldOutClips(system, store, tf.distribute.get_strategy()).evaluate("generator")


def test_quality_of_perfect_and_of_noisy_synthesis(store):
    perfect, noisy = _evaluate(store, 0.0), _evaluate(store, 0.05)
    assert perfect["eval/mel_loss"] == 0
    assert perfect["eval/stoi"] == pytest.approx(1.0, abs=1e-4)
    assert perfect["eval/log_mel_l1"] == pytest.approx(0.0, abs=1e-4)
    assert noisy["eval/stoi"] < 0.97
    assert noisy["eval/log_mel_l1"] > 3


def test_metrics_are_off_by_default_and_unknown_ones_are_refused(store):
    strategy = tf.distribute.get_strategy()
    silent = HeldOutClips(_Playback(store, 0.0, eval_metrics=[]), store, strategy)
    assert set(silent.evaluate("generator")) == {"eval/mel_loss"}
    with pytest.raises(HparamsError, match=r"'mos' is unknown; there are .*pesq"):
        HeldOutClips(_Playback(store, 0.0, eval_metrics=["mos"]), store, strategy)


@pytest.mark.parametrize(
    ("metric", "values", "best"),
    [
        ("eval/stoi", [0.7, 0.9, 0.8], 2),
        ("eval/log_mel_l1", [3.0, 1.0, 2.0], 2),
        ("eval/mel_loss", [0.1, float("nan"), 0.2], 1),
    ],
)
def test_the_best_checkpoint_follows_the_metrics_direction(
    store, tmp_path, monkeypatch, metric, values, best
):
    class Scripted:
        def evaluate(self, phase):
            return {metric: values[trainer.step - 1]}

        def save_samples(self, *arguments):
            pass

    class Silent:
        def scalars(self, values, step):
            pass

    marked = []
    monkeypatch.setattr(checkpoints, "mark_best", lambda run, step, *rest: marked.append(step))
    monkeypatch.setattr(Trainer, "_save", lambda self: None)
    system = _Playback(store, 0.0, best_metric=metric)
    trainer = Trainer(
        system, None, Scripted(), tmp_path, tf.distribute.get_strategy(), Silent(), chief=True
    )
    for step in (1, 2, 3):
        trainer.step = step
        trainer._evaluate("adversarial")
    assert marked[-1] == best


class _NoLoggers:
    def audio(self, *arguments):
        pass

    def image(self, *arguments):
        pass


def test_a_listening_page_compares_the_steps(store, tmp_path):
    values = {
        "num_save_intermediate_results": 1,
        "eval_interval_steps": 5,
        "listening_page_interval_steps": 10,
    }
    page = tmp_path / "samples" / "listening.html"
    for step in range(5, 45, 5):
        # Step 5 is silent and left out; the later, the less noise.
        system = _Playback(store, 0.2 / step, **values)
        if step == 5:
            system._audio *= 0.0
        held_out = HeldOutClips(system, store, tf.distribute.get_strategy())
        held_out.save_samples(tmp_path, step, _NoLoggers())
        assert page.is_file() == (step >= 10)
    data = page.read_text().partition('id="test">')[2].partition("</script>")[0]
    key = open_key(json.loads(data)["key"])
    heard = [name for name in key.systems if name.startswith("step")]
    assert heard == [f"step {step}" for step in (10, 15, 20, 30, 35, 40)]
    assert key.mode == "mushra" and key.reference == "natural" and len(key.anchors) == 1
    with pytest.raises(HparamsError, match="multiple of eval_interval_steps 1000"):
        parse_hparams(RECIPE | {"listening_page_interval_steps": 1500}, "test")


def test_training_goes_on_without_a_page(tmp_path, caplog):
    assert write_training_page(tmp_path, {"a": np.ones(100, np.float32)}, 22050) is None
    assert "no listening page" in caplog.text
