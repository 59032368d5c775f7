from __future__ import annotations

import json
from pathlib import Path

import pytest

from hw.axi.document import JSON_SCHEMA, register_json, register_page
from hw.axi.registers import BASE, LAYER_BASE, LAYER_STRIDE, Access, address_width, register_bank
from hw.config import MemoryMode, configure
from hw.content import architecture_id
from hw.interface import interface

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def network(networks):
    return networks.random_case(13, images=4).network


def words(registers):
    return [part.offset + 4 * n for part in registers for n in range(part.words)]


@pytest.mark.parametrize("memory", MemoryMode)
def test_registers_are_aligned_and_apart(network, memory):
    bank = register_bank(interface(network, configure(network, 5, memory)))
    offsets = words(bank)
    assert offsets == sorted(set(offsets))
    assert all(offset % 4 == 0 for offset in offsets)
    assert all(part.offset % (4 * part.words) == 0 for part in bank)
    assert max(words(BASE)) < LAYER_BASE
    names = [part.name for part in bank]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("register", BASE, ids=lambda part: part.name)
def test_bits_of_a_register_are_apart_and_inside(register):
    bits = [field.low + n for field in register.fields for n in range(field.width)]
    assert len(bits) == len(set(bits))
    assert all(bit < 32 for bit in bits)


def test_load_registers_are_there_only_where_content_is_loaded(network):
    def names(memory):
        bank = register_bank(interface(network, configure(network, 5, memory)))
        return {part.name for part in bank}

    assert names(MemoryMode.LOAD) - names(MemoryMode.INIT) == {
        "load_first", "load_data", "load_count",
    }  # fmt: skip


def test_each_layer_has_a_block_and_only_layers_that_fire_count_spikes(network):
    outside = interface(network, configure(network, 5))
    bank = {part.name: part for part in register_bank(outside)}
    for number, layer in enumerate(outside.layers):
        assert bank[f"{layer.name}.rows_read"].offset == LAYER_BASE + LAYER_STRIDE * number
        assert (f"{layer.name}.spikes" in bank) == layer.fires


def test_addresses_reach_every_register_of_a_deep_network(networks):
    from dataclasses import replace

    few = register_bank_of(networks, 2)
    assert address_width(few) == 12
    far = replace(few[-1], offset=0x1000)
    assert address_width((*few, far)) == 13


def register_bank_of(networks, depth):
    network = networks.random_case(17, images=2, depth=depth).network
    return register_bank(interface(network, configure(network, 3)))


def test_the_page_in_docs_is_what_the_code_says():
    page = ROOT / "docs" / "registers.md"
    assert page.read_text(encoding="utf-8") == register_page()


@pytest.mark.parametrize("register", BASE, ids=lambda part: part.name)
def test_the_page_names_every_register_and_bit(register):
    page = register_page()
    assert f"| 0x{register.offset:03X} | {32 * register.words} | `{register.name}` |" in page
    for field in register.fields:
        assert f"| `{field.name}` | {field.text} |" in page


def test_the_json_holds_what_a_host_needs(network):
    config = configure(network, 5)
    record = json.loads(register_json(network, config))
    outside = interface(network, config)
    assert record["schema"] == JSON_SCHEMA
    assert record["identity"].to_bytes(8, "little") == architecture_id(network, config)
    found = {part["name"]: (part["offset"], part["words"]) for part in record["registers"]}
    assert found == {part.name: (part.offset, part.words) for part in register_bank(outside)}
    assert {part["access"] for part in record["registers"]} == set(Access)
    address = outside.fields["events__payload"]["address"]
    assert record["s_axis"]["fields"]["address"]["shift"] == address.shift
    assert record["s_axis"]["inputs"] == network.input.size
    assert record["m_axis"]["fields"]["membrane"]["signed"] is True
