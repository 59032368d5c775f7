"""Memories of every technology against a plain array: random reads and writes, in Verilator."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from amaranth.back import verilog

from deploy.power import load_profile
from hw.memory.sg13g2 import MACROS, sg13g2_models
from hw.memory.technology import BuildPlatform, Technology
from hw.ram import Ram, ram_composition, ram_verilog
from sim.verilator import build_shared_library

# One clock cycle for each row; every port is copied as bytes, whatever its width.
SHIM = """
#include <cstring>
#include "Vmodel.h"
extern "C" void run(int cycles, int stride, const unsigned char* in, int word, unsigned char* out) {
  VerilatedContext context;
  Vmodel top{&context};
  auto put = [](void* port, const unsigned char* from, int size) { std::memcpy(port, from, size); };
  for (int n = 0; n < cycles; n++, in += stride, out += word) {
    const unsigned char* at = in;
    put(&top.re, at, 1); at += 1;
    put(&top.ra, at, sizeof top.ra); at += 4;
    put(&top.we, at, sizeof top.we); at += 8;
    put(&top.wa, at, sizeof top.wa); at += 4;
    put(&top.wd, at, word);
    top.clk = 0; top.eval();
    top.clk = 1; top.eval();
    std::memcpy(out, &top.rd, word);
  }
  top.final();
}
"""
CYCLES = 6000
GENERIC, SPRAM, SG13G2 = Technology
# technology, width, depth, grain, ports
DRIVEN = {
    "generic": (GENERIC, 24, 100, 8, 1),
    "generic, two ports": (GENERIC, 13, 37, 13, 2),
    "spram": (SPRAM, 24, 20000, 8, 1),
    "macros": (SG13G2, 136, 1100, 8, 1),
    "macros, two ports": (SG13G2, 45, 1500, 45, 2),
}
# The same, and the cells that it should be made of.
COMPOSED = [
    (SPRAM, 40, 784, 8, 1, {"SB_SPRAM256KA": 3}),
    (SPRAM, 24, 20000, 8, 1, {"SB_SPRAM256KA": 4}),
    (SPRAM, 40, 100, 8, 1, None),  # block RAM will do
    (SPRAM, 16, 2048, 16, 2, None),  # reads while it writes
    (SG13G2, 136, 256, 8, 1, {"1P_256x64_c2": 2, "1P_256x8_c3": 1}),
    (SG13G2, 64, 784, 8, 1, {"1P_1024x64_c2": 1}),
    (SG13G2, 64, 1100, 8, 1, {"1P_1024x64_c2": 1, "1P_256x64_c2": 1}),
    (SG13G2, 8, 3, 8, 1, None),  # smaller as registers
    (SG13G2, 16, 1024, 8, 2, None),  # two ports write whole words only
    (SG13G2, 14, 1024, 14, 2, {"2P_1024x32_c2": 1}),
    (SG13G2, 45, 1500, 45, 2, {"2P_1024x32_c2": 2, "2P_512x32_c2": 2}),
]


def _bytes(width):
    """Bytes that Verilator keeps a port of this width in."""
    return next((n for n in (1, 2, 4, 8) if width <= 8 * n), 4 * -(-width // 32))


def _compile(technology, width, depth, grain, ports, folder):
    ram = Ram(width=width, depth=depth, grain=grain, ports=ports)
    text = verilog.convert(
        ram, name="memory", platform=BuildPlatform(memory_technology=technology), emit_src=False
    )
    path, shim = folder / "memory.v", folder / "shim.cpp"
    path.write_text(text + ram_verilog(text))
    shim.write_text(SHIM)
    library = build_shared_library(path, "memory", shim, folder, folder / "log")
    return text, ctypes.CDLL(str(library))


def _stimulus(rng, depth, grains, ports):
    """Random reads and writes, many of them of few words, often of the same word at once."""
    few = rng.integers(0, depth, 6)
    addresses = np.where(rng.random((2, CYCLES)) < 0.5, rng.integers(0, depth, (2, CYCLES)),
                         rng.choice(few, (2, CYCLES)))  # fmt: skip
    read = rng.random(CYCLES) < 0.6
    write = rng.random((CYCLES, grains)) < 0.7
    write &= (rng.random(CYCLES) < 0.5)[:, None]
    if ports == 1:
        write[read] = False
    return read, addresses[0], write, addresses[1]


def _drive(library, width, grain, read, ra, write, wa, wd):
    word = _bytes(width)
    rows = np.zeros((CYCLES, 17 + word), np.uint8)
    rows[:, 0] = read
    rows[:, 1:5] = ra.astype("<u4")[:, None].view(np.uint8)
    masks = (write * (1 << np.arange(width // grain, dtype=object))).sum(axis=1)
    rows[:, 5:13] = masks.astype("<u8")[:, None].view(np.uint8)
    rows[:, 13:17] = wa.astype("<u4")[:, None].view(np.uint8)
    packed = np.packbits(wd, axis=1, bitorder="little")
    rows[:, 17 : 17 + packed.shape[1]] = packed
    out = np.zeros((CYCLES, word), np.uint8)
    pointer = ctypes.c_void_p
    library.run(CYCLES, rows.shape[1], rows.ctypes.data_as(pointer), word,
                out.ctypes.data_as(pointer))  # fmt: skip
    return np.unpackbits(out, axis=1, bitorder="little")[:, :width]


@pytest.mark.parametrize("case", DRIVEN)
def test_memory_equals_an_array(case, tmp_path):
    technology, width, depth, grain, ports = DRIVEN[case]
    _, library = _compile(technology, width, depth, grain, ports, tmp_path)
    rng = np.random.default_rng(len(case))
    read, ra, write, wa = _stimulus(rng, depth, width // grain, ports)
    wd = rng.integers(0, 2, (CYCLES, width)).astype(np.uint8)
    got = _drive(library, width, grain, read, ra, write, wa, wd)
    held, known = np.zeros((depth, width), np.uint8), np.zeros((depth, width), bool)
    out, sure = None, None
    compared = unknown = 0
    for n in range(CYCLES):
        if read[n]:
            out, sure = held[ra[n]].copy(), known[ra[n]].copy()
        elif ports == 1 and write[n].any():
            out = None  # one port: what was read before is not kept
        mask = np.repeat(write[n], grain)
        held[wa[n], mask] = wd[n, mask]
        known[wa[n]] |= mask
        if out is not None:
            assert (got[n] == out)[sure].all(), f"cycle {n}, word {ra[n]}"
            compared += int(sure.sum())
            unknown += int(got[n][~sure].sum())
    assert compared > 20 * CYCLES * width / 100
    assert unknown > 0, "what was never written must not read as 0"


@pytest.mark.parametrize(("technology", "width", "depth", "grain", "ports", "wanted"), COMPOSED)
def test_cells_are_those_that_the_size_asks_for(technology, width, depth, grain, ports, wanted):
    found = ram_composition(technology, width=width, depth=depth, grain=grain, ports=ports)
    if wanted is None:
        assert found is None
        return
    assert all(bank.width >= width for bank in found.banks)
    assert sum(bank.depth for bank in found.banks) >= depth
    plain = {
        name.removeprefix("RM_IHPSG13_").removesuffix("_bm_bist"): count
        for name, count in found.count().items()
    }
    assert plain == wanted


def test_macros_are_those_of_the_power_profile():
    """From the same Liberty files; the one without a write mask is left out."""
    known = {
        macro.name: (macro.ports, macro.width_bits, macro.depth, macro.area.value)
        for macro in load_profile("ihp-sg13g2").macros
    }
    ours = {
        cell.name: (ports, cell.width, cell.depth, cell.area_um2)
        for ports, cells in MACROS.items()
        for cell in cells
    }
    assert ours.items() <= known.items()
    assert known.keys() - ours.keys() == {"RM_IHPSG13_1P_8192x32_c4"}


@pytest.mark.parametrize(
    ("ports", "cell"), [(ports, cell) for ports, cells in MACROS.items() for cell in cells],
    ids=lambda value: getattr(value, "name", value),
)  # fmt: skip
def test_a_macros_model_has_the_pins_of_the_macro(ports, cell):
    """Data and masks of its width, addresses of its depth, once a port and once for its test."""
    text = sg13g2_models(f"{cell.name} ram (")
    head = text[text.index(f"module {cell.name} (") :]
    head = head[: head.index(");")]
    data, address = f"[{cell.width - 1}:0]", f"[{cell.depth.bit_length() - 2}:0]"
    assert 1 << cell.depth.bit_length() - 1 == cell.depth
    for letter in "AB"[:ports]:
        for pin in ("DIN", "BM", "BIST_DIN", "BIST_BM"):
            assert f"input wire {data} {letter}_{pin}" in head
        assert f"output wire {data} {letter}_DOUT" in head
        for pin in ("ADDR", "BIST_ADDR"):
            assert f"input wire {address} {letter}_{pin}" in head
    assert f"{'AB'[ports - 1]}_DOUT" in head
    assert ("B_DOUT" in head) is (ports == 2)
