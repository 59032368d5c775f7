"""Reads a constraints file back and holds it against the ports of the design.

Not a Tcl interpreter: it knows the commands that the hand-off uses, each on a line of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from deploy.asic.constraints import port_pattern
from hw.interface import Port
from spikeforge.errors import SpikeforgeError

__all__ = ["Command", "check_constraints", "read_constraints"]

_OBJECTS = re.compile(r"\[get_(ports|clocks) \{([^{}]+)\}\]")
# Options of each command, and on what it works: ports, clocks, or the design.
_COMMANDS = {
    "create_clock": ({"-name", "-period"}, "ports"),
    "set_clock_uncertainty": (set(), "clocks"),
    "set_clock_transition": (set(), "clocks"),
    "set_driving_cell": ({"-lib_cell", "-pin"}, "ports"),
    "set_input_delay": ({"-clock"}, "ports"),
    "set_output_delay": ({"-clock"}, "ports"),
    "set_load": (set(), "ports"),
    "set_timing_derate": ({"-early", "-late"}, ""),
}  # fmt: skip


@dataclass(frozen=True)
class Command:
    """One command of a constraints file.

    Attributes:
        name: Of the command.
        options: Values by option.
        value: The number without an option, or nothing.
        target: The port or clock it is for, or nothing.
        line: Where it stands, from 1.
    """

    name: str
    options: dict[str, str]
    value: float | None
    target: str | None
    line: int


def read_constraints(text: str) -> list[Command]:
    """Parse a constraints file.

    Raises:
        SpikeforgeError: Names the line that is not understood.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            found.append(_read_line(line, number))
    return found


def _read_line(line: str, number: int) -> Command:
    name, _, rest = line.partition(" ")
    if name not in _COMMANDS:
        raise _wrong(number, f"the command must be one of {', '.join(_COMMANDS)}, not {name!r}")
    allowed, kind = _COMMANDS[name]
    objects = _OBJECTS.findall(rest)
    if [what for what, _ in objects] != ([kind] if kind else []):
        raise _wrong(number, f"{name} must name {f'one of the {kind}' if kind else 'no objects'}")
    words = _OBJECTS.sub("", rest).split()
    options: dict[str, str] = {}
    values: list[str] = []
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            values.append(word)
        elif word in allowed and words:
            options[word] = words.pop(0)
        else:
            raise _wrong(number, f"{name} must not have {word!r} here")
    if len(values) > 1:
        raise _wrong(number, f"{name} must have one value, not {' '.join(values)!r}")
    value = _number(values[0], number) if values else None
    return Command(name, options, value, objects[0][1] if objects else None, number)


def check_constraints(text: str, ports: Iterable[Port], clock: str) -> list[Command]:
    """Check that one clock is made, and that every other port has its delay and its driver or load.

    Raises:
        SpikeforgeError: Names what is missing, twice there, unknown, or longer than the period.
    """
    commands = read_constraints(text)
    ports = list(ports)
    clocks = [command for command in commands if command.name == "create_clock"]
    if [command.target for command in clocks] != [clock]:
        raise SpikeforgeError(f"the constraints must make one clock, on {clock}")
    period = _number(clocks[0].options.get("-period", ""), clocks[0].line)
    names = {port_pattern(port) for port in ports}
    for command in commands:
        if _COMMANDS[command.name][1] == "ports" and command.target not in names:
            raise _wrong(command.line, f"the design has no port {command.target!r}")
        if command.name.endswith("put_delay") and not 0 <= (command.value or 0) < period:
            raise _wrong(command.line, f"the delay must be within the period of {period:g} ns")
    there = Counter((command.name, command.target) for command in commands)
    for port in ports:
        for name in _wanted(port, clock):
            count = there[name, port_pattern(port)]
            if count != 1:
                raise SpikeforgeError(
                    f"the constraints must have one {name} for {port_pattern(port)}, not {count}"
                )
    return commands


def _wanted(port: Port, clock: str) -> tuple[str, ...]:
    if port.name == clock:
        return ("create_clock", "set_driving_cell")
    if port.is_input:
        return ("set_input_delay", "set_driving_cell")
    return ("set_output_delay", "set_load")


def _number(word: str, line: int) -> float:
    try:
        return float(word)
    except ValueError:
        raise _wrong(line, f"{word!r} must be a number") from None


def _wrong(line: int, why: str) -> SpikeforgeError:
    return SpikeforgeError(f"constraints, line {line}: {why}")
