"""What every generator of waveforms has in common."""

from __future__ import annotations

from tf_gantts.networks.network import Network


class Generator(Network):
    """A network from normalised mel-spectrograms (B, T, in_channels) to waveforms.

    Attributes:
        in_channels: Mel bands.
        out_channels: Waveforms, or sub-bands of one.
    """

    in_channels: int
    out_channels: int

    @property
    def upsample_factor(self) -> int:
        """Output samples per mel frame."""
        raise NotImplementedError

    def input_range(self, first: int, last: int) -> tuple[int, int]:
        """First and last mel frame on which the output samples first..last depend."""
        raise NotImplementedError

    @property
    def context_frames(self) -> tuple[int, int]:
        """Frames before and after a frame on which some sample of that frame depends."""
        first, last = self.input_range(0, self.upsample_factor - 1)
        return -first, last

    @property
    def receptive_field(self) -> int:
        """Mel frames that the samples of one frame depend on, that frame included."""
        before, after = self.context_frames
        return before + 1 + after
