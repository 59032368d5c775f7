from __future__ import annotations

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.config import MemoryMode, configure
from hw.content import architecture_id, hex_files, load_bytes, rows, sections
from hw.geometry import geometry


def _pack(numbers, bits):
    """Numbers into bytes, one bit at a time, the first number in the lowest bits."""
    word = 0
    for place, number in enumerate(numbers):
        for bit in range(bits):
            word |= (number >> bit & 1) << (place * bits + bit)
    return word.to_bytes(-(-len(numbers) * bits // 8), "little")


def _slow_content(network, lanes):
    """(name, rows) of every memory, neuron by neuron, straight from the module's description."""
    found = []
    for layer in network.layers:
        width = min(lanes, layer.outputs)
        groups = [range(begin, begin + width) for begin in range(0, layer.outputs, width)]
        weight = network.tensors[f"{layer.name}.weight"]

        def number(tensor, neuron, layer=layer):
            return int(tensor[neuron]) if neuron < layer.outputs else 0

        found.append((f"{layer.name}_weight", [
            _pack([number(weight[:, source], neuron) for neuron in group], layer.weight_bits)
            for group in groups for source in range(layer.inputs)
        ]))  # fmt: skip
        theta = network.threshold(layer.name)
        if theta is not None:
            bits = layer.neuron.threshold_bits
            words = (
                [_pack([number(theta, n) for n in group], bits) for group in groups]
                if layer.neuron.threshold_per_neuron
                else [_pack([int(theta[0])], bits)]
            )
            found.append((f"{layer.name}_threshold", words))
        bias = network.bias(layer.name)
        if bias is not None:
            found.append((f"{layer.name}_bias", [
                _pack([number(bias, n) for n in group], layer.neuron.bias_bits) for group in groups
            ]))  # fmt: skip
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_content_equals_an_independent_packer(networks, seed):
    case = networks.random_case(seed, images=5)
    network, config = case.network, case.config
    wanted = _slow_content(network, config.lanes)
    layers = geometry(network, config)
    assert [part.name for part in sections(layers)] == [name for name, _ in wanted]
    by_name = {layer.name: layer for layer in layers}
    for part, (name, words) in zip(sections(layers), wanted, strict=True):
        assert [row.tobytes() for row in rows(network, by_name[part.layer], part)] == words, name
        assert (part.depth, part.row_bytes) == (len(words), len(words[0]))
    texts = hex_files(network, config)
    assert {name: [int(line, 16) for line in text.split()] for name, text in texts.items()} == {
        name: [int.from_bytes(word, "little") for word in words] for name, words in wanted
    }
    body = architecture_id(network, config) + b"".join(b"".join(words) for _, words in wanted)
    assert load_bytes(network, config) == body + zlib.crc32(body).to_bytes(4, "little")


def test_rows_of_a_network_packed_by_hand(networks):
    network = networks.network_of(
        networks.Numbers(weight=[[1, -2], [3, -4], [5, -6]], threshold=[9, 10, 11],
                         bias=[1, -1, 2], per_neuron=True),
        networks.Numbers(weight=[[0, -1, 0], [-1, -1, 0]], bits=1),
        input_steps=3,
    )  # fmt: skip
    # Two neurons a row, the first in the low digit; the second group is filled up with zeros.
    assert hex_files(network, configure(network, 2)) == {
        "layer0_weight": "31\nce\n05\n0a\n",
        "layer0_threshold": "a9\n0b\n",
        "layer0_bias": "39\n02\n",  # 3 bits each: 001 and 111, then 010
        "output_weight": "02\n03\n00\n",
    }


def test_one_threshold_for_a_layer_is_one_row(networks):
    network = networks.network_of(
        networks.Numbers(weight=[[1]] * 9, threshold=300), networks.Numbers(weight=[[1] * 9] * 2),
        input_steps=3,
    )  # fmt: skip
    assert hex_files(network, configure(network, 4))["layer0_threshold"] == "012c\n"


def test_architecture_id_is_the_head_of_the_hash(networks):
    case = networks.random_case(4, images=2)
    wanted = case.network.architecture_hash(lanes=case.config.lanes)
    assert architecture_id(case.network, case.config).hex() == wanted[:16]


@pytest.mark.parametrize("memory", MemoryMode)
def test_load_bytes_do_not_depend_on_the_memory_mode(networks, memory):
    network = networks.random_case(4, images=2).network
    assert load_bytes(network, configure(network, 3, memory)) == load_bytes(
        network, configure(network, 3)
    )
