"""Images to input events, in integers only: the one definition that all parts share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError
from spikeforge.schema import InputCoding, InputSpec

__all__ = ["encode"]


def encode(images: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.uint8]:
    """Code pixels as the network's input asks for.

    ``ttfs_levels`` latency-codes them: k = (x * T + 127) // 255, so a brighter pixel spikes
    earlier. A value k means a spike at step T - k of the input window; 0 means silence.
    ``graded`` keeps a pixel's upper bits, x >> (8 - bits), a value that is presented every step.

    Args:
        images: Pixels 0..255, shape (B, H, W) or (B, C, H, W).
        spec: The input of the network; for ``ttfs_levels`` with at most 255 steps, so far.

    Returns:
        k (0..T) or the graded value (0..2**bits - 1), shape (B, inputs).

    Raises:
        SpikeforgeError: If the images do not have the network's shape, or the network takes
            ready-made spikes.
    """
    if spec.coding is InputCoding.SPIKES:
        raise SpikeforgeError(
            "input.coding must be ttfs_levels or graded to code images, not spikes: such a network "
            f"takes spikes of shape (B, {spec.steps}, {spec.size})"
        )
    if spec.coding is InputCoding.TTFS_LEVELS and spec.steps > 255:
        raise SpikeforgeError(
            f"input.steps must be in 1..255 to code images by ttfs_levels, not {spec.steps}"
        )
    if images.dtype != np.uint8 or images.size != len(images) * spec.size:
        raise SpikeforgeError(
            f"images must be uint8 of shape (B, {', '.join(map(str, spec.shape))}), "
            f"not {images.dtype} of shape {images.shape}"
        )
    pixels = images.reshape(len(images), spec.size).astype(np.uint32)
    if spec.coding is InputCoding.GRADED:
        return (pixels >> (8 - spec.bits)).astype(np.uint8)
    levels = (pixels * spec.steps + 127) // 255
    return np.where(pixels >= spec.threshold, levels, 0).astype(np.uint8)
