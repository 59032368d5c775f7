"""Images to input events, in integers only: the one definition that all parts share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError
from spikeforge.schema import InputCoding, InputSpec

__all__ = ["encode"]


def encode(images: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.uint8]:
    """Latency-code pixels: k = (x * T + 127) // 255, so a brighter pixel spikes earlier.

    A value k means a spike at step T - k of the input window; 0 means silence.

    Args:
        images: Pixels 0..255, shape (B, H, W) or (B, C, H, W).
        spec: The input of the network; only ``ttfs_levels`` with at most 255 steps, so far.

    Returns:
        k, shape (B, inputs), 0..T.

    Raises:
        SpikeforgeError: If the images do not have the network's shape, or for another coding.
    """
    if spec.coding is not InputCoding.TTFS_LEVELS or spec.steps > 255:
        raise SpikeforgeError(
            f"input.coding must be ttfs_levels with at most 255 steps here, "
            f"not {spec.coding.value} with {spec.steps}"
        )
    if images.dtype != np.uint8 or images.size != len(images) * spec.size:
        raise SpikeforgeError(
            f"images must be uint8 of shape (B, {', '.join(map(str, spec.shape))}), "
            f"not {images.dtype} of shape {images.shape}"
        )
    pixels = images.reshape(len(images), spec.size).astype(np.uint32)
    levels = (pixels * spec.steps + 127) // 255
    return np.where(pixels >= spec.threshold, levels, 0).astype(np.uint8)
