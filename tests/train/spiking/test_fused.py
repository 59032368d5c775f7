from __future__ import annotations

import pytest
import torch

from train.spiking import fused as module
from train.spiking.fused import fused, fusing


@pytest.fixture
def calls(monkeypatch):
    """torch's compiler, replaced by one that notes what it is asked for."""
    seen = []

    def compiler(function, **options):
        def run(*args):
            seen.append(function.__name__)
            return function(*args)

        return run

    monkeypatch.setattr(module.torch, "compile", compiler)
    return seen


def double(x):
    return x + x


def test_functions_are_compiled_only_where_it_is_asked_for(calls):
    twice = fused(double)
    assert twice(torch.ones(1)) == 2
    assert calls == []
    with fusing(True):
        assert twice(torch.ones(1)) == 2
        with fusing(False):
            twice(torch.ones(1))
    twice(torch.ones(1))
    assert calls == ["double"]


def test_without_a_compiler_functions_run_as_they_are(monkeypatch):
    tried = []

    def compiler(function, **options):
        def run(*args):
            tried.append(1)
            raise RuntimeError("no C++ compiler")

        return run

    monkeypatch.setattr(module.torch, "compile", compiler)
    twice = fused(double)
    with fusing(True):
        assert twice(torch.ones(1)) == 2
        assert twice(torch.ones(1)) == 2
    assert len(tried) == 1


def test_an_error_of_the_function_itself_is_told(calls):
    def wrong(x):
        raise RuntimeError("a dead layer")

    with fusing(True), pytest.raises(RuntimeError, match="a dead layer"):
        fused(wrong)(torch.ones(1))
