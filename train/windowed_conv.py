"""The windowed convolution: one neuron a channel and position, weights shared by all positions.

Maps have the shape (B, C, H, W) and lie in memory channels last, so that the sums of all channels
at one position are one row, as in a dense layer.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

from spikeforge.errors import SpikeforgeError
from train.windowed import FiringLayer

__all__ = ["WindowedConv", "reached_positions"]


class WindowedConv(FiringLayer):
    """A convolution that integrates its input window, then each neuron fires at most once.

    Takes k of shape (B, channels_in * height * width), C,H,W row-major, or maps of that size; gives
    maps k of shape (B, channels_out, rows, columns), both in 0..T. In training mode gradients flow;
    in evaluation mode the same numbers come from pure integer arithmetic.

    Args:
        shape: (channels, height, width) of the input.
        channels_out: Number of output channels.
        kernel: Height and width of the kernel.
        stride: Distance between positions, in both directions.
        padding: Silent pixels around the input, on each side.
        groups: Blocks of channels that do not mix.
        weight_bits: Width of the weights, 2 to 8.
        steps: T, of the input window and of the layer's own.
        bias: Learn one bias a channel.
        threshold_per_neuron: Learn one threshold a channel instead of one for the layer.

    Raises:
        SpikeforgeError: If the kernel does not fit, or the groups do not divide the channels.
    """

    def __init__(
        self, shape: tuple[int, int, int], channels_out: int, kernel: int, *, stride: int = 1,
        padding: int = 0, groups: int = 1, weight_bits: int = 4, steps: int = 15,
        bias: bool = True, threshold_per_neuron: bool = False,
    ) -> None:  # fmt: skip
        channels, height, width = shape
        rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
        if min(rows, columns) < 1:
            raise SpikeforgeError(
                f"kernel must fit into the padded {height + 2 * padding} x {width + 2 * padding} "
                f"map, not {kernel}"
            )
        if channels % groups or channels_out % groups:
            raise SpikeforgeError(
                f"groups must divide {channels} and {channels_out} channels, not {groups}"
            )
        super().__init__(
            channels * height * width, channels_out * rows * columns,
            (channels_out, channels // groups, kernel, kernel), weight_bits=weight_bits,
            steps=steps, bias=bias, threshold_per_neuron=threshold_per_neuron,
        )  # fmt: skip
        self.shape, self.map = shape, (channels_out, rows, columns)
        self.kernel, self.stride, self.padding, self.groups = kernel, stride, padding, groups

    def sums(self, k: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Sums of all channels, one row an image and position."""
        if self.shape[0] == 1:
            return torch.addmm(bias, self._patches(k), weight.flatten(1).t())
        result = functional.conv2d(
            self._maps(k), weight.contiguous(memory_format=torch.channels_last), bias, self.stride,
            self.padding, groups=self.groups,
        )  # fmt: skip
        return result.permute(0, 2, 3, 1).reshape(-1, self.map[0])

    def gradients(
        self, by_sums: Tensor, k: Tensor, weight: Tensor, wants_k: bool
    ) -> tuple[Tensor | None, Tensor]:
        """Gradients by ``k`` and by ``weight``."""
        if self.shape[0] == 1 and not wants_k:
            return None, (by_sums.t() @ self._patches(k)).view(weight.shape)
        by_k, by_weight, _ = torch.ops.aten.convolution_backward(
            self.shaped(by_sums), self._maps(k),
            weight.contiguous(memory_format=torch.channels_last), None, [self.stride] * 2,
            [self.padding] * 2, [1, 1], False, [0, 0], self.groups, [wants_k, True, False],
        )  # fmt: skip
        return None if by_k is None else by_k.reshape(k.shape), by_weight.contiguous()

    def exact_sums(self, k: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """The sums as plain matrix products: a library's convolution may transform its inputs."""
        patches = functional.unfold(self._maps(k), self.kernel, 1, self.padding, self.stride)
        rows = patches.transpose(1, 2).flatten(0, 1)
        parts = [
            part @ block.flatten(1).t()
            for part, block in zip(
                rows.chunk(self.groups, 1), weight.chunk(self.groups), strict=True
            )
        ]
        return torch.cat(parts, 1) + bias

    def shaped(self, rows: Tensor) -> Tensor:
        """Maps, channels last in memory."""
        channels, height, width = self.map
        return rows.view(-1, height, width, channels).permute(0, 3, 1, 2)

    def _maps(self, k: Tensor) -> Tensor:
        return k.reshape(len(k), *self.shape)

    def _patches(self, k: Tensor) -> Tensor:
        """What each position sees of a single input channel, shape (rows, kernel * kernel)."""
        maps = functional.pad(self._maps(k)[:, 0], [self.padding] * 4)
        places = maps.unfold(1, self.kernel, self.stride).unfold(2, self.kernel, self.stride)
        return places.reshape(-1, self.kernel**2)

    def extra_repr(self) -> str:
        """Sizes and widths, for printing a model."""
        return (
            f"{self.shape}, {self.map}, kernel={self.kernel}, stride={self.stride}, "
            f"padding={self.padding}, weight_bits={self.weight_bits}, steps={self.steps}"
        )


def reached_positions(layer: WindowedConv) -> Tensor:
    """How many output positions each input position reaches, shape (height, width).

    With lanes for all channels of a position, this is what an event costs in cycles.
    """
    _, height, width = layer.shape
    ones = torch.ones(1, 1, *layer.map[1:])
    kernel = torch.ones(1, 1, layer.kernel, layer.kernel)
    spread = functional.conv_transpose2d(ones, kernel, stride=layer.stride)[0, 0]
    whole = torch.zeros(height + 2 * layer.padding, width + 2 * layer.padding)
    whole[: spread.shape[0], : spread.shape[1]] = spread
    inner = whole[layer.padding :, layer.padding :]
    return inner[:height, :width]
