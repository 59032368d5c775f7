"""First-spike pooling: of each window the earliest spike passes, and the gradient goes to it alone.

Of spikes in the same step the first one, row by row, counts as the earliest.
"""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor, nn

from spikeforge.errors import SpikeforgeError

__all__ = ["FirstSpikePool"]


class FirstSpikePool(nn.Module):
    """Pooling of spike times in windows that do not overlap; all their steps are kept.

    Args:
        shape: (channels, height, width) of the input; rows and columns that do not fill a window
            are left out.
        size: Height and width of a window.

    Raises:
        SpikeforgeError: If not even one window fits.
    """

    def __init__(self, shape: tuple[int, int, int], size: int) -> None:
        super().__init__()
        channels, height, width = shape
        if size > min(height, width):
            raise SpikeforgeError(
                f"pool must be at most {min(height, width)}, the smaller side of its "
                f"{height} x {width} map, not {size}"
            )
        self.shape, self.size = shape, size
        self.map = (channels, height // size, width // size)
        self.inputs = channels * height * width
        self.outputs = channels * self.map[1] * self.map[2]

    def forward(self, times: Tensor) -> Tensor:
        """Earliest steps, shape (B, outputs), of steps of shape (B, inputs), both C,H,W."""
        maps = times.view(len(times), *self.shape)
        return functional.max_pool2d(maps.neg(), self.size).neg().flatten(1)

    def extra_repr(self) -> str:
        """Sizes, for printing a model."""
        return f"{self.shape}, size={self.size}"
