"""Events into time steps: what a stepped network takes as ready-made spikes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikeforge.errors import SpikeforgeError
from train.events.base import Events

__all__ = ["MAX_STEPS", "to_steps"]

MAX_STEPS = 4_096
_MAX_CELLS = 1 << 28


def to_steps(
    events: Events,
    steps: int,
    shape: tuple[int, int, int],
    *,
    window_us: int | None = None,
    start_us: int | None = None,
    pool: int = 1,
    counts: bool = False,
) -> NDArray[np.uint8]:
    """Sort events into steps of equal length.

    Args:
        events: A recording.
        steps: Number of steps.
        shape: Channels, height and width of the result. Two channels keep the polarities apart, OFF
            first; one adds them up.
        window_us: Time that all steps cover together; by default up to and with the last event.
        start_us: Time at which the first step begins; by default at the first event. Events before
            it and after the window are left out.
        pool: Height and width of the square of pixels that become one.
        counts: Number of events of each cell, at most 255; else 1 where there is any.

    Returns:
        Shape (steps, channels * height * width), row-major over (channels, height, width).

    Raises:
        SpikeforgeError: If a setting is out of its range, or the pooled sensor does not have the
            height and width asked for.
    """
    channels, height, width = shape
    _check(events, steps, shape, pool)
    first, last = (int(events.time_us[0]), int(events.time_us[-1])) if len(events) else (0, 0)
    start = first if start_us is None else start_us
    window = max(1, last + 1 - start) if window_us is None else window_us
    if window < 1:
        raise SpikeforgeError(f"window_us must be at least 1, not {window}; give it in us")
    part = events.between(start, start + window)
    step = (part.time_us - start) * steps // window
    channel = part.polarity.astype(np.int64) if channels == 2 else 0
    row, column = part.y.astype(np.int64) // pool, part.x.astype(np.int64) // pool
    cell = ((step * channels + channel) * height + row) * width + column
    found = np.bincount(cell, minlength=steps * channels * height * width)
    limit = 255 if counts else 1
    return np.minimum(found, limit).astype(np.uint8).reshape(steps, -1)


def _check(events: Events, steps: int, shape: tuple[int, int, int], pool: int) -> None:
    channels, height, width = shape
    if not 1 <= steps <= MAX_STEPS:
        raise SpikeforgeError(f"steps must be in 1..{MAX_STEPS}, not {steps}")
    if channels not in (1, 2):
        raise SpikeforgeError(
            f"channels must be 1 (polarities added up) or 2 (OFF, ON), not {channels}"
        )
    if pool < 1:
        raise SpikeforgeError(f"pool must be at least 1, not {pool}")
    pooled = tuple(-(-size // pool) for size in events.shape)
    if (height, width) != pooled:
        raise SpikeforgeError(
            f"a sensor of {events.shape[0]} x {events.shape[1]} pixels pooled by {pool} has "
            f"{pooled[0]} x {pooled[1]}, not {height} x {width}; change shape or pool"
        )
    if steps * channels * height * width > _MAX_CELLS:
        raise SpikeforgeError(
            f"{steps} steps of {channels * height * width} cells are more than {_MAX_CELLS} cells; "
            f"take fewer steps or a larger pool"
        )
