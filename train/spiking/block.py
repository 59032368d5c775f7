"""SEW residual blocks: a convolution's spikes joined with the block's input, element by element.

After Fang et al., "Deep Residual Learning in Spiking Neural Networks" (arXiv 2102.04159), section
3.2: out = g(a, x) with the branch's spikes a and the block's input x; ADD: a + x, AND: a * x, IAND:
(1 - a) * x. The branch here is two convolutions that keep the map's size.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spikeforge.errors import SpikeforgeError
from train.network_shape import ConvShape
from train.spiking.layer import SpikingConv
from train.spiking.neuron import Neuron

__all__ = ["SewBlock"]


class SewBlock(nn.Module):
    """Two convolutions and the join with what they read.

    Args:
        shape: (channels, height, width) of input and output.
        like: Its kernel; its residual names the join.
        neuron: What the neurons do.
        conv: Kind of the convolutions.
        options: Further options of both.

    Raises:
        SpikeforgeError: If the kernel is even, so that no padding keeps the map's size.
    """

    def __init__(
        self, shape: tuple[int, int, int], like: ConvShape, neuron: Neuron,
        conv: type[SpikingConv], options: dict[str, Any],
    ) -> None:  # fmt: skip
        super().__init__()
        if like.kernel % 2 == 0:
            raise SpikeforgeError(
                f"kernel must be odd in a block with residual {like.residual!r}, not "
                f"{like.kernel}: its maps keep their size"
            )
        assert like.residual is not None
        self.shape, self.function = shape, like.residual
        self.branch = nn.ModuleList(
            conv(shape, shape[0], like.kernel, padding=like.kernel // 2, neuron=neuron, **options)
            for _ in range(2)
        )

    def join(self, branch: Tensor, x: Tensor) -> Tensor:
        """The element-wise function of the block."""
        if self.function == "add":
            return branch + x
        return branch * x if self.function == "and" else (1 - branch) * x

    def forward(self, x: Tensor) -> Tensor:
        """Joined spikes, shape (steps, B, channels, height, width), with gradients."""
        first, second = self.branch
        return self.join(second(first(x)), x)

    @torch.no_grad()
    def run(self, x: Tensor, spikes: list[Tensor]) -> Tensor:
        """Evaluation: exact, and the spikes of both convolutions kept in ``spikes``."""
        branch = x
        for layer in self.branch:
            assert isinstance(layer, SpikingConv)
            spikes.append(layer.run(branch).spikes)
            branch = spikes[-1].to(torch.float32)
        return self.join(branch, x)
