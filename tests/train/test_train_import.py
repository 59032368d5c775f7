from __future__ import annotations

import subprocess
import sys

import pytest

import train


def loads_torch(statement):
    script = f"import sys; {statement}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return done.stdout.strip() == "True"


@pytest.mark.parametrize(
    "statement",
    ["import train", "from train import load_dataset, load_recipe", "import train.idx"],
)
def test_data_and_recipes_need_no_torch(statement):
    assert not loads_torch(statement)


def test_torch_comes_with_what_needs_it():
    assert loads_torch("import train; train.export")


def test_every_name_leads_somewhere_and_functions_are_no_modules():
    for name in train.__all__:
        assert callable(getattr(train, name)), name
    assert train.train.__module__ == "train.trainer"
    assert train.export.__module__ == "train.exporter"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'exprot'"):
        train.exprot  # noqa: B018
