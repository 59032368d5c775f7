"""Event data: readers of the usual file formats, time steps out of events, and a camera model."""

from __future__ import annotations

from train.events.base import Events
from train.events.saccade import SaccadeCamera
from train.events.steps import to_steps

__all__ = ["Events", "SaccadeCamera", "to_steps"]
