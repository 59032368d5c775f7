"""The mapped netlist as Verilog that Verilator runs, with every net to be seen.

Each cell becomes the statement of its Liberty function, so what runs is the netlist itself and not
somebody's models. A net is sampled where it has settled, just before the rising edge of the clock:
without delays, a net behind flip-flops changes once a cycle at most, right after that edge. Nets
of clocks are 0 there; what they do follows from their enables (:mod:`deploy.power.gate.waves`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files

from deploy.power.gate.cells import Cell, Pin, State, StateKind
from deploy.power.gate.library import CellLibrary
from deploy.power.gate.netlist import MEMORY, ONE, ZERO, Instance, Netlist
from hw.interface import Interface
from spikeforge.errors import SpikeforgeError

__all__ = ["SIMULATED_TOP", "harness_source", "simulated_verilog"]

SIMULATED_TOP = "simulated"
_WORD = 64
_BUS = re.compile(r"(\w+)\[(\d+)\]$")


def simulated_verilog(netlist: Netlist, library: CellLibrary, models: str) -> str:
    """Verilog of a netlist; its outputs ``w0``, ``w1``, ... hold all nets, 64 each.

    Args:
        netlist: The netlist.
        library: Its cells.
        models: Verilog of the memories, which are instances of modules.

    Raises:
        SpikeforgeError: If a cell's function is not stated.
    """
    words = -(-netlist.net_count // _WORD)
    ports = [f"input [{len(nets) - 1}:0] {name}" for name, nets in netlist.inputs.items()]
    ports += [f"output [{len(nets) - 1}:0] {name}" for name, nets in netlist.outputs.items()]
    ports += [f"output [{_WORD - 1}:0] w{n}" for n in range(words)]
    lines = [f"module {SIMULATED_TOP} (", ",\n".join(ports), ");"]
    held = {net for instance in netlist.instances for net in _held(instance, library)}
    driven = [f"reg n{n} = 0;" if n in held else f"wire n{n};" for n in range(netlist.net_count)]
    lines += driven
    lines += [f"assign n{ZERO} = 0;", f"assign n{ONE} = 1;"]
    lines += [f"assign n{net} = {name}[{bit}];" for name, nets in netlist.inputs.items()
              for bit, net in enumerate(nets)]  # fmt: skip
    lines += [f"assign {name} = {_joined(nets)};" for name, nets in netlist.outputs.items()]
    for number, instance in enumerate(netlist.instances):
        lines += _statements(number, instance, library.cell(instance.cell))
    for n in range(words):
        nets = range(n * _WORD, min((n + 1) * _WORD, netlist.net_count))
        lines.append(f"assign w{n} = {_joined(nets)};")
    return "\n".join([*lines, "endmodule", models, ""])


def _joined(nets: Sequence[int]) -> str:
    return "{" + ", ".join(f"n{net}" for net in reversed(nets)) + "}"


def _held(instance: Instance, library: CellLibrary) -> Iterator[int]:
    """Nets that are a variable: the bit that a flip-flop or latch keeps, if a pin shows it."""
    cell = library.cell(instance.cell)
    if cell.state is not None and cell.state.kind in (StateKind.FLIP_FLOP, StateKind.LATCH):
        shown = _shown(instance, cell.outputs, cell.state)
        if shown is not None:
            yield shown


def _shown(instance: Instance, outputs: Sequence[Pin], state: State) -> int | None:
    """The net that shows the kept bit as it is."""
    for pin in outputs:
        shows = pin.function is not None and pin.function.pin == state.names[0]
        if shows and pin.name in instance.nets:
            return instance.nets[pin.name]
    return None


def _statements(number: int, instance: Instance, cell: Cell) -> Iterator[str]:
    """What one cell does."""
    if cell.state is not None and cell.state.kind is StateKind.MEMORY:
        yield _memory(number, instance)
        return

    def name(pin: str) -> str:
        return f"n{instance.nets.get(pin, ZERO)}"

    kept = cell.state.names if cell.state else ("", "")
    bit = f"b{number}"
    outputs = [pin for pin in cell.outputs if pin.name in instance.nets]
    if cell.state is not None and cell.state.kind is StateKind.CLOCK_GATE:
        clock, data = cell.state.clock.verilog(name), cell.state.data.verilog(name)
        yield f"reg {bit} = 0; always @* if (!{clock}) {bit} = {data};"
        yield f"assign n{instance.nets[outputs[0].name]} = {clock} & {bit};"
        return
    if cell.state is not None:
        shown = _shown(instance, cell.outputs, cell.state)
        if shown is None:
            yield f"reg {bit} = 0;"
        else:
            bit = f"n{shown}"
        yield _sequential(cell.state, bit, name)
    for pin in outputs:
        if pin.function is None:
            raise SpikeforgeError(f"{cell.file}: {cell.name} states no function of {pin.name}")

        def inner(text: str) -> str:
            if cell.state is not None and text in kept:
                return bit if text == kept[0] else f"~{bit}"
            return name(text)

        if f"n{instance.nets[pin.name]}" != bit:
            yield f"assign n{instance.nets[pin.name]} = {pin.function.verilog(inner)};"


def _sequential(state: State, bit: str, name: Callable[[str], str]) -> str:
    clock, data = state.clock.verilog(name), state.data.verilog(name)
    forced = [(one.verilog(name), value) for one, value in ((state.clear, 0), (state.preset, 1))
              if one is not None]  # fmt: skip
    forced = [(text, value) for text, value in forced if text not in _NEVER]
    before = "".join(f"if ({text}) {bit} {{op}} {value}; else " for text, value in forced)
    if state.kind is StateKind.LATCH:
        return f"always @* {before.replace('{op}', '=')}if ({clock}) {bit} = {data};"
    edges = [f"posedge {clock}" if not clock.startswith("~") else f"negedge {clock[1:]}"]
    edges += [f"negedge {text[1:]}" if text.startswith("~") else f"posedge {text}"
              for text, _ in forced]  # fmt: skip
    return f"always @({' or '.join(edges)}) {before.replace('{op}', '<=')}{bit} <= {data};"


_NEVER = (f"n{ZERO}", f"~n{ONE}")
"""A clear that is tied off."""


def _memory(number: int, instance: Instance) -> str:
    """An instance of a memory's model, its buses put together again."""
    pins: dict[str, list[int]] = {}
    for pin, net in instance.nets.items():
        found = _BUS.match(pin)
        pins.setdefault(found[1] if found else pin, []).append(net)
    connected = ", ".join(f".{pin}({_joined(nets)})" for pin, nets in pins.items())
    if not instance.parameters:
        return f"{instance.cell} memory{number} ({connected});"
    chosen = ", ".join(f".{name}({value})" for name, value in instance.parameters.items())
    return f"{MEMORY} #({chosen}) memory{number} ({connected});"


def harness_source(netlist: Netlist, outside: Interface) -> str:
    """C++ that runs images on the netlist and keeps every net of every cycle.

    Args:
        netlist: The netlist.
        outside: Ports of the accelerator.
    """
    words = -(-netlist.net_count // _WORD)
    index = outside.fields["result__payload"]["index"]
    lines = [
        f"constexpr int LOAD_DATA = {outside.fields['load__payload']['data'].shift};",
        f"constexpr int INDEX_SHIFT = {index.shift};",
        f"constexpr uint64_t INDEX_MASK = {(1 << index.width) - 1};",
        f"constexpr int WORDS = {words};",
        "#define EACH_WORD(F) " + " ".join(f"F({n}, w{n})" for n in range(words)),
    ]
    text = files("deploy.power.gate").joinpath("harness.cpp").read_text()
    return text.replace("// @CONSTANTS@", "\n".join(lines))
