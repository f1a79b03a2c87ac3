"""Multi-band MelGAN: sub-bands, filterbank, and the system around them."""

import numpy as np
import pytest
import tensorflow as tf

from tf_gantts.errors import HparamsError
from tf_gantts.hparams import load_hparams, parse_hparams
from tf_gantts.layers.pqmf import PQMF
from tf_gantts.networks import MultiBandMelGANGenerator, count_parameters, fold_weight_norm
from tf_gantts.networks.melgan import MelGANGenerator
from tf_gantts.systems import build_system
from tf_gantts.systems.vocoder_gan import ADVERSARIAL

PARAMS = {"channels": 16, "out_channels": 4, "upsample_scales": [8, 4, 2], "stacks": 1}
RECIPE = {
    "generator_params": PARAMS,
    "discriminator_params": {"channels": 2, "max_downsample_channels": 4, "scales": 1},
    "generator_optimizer_params": {"lr": 1e-3},
    "discriminator_optimizer_params": {"lr": 1e-3},
    "use_subband_stft_loss": True,
    "subband_stft_loss_params": {
        "fft_sizes": [384, 171],
        "hop_sizes": [30, 10],
        "win_lengths": [150, 60],
    },
    "batch_size": 2,
    "batch_max_steps": 4096,
}


def _generator(**kwargs):
    return MultiBandMelGANGenerator(PARAMS, **kwargs)


def _mel(frames, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(1, frames, 80)).astype(np.float32)


def test_the_waveform_is_the_filterbanks_sum_of_the_generators_subbands():
    network = _generator()
    mel = _mel(9)
    subbands = network.melgan(mel)
    assert subbands.shape == (1, 9 * 64, 4)
    wave = network(mel)
    assert wave.shape == (1, 9 * 256, 1)
    np.testing.assert_allclose(wave, PQMF(4).synthesis(subbands), atol=1e-7)


def test_context_covers_the_filterbank_and_is_tight():
    network = _generator()
    before, after = network.context_frames
    inner_before, inner_after = network.melgan.context_frames
    assert before >= inner_before and after >= inner_after
    frames, at = 2 * max(before, after) + 40, max(before, after) + 20
    mel = _mel(frames)
    whole = network(mel)[0, at * 256 : (at + 1) * 256, 0]

    def reaches(offset):
        changed = mel.copy()
        changed[0, at + offset] += 3.0
        return float(
            tf.reduce_max(tf.abs(network(changed)[0, at * 256 : (at + 1) * 256, 0] - whole))
        )

    assert reaches(-before - 1) == 0 and reaches(after + 1) == 0
    assert reaches(-before) > 0 and reaches(after) > 0


def test_weight_normalisation_folds_and_the_configuration_rebuilds():
    network = _generator()
    folded = fold_weight_norm(network)
    assert not any("weight_g" in v.path for v in folded.variables)
    np.testing.assert_allclose(folded(_mel(7)), network(_mel(7)), atol=1e-6)
    again = MultiBandMelGANGenerator.from_config(network.get_config())
    assert count_parameters(again) == count_parameters(network)
    assert count_parameters(network) == count_parameters(MelGANGenerator(**PARAMS))


def test_one_band_and_unknown_parameters_are_refused():
    with pytest.raises(HparamsError, match="at least 2"):
        MultiBandMelGANGenerator({"out_channels": 1})
    with pytest.raises(HparamsError, match="did you mean 'taps'"):
        MultiBandMelGANGenerator(PARAMS, {"tap": 62})


def test_the_system_trains_on_full_band_and_subband_losses():
    hparams = parse_hparams(RECIPE, "test")
    system = build_system(hparams, hparams.mel_spec, None)
    system.prepare_training()
    rng = np.random.default_rng(0)
    batch = {
        "mel": tf.constant(rng.normal(size=(2, 16, 80)), tf.float32),
        "audio": tf.constant(0.3 * rng.normal(size=(2, 4096, 1)), tf.float32),
    }
    scalars = tf.function(system.train_step, autograph=False)(batch, ADVERSARIAL)
    names = ("spectral_convergence_loss", "log_stft_magnitude_loss")
    expected = sum(float(scalars[f"{p}{n}"]) for n in names for p in ("", "subband_")) / 2
    expected += float(scalars["adversarial_loss"])
    assert float(scalars["generator_loss"]) == pytest.approx(expected, rel=1e-5)
    assert float(scalars["subband_log_stft_magnitude_loss"]) > 0


def test_subband_loss_needs_subbands():
    one = PARAMS | {"out_channels": 1, "upsample_scales": [8, 8, 4]}
    hparams = parse_hparams(RECIPE | {"generator_params": one}, "test")
    with pytest.raises(HparamsError, match="use_subband_stft_loss"):
        build_system(hparams, hparams.mel_spec, None)


def test_the_recipe_has_the_papers_layers():
    hparams = load_hparams("hparams/multi_band_melgan.yaml")
    system = build_system(hparams, hparams.mel_spec, None, inference=True)
    assert system.generator.upsample_factor == 256
    channels = 384
    expected = 80 * channels * 7 + channels
    for scale in (8, 4, 2):
        expected += channels * (channels // 2) * 2 * scale + channels // 2
        channels //= 2
        expected += 4 * (3 * channels**2 + channels + 2 * (channels**2 + channels))
    expected += channels * 4 * 7 + 4
    assert count_parameters(system.generator) == expected == 2_534_356
