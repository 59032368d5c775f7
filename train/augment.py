"""Random distortions of images, a whole chunk of images at once, and their coding to spike times.

One bilinear resampling does it all: a random affine map plus a smooth random field of shifts.
The sampling positions are a product of random coefficients with a fixed basis, so they cost one
matrix multiplication.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional
from torch import Tensor

from train.network_shape import NetworkShape
from train.recipe import Augmentation

__all__ = ["Augmenter", "code", "code_for", "code_input", "grade"]

_GRID = 6  # control points of the elastic field, in each direction
_SPREAD = 0.7  # width of their Gaussians, in control point distances


def code(pixels: Tensor, steps: int, threshold: int = 0) -> Tensor:
    """Latency-code pixels as :func:`spikeforge.coding.encode` does, for real pixels too.

    Args:
        pixels: 0..255, shape (B, inputs), float32 holding integers or values between them.
        steps: T; at most 255.
        threshold: Pixels below it are silent.

    Returns:
        k, integers 0..T as float32, shape (B, inputs).
    """
    levels = pixels.mul(steps).add_(127).div_(255).floor_()
    return levels.mul_(pixels >= threshold) if threshold else levels


def grade(pixels: Tensor, bits: int) -> Tensor:
    """The upper bits of pixels, 0..2**bits - 1, as the contract's graded input takes them."""
    return pixels.mul(2.0 ** (bits - 8)).floor_()


def code_for(shape: NetworkShape, pixels: Tensor) -> Tensor:
    """Code pixels 0..255, shape (B, inputs), as a recipe's network takes them."""
    return code_input(pixels, shape.steps, shape.input_bits, shape.input_threshold)


def code_input(pixels: Tensor, steps: int, bits: int, threshold: int) -> Tensor:
    """Graded values of pixels 0..255, shape (B, inputs), or latency-coded k if ``bits`` is 0."""
    return grade(pixels, bits) if bits else code(pixels, steps, threshold)


class Augmenter:
    """Distorts images as a recipe says.

    Args:
        settings: Amounts; all zero gives the images as they are.
        shape: Channels, height and width of the images; height and width are equal.
    """

    def __init__(self, settings: Augmentation, shape: tuple[int, int, int] = (1, 28, 28)) -> None:
        self._settings = settings
        self._channels, self._side, width = shape
        assert self._side == width, "no set has images that are not square"
        self._basis = _basis(self._side)
        self._buffers = (torch.empty(0), torch.empty(0), torch.empty(0))
        self.active = settings != Augmentation()

    def __call__(self, images: Tensor, source: torch.Generator) -> Tensor:
        """Distort images; pixels that come from outside are black.

        Args:
            images: uint8, shape (B, H, W) or (B, C, H, W); all channels are distorted alike.
            source: Of the random amounts.

        Returns:
            Pixels 0..255, float32, shape (B, C * H * W).
        """
        count = len(images)
        if not self.active:
            return images.flatten(1).to(torch.float32)
        self._reserve(count)
        pixels, places, grid = (buffer[:count] for buffer in self._buffers)
        pixels.copy_(images.reshape(pixels.shape))
        coefficients = self._coefficients(count, source).view(2 * count, -1)
        torch.mm(coefficients, self._basis, out=places.view(2 * count, -1))
        grid.copy_(places.permute(0, 2, 3, 1))
        drawn = functional.grid_sample(pixels, grid, padding_mode="zeros", align_corners=False)
        return drawn.flatten(1)

    def _reserve(self, count: int) -> None:
        """Keep the large intermediate arrays; making them anew costs more than filling them."""
        if len(self._buffers[0]) < count:
            side = self._side
            self._buffers = (
                torch.empty(count, self._channels, side, side),
                torch.empty(count, 2, side, side),
                torch.empty(count, side, side, 2),
            )

    def _coefficients(self, count: int, source: torch.Generator) -> Tensor:
        """Shape (count, 2, 3 + control points): the affine map, then the elastic field."""
        s = self._settings

        def uniform(amount: float) -> Tensor:
            return (torch.rand(count, generator=source) * 2 - 1) * amount

        angle, shear = uniform(math.radians(s.rotation_degrees)), uniform(s.shear)
        zoom_x, zoom_y = uniform(s.scale).exp_(), uniform(s.scale).exp_()
        cosine, sine = angle.cos(), angle.sin()
        half = self._side / 2
        result = torch.randn(count, 2, self._basis.shape[0], generator=source)
        result.mul_(s.elastic_pixels / half)
        result[:, 0, 0] = cosine * zoom_x
        result[:, 0, 1] = (cosine * shear - sine) * zoom_y
        result[:, 1, 0] = sine * zoom_x
        result[:, 1, 1] = (sine * shear + cosine) * zoom_y
        result[:, 0, 2] = uniform(s.shift_pixels / half)
        result[:, 1, 2] = uniform(s.shift_pixels / half)
        if s.mirror:
            result[:, 0] *= torch.rand(count, 1, generator=source).sub_(0.5).sign_()
        return result


def _basis(side: int) -> Tensor:
    """Rows x, y, 1 and one Gaussian per control point, over all pixels; positions in -1..1."""
    line = (torch.arange(side, dtype=torch.float32) + 0.5) / side * 2 - 1
    y, x = (part.flatten() for part in torch.meshgrid(line, line, indexing="ij"))
    knots = (torch.arange(_GRID, dtype=torch.float32) + 0.5) / _GRID * 2 - 1
    knot_y, knot_x = (part.reshape(-1, 1) for part in torch.meshgrid(knots, knots, indexing="ij"))
    distance = (x - knot_x).square() + (y - knot_y).square()
    bumps = torch.exp(-distance / (2 * (2 / _GRID * _SPREAD) ** 2))
    bumps = bumps / bumps.square().sum(0).sqrt()  # the same standard deviation at every pixel
    return torch.cat([torch.stack([x, y, torch.ones_like(x)]), bumps])
