"""Stepped convolutions: one neuron a channel and position, weights shared by all positions.

V at the end of a step is the convolution of the postsynaptic potentials that the input spikes have
reached by then, so no sum over steps is left to do on the (many) neurons, and steps at which V is a
straight line are not convolved (:mod:`train.straight_steps`). PSPs are ramps there, and taps bend V
afterwards, so that only steps of arrivals are convolved. Spike times come and go as
(B, channels * height * width), C,H,W row-major; inside, channels lie last in memory, so that all
neurons with the same weights are one column.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

from spikeforge.errors import SpikeforgeError
from train.crossing import NEVER
from train.marks import Mark, delayed, placed
from train.psp import RAMP, Taps, potential, tapped, within
from train.stepped_layer import SHALLOW, Start, SteppedLayer
from train.straight_steps import bent_steps, drawn, folded

__all__ = ["ConvResponse", "SteppedConv"]

_ACTIVE_SHARE = 1 / 4  # a stroke fills more of a small window than of the image
_IMAGES_AT_ONCE = 50  # of an exact evaluation, whose windows are many


class ConvResponse:
    """Spikes arriving at a convolution (:class:`train.stepped_layer.Response`).

    Args:
        layer: The layer.
        times: Steps of the spikes, shape (B, inputs).
    """

    def __init__(self, layer: SteppedConv, times: Tensor) -> None:
        self._layer, self._steps = layer, layer.steps
        self._taps = within(layer.taps, layer.steps)
        maps = times.view(len(times), *layer.shape).permute(0, 2, 3, 1).contiguous()
        self._maps, self._last = maps, _last_arrival(times, layer.steps)
        self._bent = bent_steps(self._last, layer.steps)
        # Columns and channels are one axis for a moment: else the stride of a single channel hides
        # from the library that channels lie last, and it takes a way that is slower by far.
        rows = _ramps(maps.flatten(2), self._bent).flatten(0, 1)
        self._ramps = rows.unflatten(2, maps.shape[2:]).permute(0, 3, 1, 2)

    def potentials(self, weight: Tensor, bias: Tensor) -> Tensor:
        """V at the end of each step, shape (steps, B * positions, channels)."""
        place = (self._layer.stride, self._layer.padding)
        result = functional.conv2d(self._ramps, _channels_last(weight), None, *place)
        bent = result.permute(0, 2, 3, 1).reshape(self._bent, -1, self._layer.map[0])
        v = tapped(drawn(bent, self._steps), self._taps)
        if bool(bias.any()):
            passed = torch.arange(1, self._steps + 1, dtype=v.dtype)
            v += passed.view(-1, 1, 1) * bias
        return v

    def by_weight(self, marks: Sequence[Mark]) -> Tensor:
        """Gradient by the weights."""
        by_bent = folded(delayed(marks, self._taps), self._bent, self._steps)
        found: Tensor = self._backward(
            by_bent, self._ramps, self._layer.weight, [False, True, False]
        )[1]
        return found.contiguous()

    def by_times(self, mark: Mark, weight: Tensor) -> Tensor:
        """Sums over neurons and the steps from a spike's own on, shape (B, inputs)."""
        arriving = self._last + 1  # from the last of these steps on every spike counts
        by_step = placed([Mark(mark.at.clamp(max=self._last), mark.value)], arriving)
        inputs = self._ramps[: arriving * len(self._maps)]  # only their shape counts
        by_maps = self._backward(by_step, inputs, weight, [True, False, False])[0]
        by_maps = by_maps.permute(0, 2, 3, 1).reshape(arriving, *self._maps.shape)
        total = torch.zeros_like(self._maps)
        for step, part in enumerate(by_maps.unbind()):
            total.addcmul_(part, (self._maps <= step).to(part.dtype))
        return total.permute(0, 3, 1, 2).flatten(1)

    def _backward(self, by_rows: Tensor, inputs: Tensor, weight: Tensor, wanted: list[bool]) -> Any:
        channels, height, width = self._layer.map
        maps = by_rows.view(-1, height, width, channels).permute(0, 3, 1, 2)
        return torch.ops.aten.convolution_backward(
            maps, inputs, _channels_last(weight), None, [self._layer.stride] * 2,
            [self._layer.padding] * 2, [1, 1], False, [0, 0], 1, wanted,
        )  # fmt: skip


def _last_arrival(times: Tensor, steps: int) -> int:
    """The step of the last spike, at most the last of a window; 0 if there is none."""
    return min(int(times.masked_fill(times >= NEVER, 0).max()), steps - 1)


def _ramps(times: Tensor, steps: int) -> Tensor:
    """What each spike of weight 1 has added to V, if PSPs are ramps; shape (steps, ...)."""
    now = torch.arange(steps, dtype=times.dtype).view(-1, *[1] * times.ndim)
    return potential(times, now, RAMP)


def _channels_last(weight: Tensor) -> Tensor:
    return weight.detach().contiguous(memory_format=torch.channels_last)


class SteppedConv(SteppedLayer):
    """A convolution of single-spike neurons; learning rules subclass it with their gradients.

    Args:
        shape: (channels, height, width) of the input.
        channels_out: Number of output channels.
        kernel: Height and width of the kernel.
        stride: Distance between positions, in both directions.
        padding: Silent pixels around the input, on each side.
        weight_bits: Width of the weights, 1 (-1 and +1) to 8.
        steps: T, of the input window.
        extra_steps: Steps that this layer runs longer than T.
        bias: Learn one bias a channel, a constant current.
        threshold_per_neuron: Learn one threshold a channel instead of one for the layer.
        batch_norm: Normalize the membranes' slopes.
        taps: (delay, gain) of the PSP; a ramp by default.
        start: Where training starts.

    Raises:
        SpikeforgeError: If the kernel does not fit.
    """

    def __init__(
        self, shape: tuple[int, int, int], channels_out: int, kernel: int, *, stride: int = 1,
        padding: int = 0, weight_bits: int = 4, steps: int = 15, extra_steps: int = 0,
        bias: bool = True, threshold_per_neuron: bool = False, batch_norm: bool = False,
        taps: Taps = RAMP, start: Start = SHALLOW,
    ) -> None:  # fmt: skip
        channels, height, width = shape
        rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
        if min(rows, columns) < 1:
            raise SpikeforgeError(
                f"kernel must fit into the padded {height + 2 * padding} x {width + 2 * padding} "
                f"map, not {kernel}"
            )
        super().__init__(
            math.prod(shape), channels_out * rows * columns,
            (channels_out, channels, kernel, kernel), weight_bits=weight_bits, steps=steps,
            extra_steps=extra_steps, bias=bias, threshold_per_neuron=threshold_per_neuron,
            batch_norm=batch_norm, taps=taps, active_share=_ACTIVE_SHARE, start=start,
        )  # fmt: skip
        self.shape, self.map = shape, (channels_out, rows, columns)
        self.kernel, self.stride, self.padding = kernel, stride, padding

    def response(self, times: Tensor) -> ConvResponse:
        """What arriving spikes of shape (B, inputs) do."""
        return ConvResponse(self, times)

    def sums(self, x: Tensor, weight: Tensor) -> Tensor:
        """Weighted sums, shape (B, channels, rows, columns)."""
        return functional.conv2d(
            x.view(len(x), *self.shape), weight, None, self.stride, self.padding
        )

    def run(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """Membranes and thresholds, as the base class says."""
        parts = [self._exact(part) for part in times.split(_IMAGES_AT_ONCE)]
        theta = self.grids(self.rounding)[2].to(parts[0].dtype)
        positions = self.map[1] * self.map[2]
        each = theta if theta.numel() == 1 else theta.repeat_interleave(positions)
        return torch.cat(parts, 1), each

    def _exact(self, times: Tensor) -> Tensor:
        """V as plain matrix products: a library's convolution may transform its inputs."""
        weight, bias, _ = self.grids(self.rounding)
        kind = self.exact_type(bias)
        bent = bent_steps(_last_arrival(times, self.steps), self.steps)
        maps = _ramps(times.to(kind), bent).view(-1, *self.shape)
        patches = functional.unfold(maps, self.kernel, 1, self.padding, self.stride)
        v = (weight.to(kind).flatten(1) @ patches).view(bent, len(times), self.map[0], -1)
        v = tapped(drawn(v, self.steps), self.taps)
        passed = torch.arange(1, self.steps + 1, dtype=kind).view(-1, 1, 1, 1)
        return (v + passed * bias.to(kind).view(-1, 1)).flatten(2)

    def shaped(self, rows: Tensor) -> Tensor:
        """Spike times of shape (B, outputs), C,H,W row-major."""
        channels, height, width = self.map
        return rows.view(-1, height * width, channels).transpose(1, 2).flatten(1)

    def extra_repr(self) -> str:
        """Sizes and widths, for printing a model."""
        return (
            f"{self.shape}, {self.map}, kernel={self.kernel}, stride={self.stride}, "
            f"padding={self.padding}, weight_bits={self.weight_bits}, steps={self.steps}"
        )
