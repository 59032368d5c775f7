"""Technology profiles: TOML files in which every number has a unit and a source.

A profile holds what was read from a technology's Liberty files (cells, memory macros) and, apart
from that, the assumptions needed to turn it into energies. A number that the technology does not
state is left out of the file; the estimate then names it as unknown.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from deploy.power.quantities import (
    Area,
    Capacitance,
    Energy,
    Frequency,
    Power,
    Ratio,
    Temperature,
    Time,
    Voltage,
)
from spikeforge.errors import SpikeforgeError, nearest
from spikeforge.validation import StrictModel, parse

__all__ = [
    "Assumptions", "Cell", "Clock", "Fitted", "FlipFlop", "Logic", "Macro", "Operating", "Profile",
    "SourceFile", "Wire", "load_profile", "profile_names",
]  # fmt: skip

_MAX_BYTES = 1 << 20

Text = Annotated[str, Field(min_length=1, max_length=400)]


class Operating(StrictModel):
    """The operating point that all numbers of a profile hold for."""

    corner: Text
    voltage: Voltage
    temperature: Temperature


class Clock(StrictModel):
    """The clock used unless told otherwise, and the one beyond which an estimate is refused."""

    default: Frequency
    maximum: Frequency

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.default.value > self.maximum.value:
            raise ValueError(
                f"default must be at most the maximum of {self.maximum.value:g} MHz, "
                f"but is {self.default.value:g} MHz"
            )
        return self


class Assumptions(StrictModel):
    """What no Liberty file can tell; change them in a copy of the profile.

    Attributes:
        toggle_rate: Transitions of a data net per operation on it.
        fan_out: Inputs that a data net drives.
        clock_tree_factor: Energy of the whole clock tree over that of its last nets.
        adders_per_flip_flop: Full adders of logic behind each flip-flop (leakage only).
        muxes_per_flip_flop: Two-way multiplexers behind each flip-flop (leakage only).
    """

    toggle_rate: Ratio
    fan_out: Ratio
    clock_tree_factor: Ratio
    adders_per_flip_flop: Ratio
    muxes_per_flip_flop: Ratio


class Wire(StrictModel):
    """Wire capacitance: of a data net, and of the clock net per flip-flop."""

    net: Capacitance
    clock_per_sink: Capacitance


class Cell(StrictModel):
    """A logic cell: internal energy of an output transition, one input's pin, leakage, area."""

    internal: Energy
    input_pin: Capacitance
    leakage: Power
    area: Area


class FlipFlop(StrictModel):
    """A flip-flop.

    Attributes:
        clock: Internal energy of one clock cycle (both edges), data stable.
        toggle: Internal energy that a change of the stored bit adds to that.
        clock_pin: Capacitance of the clock pin.
        leakage: Static power.
        area: Cell area.
    """

    clock: Energy
    toggle: Energy
    clock_pin: Capacitance
    leakage: Power
    area: Area


class Logic(StrictModel):
    """The cells that operations are composed of."""

    xor2: Cell
    nand2: Cell
    and2: Cell
    mux2: Cell
    flip_flop: FlipFlop


class Macro(StrictModel):
    """One memory macro.

    Attributes:
        name: Cell name in the technology.
        ports: 1: one read/write port; 2: two independent ports.
        width_bits: Bits of a word.
        depth: Number of words.
        read: Internal energy of one read, both clock edges.
        write: Internal energy of one write, both clock edges.
        idle: Internal energy of a clock cycle without access, one port.
        clock_pin: Capacitance of one port's clock pin.
        leakage: Static power; absent where the technology does not state it.
        area: Cell area.
        access: Longest time from the clock edge to the data.
    """

    name: Text
    ports: int = Field(ge=1, le=2)
    width_bits: int = Field(ge=1, le=1024)
    depth: int = Field(ge=2, le=1 << 20)
    read: Energy
    write: Energy
    idle: Energy
    clock_pin: Capacitance
    leakage: Power | None = None
    area: Area
    access: Time


class SourceFile(StrictModel):
    """A file that numbers were read from; the hash is of its unpacked text."""

    file: Text
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Fitted(StrictModel):
    """Energies that were fitted to gate-level runs (benchmarks/fit_event_profile.py).

    Attributes:
        error_total, error_logic, error_block: Largest relative errors on networks that were not in
            the fit: of the total, of all but macros, and of a block above 2 % of the total.
        pj: Energy of a bit of each kind of operation, of a flip-flop and cycle, ...
    """

    error_total: float = Field(ge=0)
    error_logic: float = Field(ge=0)
    error_block: float = Field(ge=0)
    pj: dict[str, Annotated[float, Field(ge=0)]] = Field(max_length=50)


class Profile(StrictModel):
    """A technology, as the event method needs it.

    ``error`` says how far estimates have been found off; ``notes`` are remarks on the numbers that
    every report repeats. A profile with a ``base`` has that one's numbers, and energies fitted to
    gate level on top.
    """

    schema_version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    title: Text
    error: Text
    notes: tuple[Text, ...] = Field(default=(), strict=False, max_length=20)
    operating: Operating
    clock: Clock
    assumptions: Assumptions
    wire: Wire
    logic: Logic
    macros: tuple[Macro, ...] = Field(strict=False, max_length=200)
    sources: tuple[SourceFile, ...] = Field(strict=False, min_length=1, max_length=200)
    base: Text | None = None
    fitted: Fitted | None = None


def profile_names() -> list[str]:
    """Names of the profiles that ship with the package."""
    folder = resources.files("deploy.power") / "profiles"
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )


def load_profile(name_or_path: str | Path) -> Profile:
    """Load a shipped profile by its name, or a user's own by the path of its TOML file.

    Args:
        name_or_path: ``ihp-sg13g2``, say, or a path that ends in ``.toml``.

    Raises:
        SpikeforgeError: If there is no such profile, or it is not a valid one.
    """
    text = str(name_or_path)
    if text.endswith(".toml"):
        return _parse(_read(Path(text)), text)
    if text not in profile_names():
        raise SpikeforgeError(
            f"unknown technology {text!r}{nearest(text, profile_names())}; available: "
            f"{', '.join(profile_names())}, or the path of your own profile ending in .toml"
        )
    return _parse(_shipped(text), f"profile {text}")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SpikeforgeError(
            f"{path}: cannot be read ({error.strerror}); give a profile's name "
            f"({', '.join(profile_names())}) or the path of an existing one"
        ) from None
    if len(raw) > _MAX_BYTES:
        raise SpikeforgeError(f"{path}: larger than 1 MiB, which no technology profile is")
    return raw


def _parse(raw: bytes, where: str) -> Profile:
    data = _toml(raw, where)
    base = data.get("base")
    if base is not None:
        if base not in profile_names():
            raise SpikeforgeError(
                f"{where}: base must be one of {', '.join(profile_names())}, not {base!r}"
            )
        data = {**_toml(_shipped(str(base)), f"profile {base}"), **data}
    return parse(Profile, data, where)


def _shipped(name: str) -> bytes:
    return (resources.files("deploy.power") / "profiles" / f"{name}.toml").read_bytes()


def _toml(raw: bytes, where: str) -> dict[str, object]:
    try:
        return tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpikeforgeError(f"{where}: not a TOML file ({error})") from None
