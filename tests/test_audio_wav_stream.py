import numpy as np
import pytest
import soundfile

from tf_gantts.audio.files import read_audio
from tf_gantts.audio.wav_stream import WavStream
from tf_gantts.errors import AudioError

RATE = 22050


def noise(samples):
    return (0.1 * np.random.default_rng(0).normal(size=samples)).astype(np.float32)


def test_pieces_become_one_file(tmp_path):
    audio = noise(1000)
    with WavStream(tmp_path / "a.wav", RATE) as wav:
        for piece in np.split(audio, [1, 300, 300, 999]):
            wav.write(piece)
    written, rate = read_audio(tmp_path / "a.wav")
    assert rate == RATE and soundfile.info(tmp_path / "a.wav").subtype == "PCM_16"
    np.testing.assert_allclose(written, audio, atol=0.51 / 32768)


def test_what_is_written_can_be_read_before_the_end(tmp_path):
    audio = noise(500)
    with WavStream(tmp_path / "a.wav", RATE) as wav:
        for count in (200, 500):
            wav.write(audio[count - (200 if count == 200 else 300) : count])
            so_far, rate = read_audio(tmp_path / "a.wav")
            assert rate == RATE and len(so_far) == count


def test_a_failed_file_is_removed(tmp_path):
    with (
        pytest.raises(AudioError, match=r"a\.wav: not written: 1 of 5"),
        WavStream(tmp_path / "a.wav", RATE) as wav,
    ):
        wav.write(noise(100))
        wav.write(np.array([0, 0, np.nan, 0, 0]))
    assert not list(tmp_path.iterdir())
