from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hw.scatter.content import base_bits, scatter_rows, scatter_sections
from spikeforge.schema import NeuronSpec, Recurrent


def _load():
    path = Path(__file__).with_name("front_bench.py")
    spec = importlib.util.spec_from_file_location("front_bench", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fb = _load()


def _neuron(**given):
    usual = {"schedule": "stepped", "steps": 3, "membrane_bits": 12, "current_bits": 12,
             "threshold_bits": 5, "threshold_per_neuron": True, "bias_bits": 6}  # fmt: skip
    return NeuronSpec(**{**usual, **given})


def _content(g, **tensors):
    """Numbers of each section, read back from its bytes."""
    network = SimpleNamespace(tensors={f"{g.name}.{key}": value for key, value in tensors.items()})
    found = {}
    for section in scatter_sections(g):
        rows = scatter_rows(network, g, section)
        assert rows.shape == (section.depth, section.row_bytes)
        signed = section.tensor not in ("threshold", "index")
        found[section.tensor] = np.array([
            fb.split(int.from_bytes(row.tobytes(), "little"), section.bits, section.lanes, signed)
            for row in rows
        ])  # fmt: skip
    return found


@pytest.mark.parametrize(("out", "groups", "lanes"), [(5, 1, 2), (6, 2, 2), (4, 4, 1), (3, 1, 3)])
def test_rows_of_a_convolution(out, groups, lanes):
    g = fb.conv_geometry(_neuron(), shape=(4, 5, 4), out=out, groups=groups, lanes=lanes)
    rng = np.random.default_rng(out)
    weight = rng.integers(-8, 8, (out, 4 // groups, 3, 3))
    bias, threshold = rng.integers(-32, 32, out), rng.integers(1, 32, out)
    found = _content(g, weight=weight, bias=bias, threshold=threshold)
    assert (found["weight"] == fb.conv_rows(weight, g)).all()
    for row in range(g.block_rows):
        first, count = g.first_neuron(row), g.lanes_in_block(row % g.blocks)
        assert found["bias"][row][:count].tolist() == bias[first : first + count].tolist()
        assert found["threshold"][row][:count].tolist() == threshold[first : first + count].tolist()
        assert not found["bias"][row][count:].any()


def test_rows_of_a_dense_layer_follow_the_wire():
    g = fb.dense_geometry(
        _neuron(threshold_per_neuron=False, bias_bits=0), shape=(2, 2, 3), out=5, lanes=2,
        recurrent=Recurrent(weight_bits=3),
    )  # fmt: skip
    rng = np.random.default_rng(1)
    weight, recurrent = rng.integers(-8, 8, (5, 12)), rng.integers(-4, 4, (5, 5))
    found = _content(g, weight=weight, recurrent=recurrent, threshold=np.array([9]))
    assert list(found) == ["weight", "recurrent", "threshold"]
    assert found["threshold"].tolist() == [[9]]
    for c, h, w in np.ndindex(2, 2, 3):
        wire = (h * 3 + w) * 2 + c
        rows = found["weight"][wire * g.blocks : (wire + 1) * g.blocks].ravel()
        assert rows.tolist() == [*weight[:, (c * 2 + h) * 3 + w], 0]
    for own in range(5):
        rows = found["recurrent"][own * g.blocks : (own + 1) * g.blocks].ravel()
        assert rows.tolist() == [*recurrent[:, own], 0]


def test_an_index_leads_to_the_rows_that_are_stored():
    rng = np.random.default_rng(3)
    weight = rng.integers(1, 8, (5, 6))
    weight[0:2, 1] = weight[:, 3] = weight[4, 5] = 0
    g = fb.dense_geometry(_neuron(), out=5, lanes=2, skip_rows=13)
    found = _content(g, weight=weight, bias=np.zeros(5, int), threshold=np.ones(5, int))
    assert found["weight"].shape == (13, 2)
    for address, word in enumerate(found["index"].ravel()):
        mask, at = int(word) & 7, int(word) >> 3
        assert int(word) < 1 << 3 + base_bits(g)
        for block in range(3):
            numbers = weight[2 * block : 2 * block + 2, address].tolist()
            if mask >> block & 1:
                assert found["weight"][at][: len(numbers)].tolist() == numbers
                at += 1
            else:
                assert not any(numbers)


def test_a_layer_of_zeros_still_stores_a_row():
    g = fb.dense_geometry(_neuron(), out=5, lanes=2, skip_rows=1)
    found = _content(g, weight=np.zeros((5, 6), int), bias=np.zeros(5, int),
                     threshold=np.ones(5, int))  # fmt: skip
    assert found["weight"].tolist() == [[0, 0]]
    assert not found["index"].any()
