"""A camera model that turns still images into events: N-MNIST's three saccades, simulated.

These events are a model's, not a recording's: nothing made with them is a result on N-MNIST, and
their name says so wherever they are reported.

The image moves before the sensor along a triangle of three straight saccades of 100 ms each, as in
G. Orchard et al., Frontiers in Neuroscience 9, 2015. A pixel sends an ON (OFF) event each time the
logarithm of its light has risen (fallen) by its threshold since its last event, the ideal event
camera of P. Lichtsteiner et al., IEEE JSSC 43, 2008. Light between two moments is interpolated, and
so are the times of events. Thresholds differ from pixel to pixel by a seeded mismatch; there is no
background noise, no latency and no refractory time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError
from train.events.base import Events
from train.events.steps import to_steps

__all__ = ["SaccadeCamera"]

_SACCADE_US = 100_000
_BATCH = 64
_Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]


@dataclass(frozen=True, kw_only=True)
class SaccadeCamera:
    """The camera and its movement.

    Attributes:
        seed: Of the thresholds' mismatch; the same camera for all images.
        size: Height and width of the sensor; the image lies in its middle.
        reach_pixels: Half the width and height of the triangle.
        threshold: Mean change of the logarithm of light that makes an event.
        mismatch: Standard deviation of the thresholds, as a share of their mean.
        dark: Light of a black pixel, where a white one has 1 + dark.
        moments: Moments of a saccade at which the light is computed.
    """

    seed: int = 1
    size: int = 34
    reach_pixels: float = 3.0
    threshold: float = 0.45
    mismatch: float = 0.03
    dark: float = 0.1
    moments: int = 12

    def __post_init__(self) -> None:
        for name, low, high in (
            ("size", 4, 256), ("reach_pixels", 0.1, 64), ("threshold", 0.05, 5),
            ("mismatch", 0, 0.2), ("dark", 0.001, 10), ("moments", 2, 1_000),
        ):  # fmt: skip
            value = getattr(self, name)
            if not low <= value <= high:
                raise SpikeforgeError(f"{name} must be in {low}..{high}, not {value}")

    @cached_property
    def thresholds(self) -> NDArray[np.float32]:
        """Of each pixel, shape (size * size,)."""
        drawn = np.random.default_rng(self.seed).standard_normal(self.size * self.size)
        spread = 1 + self.mismatch * np.clip(drawn, -4, 4)
        return (self.threshold * spread).astype(np.float32)

    def events(self, images: NDArray[np.uint8]) -> list[Events]:
        """The events of each image, which do not depend on the other images.

        Args:
            images: Pixels 0..255, uint8, shape (B, H, W), no larger than the sensor.

        Raises:
            SpikeforgeError: If the images have another form.
        """
        return [found for batch in self._batches(images) for found in self._recorded(batch)]

    def steps(
        self, images: NDArray[np.uint8], steps: int, *, pool: int = 1, counts: bool = False
    ) -> NDArray[np.uint8]:
        """The events of all three saccades in steps, as :func:`train.events.steps.to_steps`.

        Returns:
            Shape (B, steps, 2 * side * side), side = size / pool rounded up; OFF before ON.

        Raises:
            SpikeforgeError: If the images have another form, or a setting is out of its range.
        """
        side = -(-self.size // pool) if pool > 0 else 0
        rows = [
            to_steps(found, steps, (2, side, side), pool=pool, counts=counts, start_us=0,
                     window_us=3 * _SACCADE_US)
            for batch in self._batches(images) for found in self._recorded(batch)
        ]  # fmt: skip
        return np.stack(rows) if rows else np.zeros((0, steps, 2 * side * side), np.uint8)

    def _batches(self, images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
        if images.dtype != np.uint8 or images.ndim != 3 or max(images.shape[1:]) > self.size:
            raise SpikeforgeError(
                f"images must be uint8 of shape (B, H, W), at most {self.size} x {self.size}, not "
                f"{images.dtype} of shape {images.shape}"
            )
        for start in range(0, len(images), _BATCH):
            yield images[start : start + _BATCH]

    def _path(self) -> list[tuple[float, float]]:
        """Shift of the image in pixels (down, right) at each of the 3 * moments + 1 moments."""
        reach = self.reach_pixels
        corners = np.array([(-reach, -reach), (reach, 0.0), (-reach, reach), (-reach, -reach)])
        share = np.arange(1, self.moments + 1)[:, None] / self.moments
        legs = [a + (b - a) * share for a, b in pairwise(corners)]
        return [(float(d), float(r)) for d, r in np.concatenate([corners[:1], *legs])]

    def _light(self, padded: NDArray[np.float32], down: float, right: float) -> NDArray[np.float32]:
        """Logarithm of each pixel's light with the image shifted, shape (B, size * size)."""
        room, size = (padded.shape[1] - self.size) // 2, self.size
        top, left = int(np.floor(-down)), int(np.floor(-right))
        below, beside = -down - top, -right - left
        top, left = top + room, left + room
        rows = padded[:, top : top + size] * (1 - below)
        if below:
            rows += padded[:, top + 1 : top + 1 + size] * np.float32(below)
        light = rows[:, :, left : left + size] * (1 - beside)
        if beside:
            light += rows[:, :, left + 1 : left + 1 + size] * beside
        logarithm: NDArray[np.float32] = np.log(light + np.float32(self.dark))
        return logarithm.reshape(len(padded), -1)

    def _recorded(self, images: NDArray[np.uint8]) -> list[Events]:
        """The events of a batch of images."""
        padded = self._padded(images)
        path = self._path()
        light = self._light(padded, *path[0])
        last = light.copy()  # light at each pixel's last event
        found: list[_Found] = []
        for moment, place in enumerate(path[1:]):
            before, light = light, self._light(padded, *place)
            found.append(self._crossings(before, light, last, moment))
        cell, time_us, polarity = (np.concatenate(parts) for parts in zip(*found, strict=True))
        image, pixel = np.divmod(cell, self.size**2)
        order = np.argsort((image * 3 * _SACCADE_US + time_us) * self.size**2 + pixel)
        image, pixel, time_us, polarity = (
            each[order] for each in (image, pixel, time_us, polarity)
        )
        ends = np.searchsorted(image, np.arange(len(images) + 1))
        row, column = np.divmod(pixel, self.size)
        return [
            Events(
                column[a:b].astype(np.uint16), row[a:b].astype(np.uint16), polarity[a:b],
                time_us[a:b], (self.size, self.size),
            )
            for a, b in pairwise(ends)
        ]  # fmt: skip

    def _padded(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Light 0..1 in the middle of the sensor, with black room for the movement."""
        count, height, width = images.shape
        room = int(np.ceil(self.reach_pixels)) + 1
        side = self.size + 2 * room
        top, left = (side - height) // 2, (side - width) // 2
        padded = np.zeros((count, side, side), np.float32)
        padded[:, top : top + height, left : left + width] = images / np.float32(255)
        return padded

    def _crossings(
        self,
        before: NDArray[np.float32],
        after: NDArray[np.float32],
        last: NDArray[np.float32],
        moment: int,
    ) -> _Found:
        """Events between two moments: cells over (B, pixel), times, polarities; moves ``last``."""
        levels = np.trunc((after - last) / self.thresholds).astype(np.int64)
        image, pixel = np.nonzero(levels)
        number, sign = np.abs(levels[image, pixel]), np.sign(levels[image, pixel])
        cell = np.repeat(image * self.size**2 + pixel, number)
        nth = np.arange(len(cell)) - np.repeat(np.cumsum(number) - number, number) + 1
        image, pixel, sign = (np.repeat(each, number) for each in (image, pixel, sign))
        level = last[image, pixel] + sign * nth * self.thresholds[pixel]
        start, end = before[image, pixel], after[image, pixel]
        share = np.clip((level - start) / np.where(end == start, 1, end - start), 0, 1)
        time_us = ((moment + share) * _SACCADE_US / self.moments).astype(np.int64)
        last += levels * self.thresholds
        return cell, np.minimum(time_us, 3 * _SACCADE_US - 1), (sign > 0).astype(np.uint8)
