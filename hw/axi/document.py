"""The register map for people (docs/registers.md) and for programs (JSON)."""

from __future__ import annotations

import json
from dataclasses import asdict

from hw.axi.counters import COUNTER_BITS
from hw.axi.gate import input_rules
from hw.axi.registers import (
    BASE,
    LAYER_BASE,
    LAYER_COUNTERS,
    LAYER_STRIDE,
    Register,
    register_bank,
)  # fmt: skip
from hw.config import HardwareConfig
from hw.content import architecture_id
from hw.interface import Field, interface
from spikeforge.network import Network

__all__ = ["JSON_SCHEMA", "register_json", "register_page"]

JSON_SCHEMA = "spikeforge-registers-1"


def register_json(network: Network, config: HardwareConfig) -> str:
    """Registers and stream fields of one accelerator, as JSON for a host program."""
    outside = interface(network, config)
    rules = input_rules(network, outside)
    record = {
        "schema": JSON_SCHEMA,
        "network": network.name,
        "memory": config.memory.value,
        "identity": int.from_bytes(architecture_id(network, config), "little"),
        "registers": [
            {**asdict(register), "access": register.access.value}
            for register in register_bank(outside)
        ],
        "s_axis": {"fields": _fields(outside.fields["events__payload"]),
                   "inputs": rules.addresses, "levels": rules.levels, "marks": rules.marks},
        "m_axis": {"fields": _fields(outside.fields["result__payload"])},
    }  # fmt: skip
    return json.dumps(record, indent=2) + "\n"


def _fields(fields: dict[str, Field]) -> dict[str, dict[str, int | bool]]:
    return {name: asdict(field) for name, field in fields.items()}


def register_page() -> str:
    """Text of docs/registers.md."""
    head = _HEAD.format(bits=COUNTER_BITS)
    layer = f"Layer n, counted from 0, has its block at 0x{LAYER_BASE:03X} + n * 0x{LAYER_STRIDE:X}"
    return "\n".join([
        head, _table(BASE), "", *_bit_tables(),
        "## Counters of a layer", "",
        f"{layer},",
        "in the order of the accelerator's `probe_` ports. A counter that a layer has no use for",
        "(spikes of the last one) is not mapped.", "",
        _table(tuple(register for register, _, _ in LAYER_COUNTERS)), "", _TAIL,
    ])  # fmt: skip


def _table(registers: tuple[Register, ...]) -> str:
    lines = ["| offset | bits | name | access | meaning |", "| --- | --- | --- | --- | --- |"]
    for part in registers:
        value = f" Reads 0x{part.value:08X}." if part.value else ""
        only = " Only with loaded memories." if part.load_only else ""
        lines.append(f"| 0x{part.offset:03X} | {32 * part.words} | `{part.name}` | "
                     f"{part.access.value} | {part.text}{value}{only} |")  # fmt: skip
    return "\n".join(lines)


def _bit_tables() -> list[str]:
    lines = []
    for register in BASE:
        if not register.fields:
            continue
        lines += [f"### Bits of `{register.name}`", "", "| bits | name | meaning |",
                  "| --- | --- | --- |"]  # fmt: skip
        for field in register.fields:
            high = field.low + field.width - 1
            bits = f"{high}:{field.low}" if field.width > 1 else f"{field.low}"
            lines.append(f"| {bits} | `{field.name}` | {field.text} |")
        lines.append("")
    return lines


_HEAD = """\
# AXI interface and registers

This page is generated from `hw/axi/registers.py`; a test holds it equal to what the code says.

`spikeforge rtl NETWORK --out DIR --bus axi` writes `rtl/axi_accelerator.v`: the accelerator, word
for word as it is verified without AXI, and the top `axi_accelerator` around it. Beside it lies
`rtl/registers.json` with the registers and stream fields of this one network for a host program.

| ports | what they are |
| --- | --- |
| `aclk`, `aresetn` | clock, and reset: active low, sampled at rising edges of `aclk` |
| `s_axi_*` | AXI4-Lite slave, 32-bit data: the registers below |
| `s_axis_*` | AXI4-Stream slave: images as events |
| `m_axis_*` | AXI4-Stream master: results |

No output depends on an input of the same cycle, and no `valid` on a `ready`.

## Streams

A beat of `s_axis` is one item of the accelerator's event stream, from the lowest bit: the mark
bit, the address, the level (`registers.json` says at which bits). TDATA is as wide as the next
power of two, 8 bits or more; bits beyond the item are ignored. There is no TKEEP: all bytes count.

- An event has mark bit 0, an address below the number of inputs (of a map: `(h * W + w) * C + c`),
  and a level of at least 1. One that is out of range is dropped and sets `status.event_error`.
- A mark has mark bit 1 and all else 0. Windowed networks take one mark an image, after its events;
  stepped networks one after each step, as many as the input has steps.
- TLAST belongs to the last mark of an image, so that a packet is an image. TLAST elsewhere, or
  none there, changes nothing in what the accelerator does but sets `status.frame_error`.

A packet of `m_axis` is one result: a beat for each output neuron in order, then the class with
mark bit 1 and TLAST. From the lowest bit: the mark bit, the index, the membrane; TDATA is filled
up with copies of the highest bit, so that an arithmetic shift gives the membrane.

**What a load or a reset command cuts off**: the images under way are dropped. If the packet that is
coming in is not at its end, its rest is dropped up to TLAST (`status.draining`). If a result was
partly sent, its packet is ended by one beat with TLAST whose TDATA is 0: a result whose last beat
has mark bit 0 has no class. `aresetn` resets everything at once, and owes nobody an end.

## Bringing it up

1. Read `magic`, `version` and `identity`; compare the latter with the network's.
2. With loaded memories: write the first word of the content to `load_first` and the others to
   `load_data`, as they come in `content.bin`, lowest byte first. The last word may be filled up:
   what follows the CRC is dropped.
3. Wait for `status.loaded`; `content` then reads the CRC-32 of what was loaded (`zlib.crc32` of all
   but its last four bytes). If `status.load_error` is set instead, the content was not taken.
4. Set `control.enable`. Images are taken in from then on.
5. For counts: write `snapshot` (and `clear`) to `command`, then read the counters at leisure. They
   show the moment of the snapshot, so that their words belong together. Counters have {bits} bits
   (the bits above read 0) and wrap around beyond.

## Rules of the registers

- Words are 32 bits; the two lowest address bits are ignored. 64-bit registers are two words, the
  low one first. One read and one write may be under way at a time; address and data of a write may
  come in any order.
- Byte strobes count: bytes without keep what they hold (`control`), are 0 (`command`), or are left
  out of the load (`load_first`, `load_data`).
- SLVERR answers a read or write where no register is, a write to a register that can only be
  read (nothing changes), and a read of one that can only be written (the data are 0).

## Registers
"""

_TAIL = """\
Rows, updates and compares are counted in cycles of one row of `lanes` weights or membranes each.
"""
