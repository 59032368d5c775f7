"""Random networks come back as they were; random damage never gives a traceback or a change."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from spikeforge.errors import SpikeforgeError
from spikeforge.netfile import load_network, save_network
from spikeforge.network import Network

QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
OPTIONS = st.fixed_dictionaries(
    {
        "shape": st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
        "widths": st.lists(st.integers(2, 9), min_size=1, max_size=4).map(tuple),
        "weight_bits": st.integers(1, 8),
        "steps": st.integers(1, 63),
        "seed": st.integers(0, 1000),
        "bias_bits": st.sampled_from([0, 2, 8, 17]),
        "per_neuron": st.booleans(),
    }
)


def same(one, two):
    assert one.name == two.name
    assert one.structure() == two.structure()
    assert one.metadata == two.metadata
    assert one.content_hash == two.content_hash
    assert one.architecture_hash() == two.architecture_hash()
    assert one.tensors.keys() == two.tensors.keys()
    for key, value in one.tensors.items():
        assert np.array_equal(value, two.tensors[key])


@pytest.fixture(scope="module")
def whole(make_network, tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "net.safetensors"
    save_network(make_network(), path)
    return path.read_bytes(), load_network(path)


def load(data, folder):
    path = folder / "damaged.safetensors"
    path.write_bytes(data)
    return load_network(path)


@settings(max_examples=40, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(OPTIONS)
def test_a_random_network_comes_back(make_parts, tmp_path, options):
    network = Network(**make_parts(**options))
    path = tmp_path / "net.safetensors"
    save_network(network, path)
    first = path.read_bytes()
    found = load_network(path)
    same(network, found)
    save_network(found, path)
    assert path.read_bytes() == first


@QUICK
@given(st.floats(0, 1, exclude_max=True))
@example(0.0)
def test_a_truncated_file_is_refused_at_any_length(whole, tmp_path, share):
    data = whole[0]
    with pytest.raises(SpikeforgeError, match="not a whole safetensors file"):
        load(data[: int(share * len(data))], tmp_path)


def test_a_file_short_of_its_last_bytes_or_with_some_more_is_refused(whole, tmp_path):
    data = whole[0]
    for damaged in (data[:-1], data[:-8], data + b"\0", data + data):
        with pytest.raises(SpikeforgeError, match="not a whole safetensors file"):
            load(damaged, tmp_path)


@QUICK
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1,
                max_size=4))  # fmt: skip
def test_changed_bytes_are_refused_or_change_nothing(whole, tmp_path, changes):
    data = bytearray(whole[0])
    for share, value in changes:
        data[int(share * len(data))] = value
    try:
        found, said = load(bytes(data), tmp_path), ""
    except SpikeforgeError as error:
        found, said = whole[1], str(error)
    same(found, whole[1])
    assert said == "" or said.isprintable()


def test_every_single_flipped_bit_of_the_numbers_is_seen(whole, tmp_path):
    data = whole[0]
    start = 8 + int.from_bytes(data[:8], "little")
    for at, bit in itertools.product(range(start, len(data)), (0, 7)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << bit
        with pytest.raises(SpikeforgeError):
            load(bytes(damaged), tmp_path)


@QUICK
@given(st.binary(max_size=200))
def test_random_bytes_are_refused(tmp_path, data):
    with pytest.raises(SpikeforgeError):
        load(data, tmp_path)
