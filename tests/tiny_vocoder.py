"""A run of a vocoder of a few channels that takes the mels of `tiny_gan_tts`."""

import numpy as np
from tiny_gan_tts import N_MELS
from tiny_run import make_run

from tf_gantts.audio.statistics import Statistics

# Recipe keys that have windows of a waveform judged, in little time.
JUDGED = {
    "waveform_window": 8,
    "waveform_discriminator_params": {"fft_sizes": [256], "channels": 4, "bands": [[0.0, 1.0]]},
}
_RECIPE = {
    "num_mels": N_MELS,
    "generator_type": "VocosGenerator",
    "generator_params": {
        "in_channels": N_MELS,
        "dim": 8,
        "intermediate_dim": 12,
        "num_layers": 1,
    },
}
_STATISTICS = Statistics(np.linspace(-2, -3, N_MELS), np.linspace(1.2, 0.7, N_MELS))


def make_vocoder(run, normalized=True, **values):
    """Writes the untrained run; returns the recipe keys of a GAN-TTS that judges through it."""
    make_run(run, statistics=_STATISTICS if normalized else None, **_RECIPE | values)
    return {"realism_vocoder": str(run), **JUDGED}
