"""Estimates of power, energy and latency, each with its method, its sources and its gaps."""

from __future__ import annotations

from deploy.power.event import estimate
from deploy.power.profile import Profile, load_profile, profile_names
from deploy.power.result import PowerReport

__all__ = ["PowerReport", "Profile", "estimate", "load_profile", "profile_names"]
