"""Batch normalization of single-spike neurons that costs nothing in hardware.

V of a neuron at a step n, divided by n, is its slope so far. With mean m and deviation d of a
channel's slopes, a neuron that integrates (slope - m) / d + bias and fires at theta does the same
as one whose V has a bias current d * bias - m more and fires at d * theta
(:mod:`train.spiking.normalize`, which keeps the statistics, says so of multi-spike neurons). The
step n lies in the middle between the ends of the image's window and the layer's own: most inputs
have arrived, and most neurons have not fired yet.
"""

from __future__ import annotations

from torch import Tensor, nn

from train.psp import Taps, potential
from train.spiking.normalize import DriveNorm

__all__ = ["SlopeNorm"]


class SlopeNorm(nn.Module):
    """Mean and deviation of the slopes of V, over images and positions of a channel.

    Args:
        channels: Neurons (dense) or channels (convolution) with statistics of their own.
        taps: (delay, gain) of the PSP.
        steps: Steps after which slopes are taken.
    """

    def __init__(self, channels: int, taps: Taps, steps: int) -> None:
        super().__init__()
        self.moments = DriveNorm(channels)
        self.taps, self.steps = taps, steps

    def potentials(self, times: Tensor) -> Tensor:
        """What a spike of weight 1 has added to a slope, in the shape of the spikes' steps."""
        return potential(times, self.steps - 1, self.taps) / self.steps

    def moved(
        self, bias: Tensor, log_threshold: Tensor, slopes: Tensor | None, step: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Biases and logarithms of thresholds that normalize, in real units, with gradients.

        Args:
            bias: In deviations a step, shape (channels,).
            log_threshold: Of thresholds in deviations, shape (channels,).
            slopes: Of a batch, in LSBs, shape (B, channels, ...); None for the running statistics.
            step: Real size of one LSB, shape (1,).
        """
        if slopes is None:
            mean, deviation = self.moments.running(step)
        else:
            mean, deviation = self.moments.of_batch(slopes[None], step.detach())
        return (bias * deviation - mean) * step, log_threshold + (deviation * step).log()
