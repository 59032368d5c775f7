"""Where the cache lies."""

from __future__ import annotations

import pytest

from spikeforge.cache import cache_folder
from spikeforge.errors import SpikeforgeError


def test_the_variable_moves_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("SPIKEFORGE_CACHE", str(tmp_path / "mine"))
    folder = cache_folder("models", "x")
    assert folder == tmp_path / "mine" / "models" / "x"
    assert folder.is_dir()


@pytest.mark.parametrize("value", [None, ""])
def test_without_it_the_system_decides(monkeypatch, tmp_path, value):
    monkeypatch.delenv("SPIKEFORGE_CACHE", raising=False)
    if value is not None:
        monkeypatch.setenv("SPIKEFORGE_CACHE", value)
    monkeypatch.setattr("spikeforge.cache.user_cache_path", lambda *a, **o: tmp_path / "system")
    assert cache_folder() == tmp_path / "system"


def test_a_cache_that_cannot_be_made_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SPIKEFORGE_CACHE", str(tmp_path / "file"))
    with pytest.raises(SpikeforgeError, match=r"file/models: (Not a directory|File exists)"):
        cache_folder("models")
