"""Simulation models of FPGA cells, for a synthesized netlist in Verilator.

Logic, flip-flops, carries, pads and the iCE40's memories are the models that come with Yosys. It
has none of PLLs (a clock passes through here: frequency is not simulated) and of the ECP5's block
RAM, which are written below, after Lattice's *ECP5 and ECP5-5G Memory Usage Guide* (FPGA-TN-02204).
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from spikeforge.errors import SpikeforgeError

__all__ = ["cell_models"]

_FILES = {
    "ice40": ("ice40/cells_sim.v",),
    "ecp5": ("lattice/common_sim.vh", "lattice/ccu2c_sim.vh"),
}
_MODULE = re.compile(r"^module (\w+)\b.*?^endmodule", re.MULTILINE | re.DOTALL)
_FLOATING = re.compile(r"^\s*assign B = 1'bz;", re.MULTILINE)
_UNDRIVEN = re.compile(r"\w+ === 1'bz")
_BYTES = 2048  # of 9 bits each
_PLL_ICE40 = """
module SB_PLL40_PAD (input PACKAGEPIN, BYPASS, RESETB, output PLLOUTGLOBAL, LOCK);
  parameter FEEDBACK_PATH = "", DIVR = 0, DIVF = 0, DIVQ = 0, FILTER_RANGE = 0;
  assign PLLOUTGLOBAL = PACKAGEPIN;
  assign LOCK = RESETB;
endmodule
"""
_PLL_ECP5 = """
module EHXPLLL (
  input CLKI, CLKFB, RST, STDBY, ENCLKOP, PHASESEL0, PHASESEL1, PHASEDIR, PHASESTEP, PHASELOADREG,
  input PLLWAKESYNC, output CLKOP, LOCK
);
  parameter CLKI_DIV = 1, CLKFB_DIV = 1, CLKOP_DIV = 1, CLKOP_ENABLE = "", FEEDBK_PATH = "";
  parameter CLKOP_CPHASE = 0, CLKOP_FPHASE = 0;
  assign CLKOP = CLKI;
  assign LOCK = !RST;
endmodule
"""


def cell_models(family: str, netlist: str) -> str:
    """Verilog of all cells that a netlist may use.

    Args:
        family: ``ice40`` or ``ecp5``.
        netlist: The netlist; models that it has no use for are left out.

    Raises:
        SpikeforgeError: If Yosys' models are not installed.
    """
    spec = find_spec("pyosys")
    share = Path(next(iter(spec.submodule_search_locations or []))) / "share" if spec else None
    if share is None or not share.is_dir():
        raise SpikeforgeError("cell models come with pyosys; run 'pip install spikeforge[fpga]'")
    text = "\n".join((share / name).read_text() for name in _FILES[family])
    head = "`define NO_ICE40_DEFAULT_ASSIGNMENTS\n" + text[: _MODULE.search(text).start()]  # type: ignore[union-attr]
    models = {match[1]: match[0] for match in _MODULE.finditer(text)}
    found = _used(models, netlist)
    own = _PLL_ICE40 if family == "ice40" else _PLL_ECP5 + _block_ram_ecp5()
    # Verilator has no undriven inputs: they are 0, which is what the pads' models make of them.
    return _FLOATING.sub("", _UNDRIVEN.sub("1'b0", "\n".join([head, *found, own])))


def _used(models: dict[str, str], netlist: str) -> list[str]:
    """The models that a netlist names, and those that these name."""
    found: dict[str, str] = {}
    texts = [netlist]
    while texts:
        text = texts.pop()
        for name, model in models.items():
            here = name not in found and not name.startswith("SB_PLL")
            if here and re.search(rf"\b{name}\b", text):
                found[name] = model
                texts.append(model)
    return list(found.values())


def _bits(name: str, count: int) -> str:
    return ", ".join(f"{name}{n}" for n in reversed(range(count)))


def _content() -> str:
    """Parameters with the first content, and a memory that begins with it."""
    names = [f"INITVAL_{n:02X}" for n in range(64)]
    parameters = ", ".join(f"{name} = 320'b0" for name in names)
    return f"""
  parameter [319:0] {parameters};
  wire [{64 * 320 - 1}:0] start = {{{", ".join(reversed(names))}}};
  reg [8:0] mem [0:{_BYTES - 1}];
  integer n;
  initial for (n = 0; n < {_BYTES}; n = n + 1)
    mem[n] = start[(n / 32) * 320 + ((n / 2) % 16) * 20 + (n % 2) * 9 +: 9];
"""


def _port(side: str) -> str:
    """A port of 1 to 18 bits; a narrow address names 9 bits, and a place in the lower 8 of them."""
    return f"""
  wire [17:0] DI{side} = {{{_bits(f"DI{side}", 18)}}};
  wire [13:0] AD{side} = {{{_bits(f"AD{side}", 14)}}};
  reg [17:0] out{side};
  wire [10:0] at{side} = AD{side}[13:3];
  wire [10:0] even{side} = {{AD{side}[13:4], 1'b0}};
  wire [8:0] mask{side} = DATA_WIDTH_{side} == 9 ? 9'h1ff
    : ((9'd1 << (DATA_WIDTH_{side} < 9 ? DATA_WIDTH_{side} : 0)) - 9'd1) << AD{side}[2:0];
  wire [8:0] placed{side} = DATA_WIDTH_{side} == 9 ? DI{side}[8:0] : DI{side}[8:0] << AD{side}[2:0];
  always @(posedge CLK{side}) if (CE{side}) begin
    if (WE{side} && DATA_WIDTH_{side} == 18) begin
      if (AD{side}[0]) mem[even{side}] <= DI{side}[8:0];
      if (AD{side}[1]) mem[even{side} | 11'd1] <= DI{side}[17:9];
    end else if (WE{side} && DATA_WIDTH_{side} <= 9)
      mem[at{side}] <= mem[at{side}] & ~mask{side} | placed{side} & mask{side};
    if (RST{side}) out{side} <= 0;
    else if (!WE{side} || WRITEMODE_{side} == "READBEFOREWRITE") begin
      if (DATA_WIDTH_{side} >= 18) out{side} <= {{mem[even{side} | 11'd1], mem[even{side}]}};
      else if (DATA_WIDTH_{side} == 9) out{side} <= {{9'b0, mem[at{side}]}};
      else out{side} <= {{9'b0, mem[at{side}] >> AD{side}[2:0]}};
    end
  end
"""


def _block_ram_ecp5() -> str:
    """DP16KD. With 36 bits port A writes by the inputs of both, port B reads by both outputs."""
    ports = "".join(
        f"""  input {_bits(f"DI{side}", 18)}, {_bits(f"AD{side}", 14)},
  input CE{side}, OCE{side}, CLK{side}, WE{side}, RST{side}, CS{side}2, CS{side}1, CS{side}0,
  output {_bits(f"DO{side}", 18)}{"," if side == "A" else ""}
"""
        for side in "AB"
    )
    return f"""
module DP16KD (
{ports});
  parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18, REGMODE_A = "NOREG", REGMODE_B = "NOREG";
  parameter RESETMODE = "SYNC", ASYNC_RESET_RELEASE = "SYNC", GSR = "AUTO";
  parameter CSDECODE_A = "", CSDECODE_B = "", CLKAMUX = "CLKA", CLKBMUX = "CLKB";
  parameter WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL", WEAMUX = "WEA", WEBMUX = "WEB";
{_content()}{_port("A")}{_port("B")}
  integer k;
  always @(posedge CLKA) if (CEA && WEA && DATA_WIDTH_A == 36)
    for (k = 0; k < 4; k = k + 1) if (ADA[k])
      mem[{{ADA[13:5], 2'b0}} + 11'(k)] <= 9'({{DIB, DIA}} >> (9 * k));
  wire [10:0] four = {{ADB[13:5], 2'b0}};
  reg [35:0] wide;
  always @(posedge CLKB) if (CEB)
    wide <= RSTB ? 36'b0
      : {{mem[four | 11'd3], mem[four | 11'd2], mem[four | 11'd1], mem[four]}};
  assign {{{_bits("DOA", 18)}}} = DATA_WIDTH_B == 36 ? wide[17:0] : outA;
  assign {{{_bits("DOB", 18)}}} = DATA_WIDTH_B == 36 ? wide[35:18] : outB;
endmodule
"""
