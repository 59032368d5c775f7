"""The user's cache folder: downloads and compiled models, safe to delete at any time."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

from spikeforge.files import prepare_folder

__all__ = ["cache_folder"]


def cache_folder(*parts: str) -> Path:
    """A folder of the cache, made if need be (``SPIKEFORGE_CACHE`` moves the whole cache).

    Raises:
        SpikeforgeError: If it cannot be written.
    """
    base = os.environ.get("SPIKEFORGE_CACHE")
    root = Path(base) if base else user_cache_path("spikeforge", appauthor=False)
    return prepare_folder(root.joinpath(*parts))
