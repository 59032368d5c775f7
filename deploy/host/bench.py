"""How fast and how right a board is on test images."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deploy.host.client import BoardClient
from deploy.host.records import Result
from sim.reference import run_reference
from spikeforge.coding import encode
from spikeforge.network import Network

__all__ = ["BenchResult", "differences", "run_bench"]


@dataclass(frozen=True)
class BenchResult:
    """What came of a run.

    Attributes:
        results: One an image.
        labels: What the images show.
        seconds: From the first packet to the last answer.
        clock_mhz: Of the board.
    """

    results: tuple[Result, ...]
    labels: NDArray[np.uint8]
    seconds: float
    clock_mhz: float

    @property
    def classes(self) -> NDArray[np.int64]:
        """Classes that the board named, shape (B,)."""
        return np.array([each.winner for each in self.results], np.int64)

    @property
    def accuracy(self) -> float:
        """Share of the images with the right class, 0..1."""
        return float((self.classes == self.labels).mean())

    @property
    def cycles_mean(self) -> float:
        """Clock cycles from an image's first event to its class, on average."""
        return float(np.mean([each.cycles for each in self.results]))

    @property
    def us_per_image(self) -> float:
        """The same in microseconds of the board's clock."""
        return self.cycles_mean / self.clock_mhz

    @property
    def images_per_second(self) -> float:
        """Over the line, one image at a time."""
        return len(self.results) / self.seconds

    def section(self) -> dict[str, object]:
        """Keys of the record."""
        cycles = [each.cycles for each in self.results]
        return {
            "accuracy": {"board": self.accuracy}, "clock_mhz": self.clock_mhz,
            "cycles": {"mean": round(self.cycles_mean, 3), "max": max(cycles), "min": min(cycles)},
            "us_per_image": round(self.us_per_image, 3),
            "images_per_second": {"link": round(self.images_per_second, 2)},
            "seconds": round(self.seconds, 3),
        }  # fmt: skip


def run_bench(
    client: BoardClient, images: NDArray[np.uint8], labels: NDArray[np.uint8],
    progress: Callable[[int], None] = lambda count: None,
) -> BenchResult:  # fmt: skip
    """Send images one by one.

    Args:
        client: The board.
        images: uint8, shape (B, H, W) or (B, C, H, W).
        labels: uint8, shape (B,).
        progress: Called with 1 after each image.

    Raises:
        SpikeforgeError: If the board refuses or does not answer.
    """
    clock_mhz = client.board.clock_khz / 1000
    begin = time.monotonic()
    found = []
    for image in images:
        found.append(client.classify(image))
        progress(1)
    return BenchResult(tuple(found), labels, time.monotonic() - begin, clock_mhz)


def differences(network: Network, images: NDArray[np.uint8], found: BenchResult) -> tuple[int, str]:
    """Images whose class or score the integer reference has otherwise; and the first one in words.

    Args:
        network: Whose weights are on the board.
        images: uint8, as they were sent.
        found: What the board answered.
    """
    trace = run_reference(network, encode(images, network.input))
    wanted = list(zip(trace.classes.tolist(), trace.scores.tolist(), strict=True))
    there = [(each.winner, each.score) for each in found.results]
    wrong = [number for number, pair in enumerate(there) if pair != wanted[number]]
    if not wrong:
        return 0, ""
    first = wrong[0]
    return len(wrong), (
        f"{len(wrong)} of {len(there)} images differ from the integer reference; image {first}: "
        f"class {there[first][0]} with {there[first][1]} on the board, class {wanted[first][0]} "
        f"with {wanted[first][1]} by the reference"
    )
