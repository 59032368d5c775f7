"""Writes the C++ between a Verilated accelerator and Python: ports by name, whole batches."""

from __future__ import annotations

from importlib.resources import files

from hw.interface import Interface
from hw.layer import PROBE_FIELDS
from hw.scatter.geometry import ScatterGeometry

__all__ = ["shim_source", "tap_names"]


def shim_source(interface: Interface) -> str:
    """C++ source for one accelerator: constants of its port layouts before the common part."""
    known = interface.ports
    wide = [port.name for port in known if port.width > 64]
    assert not wide, f"ports wider than 64 bits: {wide}"
    result = interface.fields["result__payload"]
    names = {port.name for port in known}
    lines = [
        f"constexpr int INDEX_SHIFT = {result['index'].shift};",
        f"constexpr int INDEX_BITS = {result['index'].width};",
        f"constexpr int MEMBRANE_SHIFT = {result['membrane'].shift};",
        f"constexpr int MEMBRANE_BITS = {result['membrane'].width};",
        f"constexpr int OUTPUTS = {interface.outputs};",
        f"constexpr int SUM_ROWS = {_sum_rows(interface)};",
        f"constexpr int LAYERS = {len(interface.layers)};",
        f"constexpr int FIELDS = {len(PROBE_FIELDS)};",
        f"#define HAS_LOAD {int(interface.loadable)}",
        "#define EACH_PROBE(F) "
        + " ".join(f"F({n}, probe_{part.name})" for n, part in enumerate(interface.layers)),
        "#define EACH_PORT(F) " + " ".join(f"F({n}, {port.name})" for n, port in enumerate(known)),
    ]
    lines += _watched(interface)
    if interface.loadable:
        shift = interface.fields["load__payload"]["data"].shift
        lines.append(f"constexpr int LOAD_DATA = {shift};")
    common = files("sim").joinpath("shim.cpp").read_text()
    text = common.replace("// @CONSTANTS@", "\n".join(lines))
    for name in names:  # Verilator's C++ writes two underscores in a row differently
        text = text.replace(name, name.replace("__", "___05F"))
    return text


def _sum_rows(interface: Interface) -> int:
    """Rows of the largest memory of sums, which take a cycle each to clear."""
    layers = interface.layers
    return max((part.rows for part in layers if isinstance(part, ScatterGeometry)), default=0)


def _watched(interface: Interface) -> list[str]:
    """Streams between the layers that can be recorded, and links that can be stalled."""
    entries = []
    for number, name in enumerate(tap_names(interface)):
        fields = interface.fields[name]
        moves = fields["valid"].put(1) | fields["ready"].put(1)
        entries.append(f"F({number}, {name}, {moves}ull)")
    stalls = next((port.width for port in interface.ports if port.name == "stalls"), 0)
    return [
        f"constexpr int STREAMS = {len(entries)};",
        f"constexpr int LINKS = {stalls};",
        f"#define HAS_STALLS {int(stalls > 0)}",
        # Between the input and registers lies logic where no layer with a register comes first.
        f"constexpr bool SETTLE = {str(interface.settles).lower()};",
        "#define EACH_TAP(F) " + " ".join(entries),
    ]


def tap_names(interface: Interface) -> list[str]:
    """Ports that show the streams between the layers, in their order."""
    return [port.name for port in interface.ports if port.name.startswith("tap_")]
