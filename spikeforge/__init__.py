"""Spikeforge: spiking networks from PyTorch to proven RTL, with mW, ms and µJ per image."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
