from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def networks():
    """The module of hand-made networks of the generator's tests."""
    path = Path(__file__).parents[2] / "hw" / "random_networks.py"
    spec = importlib.util.spec_from_file_location("random_networks", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module
