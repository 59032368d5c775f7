"""Writes the C++ between a Verilated accelerator and Python: ports by name, whole batches."""

from __future__ import annotations

from importlib.resources import files

from hw.interface import Interface
from hw.layer import PROBE_FIELDS

__all__ = ["shim_source"]


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
        f"constexpr int OUTPUTS = {interface.layers[-1].width};",
        f"constexpr int LAYERS = {len(interface.layers)};",
        f"constexpr int FIELDS = {len(PROBE_FIELDS)};",
        f"#define HAS_LOAD {int(interface.loadable)}",
        "#define EACH_PROBE(F) "
        + " ".join(f"F({n}, probe_{part.name})" for n, part in enumerate(interface.layers)),
        "#define EACH_PORT(F) " + " ".join(f"F({n}, {port.name})" for n, port in enumerate(known)),
    ]
    if interface.loadable:
        shift = interface.fields["load__payload"]["data"].shift
        lines.append(f"constexpr int LOAD_DATA = {shift};")
    common = files("sim").joinpath("shim.cpp").read_text()
    text = common.replace("// @CONSTANTS@", "\n".join(lines))
    for name in names:  # Verilator's C++ writes two underscores in a row differently
        text = text.replace(name, name.replace("__", "___05F"))
    return text
