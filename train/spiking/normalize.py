"""Batch normalization that costs nothing in hardware: it moves thresholds and biases.

With mean m and deviation d of a channel's drive, a neuron that integrates (drive - m) / d + bias
and fires at theta does the same as one that integrates drive + (d * bias - m) and fires at
d * theta: V is d times as large, all else is equal (Ioffe and Szegedy, arXiv 1502.03167, with
gamma = 1 / theta, which is positive, and beta = bias / theta). So weights stay as they are, and
each channel has an integer threshold and an integer bias. Training takes m and d of its batch,
evaluation and export the running ones, and both round.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from train.spiking.fused import fused

__all__ = ["DriveNorm"]

_MOMENTUM = 0.05  # least share of a batch in the running statistics
_FLOOR = 1.0  # LSBs squared, added to the variance


@fused
def _moments(drive: Tensor) -> tuple[Tensor, Tensor]:
    """Variance and mean of each channel, over steps, images and positions."""
    others = [axis for axis in range(drive.dim()) if axis != 2]
    return torch.var_mean(drive, others, correction=0)


class DriveNorm(nn.Module):
    """Mean and deviation of the drive, over steps, images and positions of a channel.

    Args:
        channels: Neurons (dense) or channels (convolution) with statistics of their own.
    """

    mean: Tensor
    variance: Tensor
    batches: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        # In real units: the size of an LSB moves in training.
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))
        self.register_buffer("batches", torch.zeros(()))

    def of_batch(self, drive: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of a batch, in LSBs, with gradients; the running ones follow.

        Args:
            drive: In LSBs, shape (steps, B, channels, ...).
            step: Real size of one LSB, shape (1,).
        """
        if drive.stride(0) == 0:
            drive = drive[:1]  # the same in every step
        variance, mean = _moments(drive)
        with torch.no_grad():
            share = self.batches.add_(1).reciprocal().clamp(min=_MOMENTUM)  # the first counts alone
            self.mean.lerp_(mean * step, share)
            self.variance.lerp_(variance * step.square(), share)
        return mean, (variance + _FLOOR).sqrt()

    def running(self, step: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of all of training so far, in LSBs."""
        return self.mean / step, (self.variance / step.square() + _FLOOR).sqrt()
