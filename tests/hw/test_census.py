from __future__ import annotations

import re

import pytest
from amaranth.back import rtlil

from hw.accelerator import Accelerator
from hw.census import take_inventory
from hw.config import configure
from hw.inventory import Memory, MemoryKind
from hw.verilog import generate_rtlil
from sim.fuzz import random_case


def _tiny(networks, lanes):
    network = networks.network_of(
        networks.Numbers(weight=[[1, 2, 3]] * 4, steps=3, threshold=[5] * 4, per_neuron=True,
                         name="hidden"),
        networks.Numbers(weight=[[1] * 4] * 2, bias=[1, -2]), input_steps=3,
    )  # fmt: skip
    return take_inventory(network, configure(network, lanes))


def test_flip_flops_of_blocks_counted_by_hand(networks):
    found = {block.name: block.flip_flops for block in _tiny(networks, 2).blocks}
    # hidden: V up to 3 * 6 = 18, so 6 bits; k up to 3, 2 bits; 6 rows, so 3 address bits.
    pipeline = 1 + 4 + 2 + 2 + 2 * 4  # ready, four flags, two levels, one row of two weights
    assert found["hidden.integrate"] == pipeline + 3 + 2 * 6
    # Five pointers of 3 bits (write, base, read, end, next_end), ended, next_ended, passes left,
    # mark, fetched; an output register of 1 + 3 + 1 bits and its valid.
    assert found["hidden.replay"] == 5 * 3 + 2 + 1 + 1 + 1 + 5 + 1
    # busy, marking; level, base; pending and its level, base, mark; alive; two falling thresholds
    # of 3 + 2 bits; two membranes; an output register of 1 + 2 + 2 bits and its valid.
    assert found["hidden.fire"] == 2 + 2 + 2 + (2 + 2 + 2 + 1) + 2 + 2 * 5 + 2 * 6 + 5 + 1
    assert found["hidden.threshold_memory"] == 1  # which group comes next
    # V from -2 to 1 + 12: 5 bits. busy, naming, fresh; lane, neuron, winner, best, two kept
    # membranes, a beat of 1 + 1 + 5 bits and its valid.
    assert found["output.readout"] == 3 + 1 + 1 + 1 + 5 + 2 * 5 + 7 + 1


def test_no_flip_flop_is_lost_or_counted_twice(networks):
    """The blocks' sum is the sum of all flip-flops of the netlist."""
    case = networks.random_case(13, images=2)
    text = rtlil.convert(Accelerator(case.network, case.config), name="accelerator")
    cells = [cell for cell in re.split(r"\n  cell ", text) if cell.startswith("$dff ")]
    assert len(cells) == text.count("cell $dff ") > 50
    flops = [re.search(r"parameter \\WIDTH (\d+)", cell) for cell in cells]
    inventory = take_inventory(case.network, case.config)
    assert sum(block.flip_flops for block in inventory.blocks) == sum(int(w[1]) for w in flops)


def test_memories_by_hand(networks):
    assert _tiny(networks, 2).memories == (
        Memory(name="hidden_weight", block="hidden.weight_memory", kind=MemoryKind.WEIGHTS,
               width_bits=8, depth=6, ports=1),
        Memory(name="hidden_threshold", block="hidden.threshold_memory",
               kind=MemoryKind.PARAMETERS, width_bits=6, depth=2, ports=1),
        Memory(name="hidden_events", block="hidden.replay", kind=MemoryKind.EVENTS,
               width_bits=4, depth=4, ports=2),
        Memory(name="output_weight", block="output.weight_memory", kind=MemoryKind.WEIGHTS,
               width_bits=8, depth=4, ports=1),
        Memory(name="output_bias", block="output.bias_memory", kind=MemoryKind.PARAMETERS,
               width_bits=4, depth=1, ports=1),
    )  # fmt: skip


@pytest.mark.parametrize("seed", [3, 5, 8, 13, 30, 44])
def test_events_and_state_lie_in_the_memories_of_the_rtl(seed):
    """Width and depth of each, for any network (content has one port, and whole bytes)."""
    case = random_case(seed, images=2, widest=12)
    config = configure(case.network)
    text = generate_rtlil(case.network, config)
    found = []
    for cell in re.split(r"\n  cell ", text):
        if cell.startswith("\\spikeforge_ram "):
            given = dict(re.findall(r"parameter \\(WIDTH|DEPTH|PORTS) (\d+)", cell))
            if given["PORTS"] == "2":
                found.append((int(given["WIDTH"]), int(given["DEPTH"])))
    memories = [m for m in take_inventory(case.network, config).memories if m.ports == 2]
    assert sorted(found) == sorted((m.width_bits, m.depth) for m in memories)


def test_memories_blocks_exist_among_the_blocks(networks):
    inventory = _tiny(networks, 2)
    assert {memory.block for memory in inventory.memories} <= {b.name for b in inventory.blocks}


def test_more_lanes_need_more_flip_flops_and_the_same_weight_bits(networks):
    few, many = _tiny(networks, 1), _tiny(networks, 4)
    assert sum(b.flip_flops for b in few.blocks) < sum(b.flip_flops for b in many.blocks)

    def weight_bits(inventory):
        return sum(m.width_bits * m.depth for m in inventory.memories
                   if m.kind is MemoryKind.WEIGHTS)  # fmt: skip

    assert weight_bits(few) == weight_bits(many) == (12 + 8) * 4


def test_one_group_has_no_event_memory(networks):
    kinds = [memory.kind for memory in _tiny(networks, 4).memories]
    assert MemoryKind.EVENTS not in kinds
