"""PyTorch networks for tools/benchmark_torch.py: the shapes of this package's, channels first.

They compute what ParallelWaveGAN's MelGAN, jik876/hifi-gan and gemelo-ai/vocos do, at random
weights; each takes a recipe's `*_params`. A discriminator gives a list of lists of feature maps.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, conv_transpose1d, leaky_relu, pad
from torch.nn.utils import spectral_norm, weight_norm

Maps = list[list[Tensor]]  # per sub-discriminator the outputs of all layers, the score last
Params = dict[str, Any]
_BANDS = ((0.0, 0.1), (0.1, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1.0))


def conv(inputs: int, outputs: int, width: int, dilation: int = 1, **kwargs: Any) -> nn.Module:
    """A weight-normalised convolution, padded by reflection unless told otherwise."""
    padding = {"padding": width // 2 * dilation, "padding_mode": "reflect"} | kwargs
    return weight_norm(nn.Conv1d(inputs, outputs, width, dilation=dilation, **padding))


def maps_of(layers: Iterable[nn.Module], x: Tensor) -> list[Tensor]:
    """The outputs of all layers, each with an activation but the last."""
    return list(itertools.accumulate(layers, lambda y, layer: layer(y), initial=x))[1:]


def activated(layers: Sequence[nn.Module], slope: float) -> nn.ModuleList:
    """The layers, all but the last followed by a LeakyReLU."""
    first = (nn.Sequential(layer, nn.LeakyReLU(slope)) for layer in layers[:-1])
    return nn.ModuleList([*first, layers[-1]])


# MelGAN


class ResidualStack(nn.Module):
    """MelGAN's residual stack: a dilated and a pointwise convolution beside a pointwise one."""

    def __init__(self, channels: int, width: int, dilation: int) -> None:
        super().__init__()
        dilated, pointwise = conv(channels, channels, width, dilation), conv(channels, channels, 1)
        self.stack = nn.Sequential(nn.LeakyReLU(0.2), dilated, nn.LeakyReLU(0.2), pointwise)
        self.skip = conv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, T) -> the same shape."""
        return self.stack(x) + self.skip(x)


def melgan_generator(params: Params) -> nn.Module:
    """Mel (B, in_channels, T) to waveform (B, out_channels, T * prod(upsample_scales))."""
    channels, width = params["channels"], params["stack_kernel_size"]
    layers = [conv(params["in_channels"], channels, params["kernel_size"])]
    for scale in params["upsample_scales"]:
        trim = (scale // 2 + scale % 2, scale % 2)  # padding, output padding
        up = nn.ConvTranspose1d(channels, channels // 2, 2 * scale, scale, *trim)
        channels //= 2
        stacks = [ResidualStack(channels, width, width**j) for j in range(params["stacks"])]
        layers += [nn.LeakyReLU(0.2), weight_norm(up), *stacks]
    last = conv(channels, params["out_channels"], params["kernel_size"])
    network = nn.Sequential(*layers, nn.LeakyReLU(0.2), last, nn.Tanh())
    return network if params["out_channels"] == 1 else MultiBand(network, params["out_channels"])


class MultiBand(nn.Module):
    """A generator of sub-bands and a filterbank of 63 taps (random, as all weights) around them."""

    def __init__(self, network: nn.Module, bands: int) -> None:
        super().__init__()
        self.network, self.bands = network, bands
        self.register_buffer("filters", 0.1 * torch.randn(bands, 1, 63))

    def forward(self, mel: Tensor) -> Tensor:
        """Mel to waveform; keeps the sub-bands (B, bands, T / bands) for their loss."""
        self.subbands = self.network(mel).float()
        shape = {"stride": self.bands, "padding": 31, "output_padding": self.bands - 1}
        return conv_transpose1d(self.subbands, self.filters, **shape)

    def split(self, audio: Tensor) -> Tensor:
        """(B, 1, T) -> (B, bands, T / bands)."""
        return conv1d(audio, self.filters, stride=self.bands, padding=31)


class MelGANMultiScaleDiscriminator(nn.Module):
    """Waveform (B, 1, T) -> feature maps, each (B, channels, steps)."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.pool = getattr(nn, params["downsample_pooling"])(**params["downsample_pooling_params"])
        self.scales = nn.ModuleList(self._scale(params) for _ in range(params["scales"]))

    def _scale(self, params: Params) -> nn.ModuleList:
        inputs, most = params["channels"], params["max_downsample_channels"]
        width, last_width = params["kernel_sizes"]
        convs = [conv(params["in_channels"], inputs, width * last_width)]
        for scale in params["downsample_scales"]:
            outputs = min(inputs * scale, most)
            shape = {"stride": scale, "groups": inputs // 4, "padding_mode": "zeros"}
            convs.append(conv(inputs, outputs, 10 * scale + 1, **shape))
            inputs = outputs
        outputs = min(2 * inputs, most)
        convs.append(conv(inputs, outputs, width, padding_mode="zeros"))
        convs.append(conv(outputs, params["out_channels"], last_width, padding_mode="zeros"))
        return activated(convs, 0.2)

    def forward(self, x: Tensor) -> Maps:
        """(B, 1, T) -> the feature maps."""
        maps: Maps = []
        for layers in self.scales:
            maps.append(maps_of(layers, x))
            x = self.pool(x)
        return maps


# HiFi-GAN


class HiFiGANBlock(nn.Module):
    """Dilated convolutions, each followed by an undilated one in V1 and V2, each pair added."""

    def __init__(self, channels: int, width: int, dilations: Sequence[int], pairs: bool) -> None:
        super().__init__()
        kwargs = {"padding_mode": "zeros"}
        self.dilated = nn.ModuleList(
            conv(channels, channels, width, d, **kwargs) for d in dilations
        )
        count = len(dilations) if pairs else 0
        self.plain = nn.ModuleList(conv(channels, channels, width, **kwargs) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, T) -> the same shape."""
        for i, dilated in enumerate(self.dilated):
            y = dilated(leaky_relu(x, 0.1))
            x = x + (self.plain[i](leaky_relu(y, 0.1)) if self.plain else y)
        return x


class HiFiGANGenerator(nn.Module):
    """Mel (B, in_channels, T) to waveform (B, out_channels, T * prod(upsample_scales))."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        channels, width = params["channels"], params["kernel_size"]
        self.first = conv(params["in_channels"], channels, width, padding_mode="zeros")
        self.ups, self.blocks = nn.ModuleList(), nn.ModuleList()
        shapes = (params["resblock_kernel_sizes"], params["resblock_dilations"])
        scales, sizes = params["upsample_scales"], params["upsample_kernel_sizes"]
        for scale, size in zip(scales, sizes, strict=True):
            up = nn.ConvTranspose1d(channels, channels // 2, size, scale, (size - scale) // 2)
            self.ups.append(weight_norm(up))
            channels //= 2
            pairs = params["use_additional_convs"]
            blocks = (HiFiGANBlock(channels, *s, pairs) for s in zip(*shapes, strict=True))
            self.blocks.append(nn.ModuleList(blocks))
        self.last = conv(channels, params["out_channels"], width, padding_mode="zeros")

    def forward(self, mel: Tensor) -> Tensor:
        """Mel to waveform."""
        x = self.first(mel)
        for up, blocks in zip(self.ups, self.blocks, strict=True):
            x = up(leaky_relu(x, 0.1))
            x = sum(block(x) for block in blocks) / len(blocks)
        return torch.tanh(self.last(leaky_relu(x)))


def scale_discriminator(params: Params, norm: Any) -> nn.ModuleList:
    """One of HiFi-GAN's scales: grouped convolutions over the waveform (B, 1, T)."""
    first, grouped, wide, last = params["kernel_sizes"]
    channels, most = params["channels"], params["max_downsample_channels"]
    convs = [nn.Conv1d(1, channels, first, padding=first // 2)]
    groups, following = 4, channels
    for scale in params["downsample_scales"]:
        shape = {"padding": grouped // 2, "groups": min(groups, params["max_groups"])}
        convs.append(nn.Conv1d(channels, following, grouped, scale, **shape))
        channels, groups, following = following, groups * 4, min(2 * following, most)
    convs.append(nn.Conv1d(channels, following, wide, padding=wide // 2))
    convs.append(nn.Conv1d(following, 1, last, padding=last // 2))
    return activated([norm(layer) for layer in convs], 0.1)


def period_discriminator(params: Params) -> nn.ModuleList:
    """One of HiFi-GAN's periods: convolutions over the rows of (B, 1, T / period, period)."""
    (width, last), channels, convs = params["kernel_sizes"], 1, []
    following = params["channels"]
    for scale in params["downsample_scales"]:
        convs.append(nn.Conv2d(channels, following, (width, 1), (scale, 1), (width // 2, 0)))
        channels, following = following, min(4 * following, params["max_downsample_channels"])
    convs.append(nn.Conv2d(channels, 1, (last, 1), 1, (last // 2, 0)))
    return activated([weight_norm(layer) for layer in convs], 0.1)


class MultiPeriodDiscriminator(nn.Module):
    """Waveform (B, 1, T) -> feature maps, each (B, channels, rows, period)."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        self.periods = params["periods"]
        shape = params["period_discriminator_params"]
        self.discriminators = nn.ModuleList(period_discriminator(shape) for _ in self.periods)

    def forward(self, x: Tensor) -> Maps:
        """(B, 1, T) -> the feature maps."""
        maps = []
        for period, layers in zip(self.periods, self.discriminators, strict=True):
            padded = pad(x, (0, -x.shape[-1] % period), "reflect")
            maps.append(maps_of(layers, padded.view(len(x), 1, -1, period)))
        return maps


class MultiScaleMultiPeriodDiscriminator(MultiPeriodDiscriminator):
    """HiFi-GAN's two discriminators, the first scale spectral-normalised."""

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self.pool = nn.AvgPool1d(**params["scale_downsample_pooling_params"])
        norms = [spectral_norm] + [weight_norm] * (params["scales"] - 1)
        shape = params["scale_discriminator_params"]
        self.scales = nn.ModuleList(scale_discriminator(shape, norm) for norm in norms)

    def forward(self, x: Tensor) -> Maps:
        """(B, 1, T) -> the feature maps."""
        maps = super().forward(x)
        for layers in self.scales:
            maps.append(maps_of(layers, x))
            x = self.pool(x)
        return maps


# Vocos


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, layer norm and two linear maps, scaled and added."""

    def __init__(self, dim: int, inner: int, scale: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.maps = nn.Sequential(nn.Linear(dim, inner), nn.GELU(), nn.Linear(inner, dim))
        self.gamma = nn.Parameter(torch.full((dim,), scale))

    def forward(self, x: Tensor) -> Tensor:
        """(B, dim, T) -> the same shape."""
        y = self.maps(self.norm(self.depthwise(x).transpose(1, 2)))
        return x + (self.gamma * y).transpose(1, 2)


class VocosGenerator(nn.Module):
    """Mel (B, in_channels, T) to waveform (B, 1, T * hop_size) through `torch.istft`."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        dim, layers = params["dim"], params["num_layers"]
        self.fft_size, self.hop_size = params["fft_size"], params["hop_size"]
        self.first = nn.Conv1d(params["in_channels"], dim, 7, padding=3)
        self.norms = nn.ModuleList(nn.LayerNorm(dim, eps=1e-6) for _ in range(2))
        inner = params["intermediate_dim"]
        self.blocks = nn.Sequential(*(ConvNeXtBlock(dim, inner, 1 / layers) for _ in range(layers)))
        self.spectrum = nn.Linear(dim, self.fft_size + 2)
        self.register_buffer("window", torch.hann_window(self.fft_size))

    def forward(self, mel: Tensor) -> Tensor:
        """Mel to waveform; the head is in float32, and its last hop_size samples are zeros."""
        x = self.norms[0](self.first(mel).transpose(1, 2)).transpose(1, 2)
        x = self.norms[1](self.blocks(x).transpose(1, 2))
        with torch.autocast("cpu", enabled=False):
            level, phase = self.spectrum(x.float()).transpose(1, 2).chunk(2, dim=1)
            spectrum = torch.polar(level.exp().clamp(max=100.0), phase)
            shape = (self.fft_size, self.hop_size, self.fft_size, self.window)
            return pad(torch.istft(spectrum, *shape), (0, self.hop_size))[:, None]


class ResolutionDiscriminator(nn.Module):
    """Waveform (B, 1, T) -> feature maps (B, channels, frames, bins) of the bands."""

    def __init__(self, fft_size: int, channels: int) -> None:
        super().__init__()
        self.fft_size, bins = fft_size, fft_size // 2 + 1
        self.edges = [(int(low * bins), int(high * bins)) for low, high in _BANDS]
        widths = ((9, 1), (9, 2), (9, 2), (9, 2), (3, 1))

        def stack() -> nn.ModuleList:
            inputs = [2] + [channels] * 4
            convs = (
                weight_norm(nn.Conv2d(n, channels, (3, width), (1, stride), (1, width // 2)))
                for n, (width, stride) in zip(inputs, widths, strict=True)
            )
            return nn.ModuleList(nn.Sequential(layer, nn.LeakyReLU(0.1)) for layer in convs)

        self.stacks = nn.ModuleList(stack() for _ in self.edges)
        self.last = weight_norm(nn.Conv2d(channels, 1, (3, 3), padding=1))
        self.register_buffer("window", torch.hann_window(fft_size))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 1, T) -> the feature maps."""
        x = x[:, 0] - x[:, 0].mean(1, keepdim=True)
        x = 0.8 * x / (x.abs().amax(1, keepdim=True) + 1e-9)
        shape = (self.fft_size, self.fft_size // 4, self.fft_size, self.window)
        spectrum = torch.view_as_real(torch.stft(x, *shape, return_complex=True))
        spectrum = spectrum.permute(0, 3, 2, 1)
        maps, ends = [], []
        for (first, last), layers in zip(self.edges, self.stacks, strict=True):
            maps += maps_of(layers, spectrum[..., first:last])
            ends.append(maps[-1])
        return [*maps, self.last(torch.cat(ends, dim=-1))]


class MultiPeriodMultiResolutionDiscriminator(MultiPeriodDiscriminator):
    """Vocos' two discriminators."""

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        shape = params["resolution_discriminator_params"]
        self.resolutions = nn.ModuleList(
            ResolutionDiscriminator(size, shape["channels"]) for size in shape["fft_sizes"]
        )

    def forward(self, x: Tensor) -> Maps:
        """(B, 1, T) -> the feature maps."""
        return super().forward(x) + [resolution(x) for resolution in self.resolutions]


NETWORKS = {
    "MelGANGenerator": melgan_generator,
    "MelGANMultiScaleDiscriminator": MelGANMultiScaleDiscriminator,
    "HiFiGANGenerator": HiFiGANGenerator,
    "HiFiGANMultiScaleMultiPeriodDiscriminator": MultiScaleMultiPeriodDiscriminator,
    "VocosGenerator": VocosGenerator,
    "MultiPeriodMultiResolutionDiscriminator": MultiPeriodMultiResolutionDiscriminator,
}
# Weights without weight_g, as published and as this package counts them
PARAMETERS = {
    "melgan": {"generator": 4_260_257, "discriminator": 16_913_859},
    "hifigan_v1": {"generator": 13_926_017, "discriminator": 41_092_165 + 29_610_627},
    "vocos": {"generator": 13_459_970, "discriminator": 42_503_752},
}
