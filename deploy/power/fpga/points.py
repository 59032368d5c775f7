"""What was published about an FPGA's core current, as read from a TOML file with its sources."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Literal, Self

from pydantic import Field, model_validator

from deploy.power.quantities import Energy, Source, Voltage
from spikeforge.validation import StrictModel, parse

__all__ = ["MemoryRange", "Point", "Published", "WholeDesign", "load_published"]

_FILE = "ice40up5k.toml"


class Point(StrictModel):
    """One measured design.

    Attributes:
        name: What it was.
        core: Current of the core rail in uA.
        pll_rail: Current of the PLL's own rail in uA.
        mhz: Its clock; 0 without one.
        cells: Logic cells.
        busy: Those of them that work on new operands in every cycle.
        dsps: DSP blocks, busy in every cycle.
        hfosc: Whether the internal 48 MHz oscillator runs.
        pll: Whether the PLL runs, on a 12 MHz input.
        outside: Why the point is judged, but not fitted; nothing for a fitted one.
    """

    name: str = Field(min_length=1)
    core: float = Field(gt=0)
    pll_rail: float = Field(ge=0)
    mhz: float = Field(default=0.0, ge=0)
    cells: int = Field(default=0, ge=0)
    busy: int = Field(default=0, ge=0)
    dsps: int = Field(default=0, ge=0)
    hfosc: bool = False
    pll: bool = False
    outside: str | None = None

    @model_validator(mode="after")
    def _busy_cells_are_cells(self) -> Self:
        if self.busy > self.cells:
            raise ValueError(f"busy must be at most the {self.cells} cells, but is {self.busy}")
        return self


class PointsSource(StrictModel):
    """Where all points come from."""

    unit: Literal["uA"]
    source: Source


class WholeDesign(StrictModel):
    """A published design that fills the chip; its cells are not published.

    Attributes:
        mhz: Its clock while ``idle`` and ``running`` were measured.
        cells_at_most: What the chip has.
        idle, running, running_20_mhz: Core current in uA.
    """

    name: str
    mhz: float = Field(gt=0)
    cells_at_most: int = Field(gt=0)
    idle: float = Field(gt=0)
    running: float = Field(gt=0)
    running_20_mhz: float = Field(gt=0)
    unit: Literal["uA"]
    source: Source


class MemoryRange(StrictModel):
    """Ends of what an access may cost."""

    read_low: Energy
    read_high: Energy
    write_low: Energy
    write_high: Energy

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for kind in ("read", "write"):
            low, high = (getattr(self, f"{kind}_{end}").value for end in ("low", "high"))
            if low > high:
                raise ValueError(f"{kind}_low must be at most {kind}_high, but {low} > {high}")
        return self


class Published(StrictModel):
    """All that is published about a device, and ranges for the rest.

    Attributes:
        voltage: Core rail during the measurements.
        points: Measured designs.
        whole_design: A design that fills the chip.
        spram, block_ram: Ranges of an access.
    """

    schema_version: Literal[1]
    device: str
    voltage: Voltage
    points: list[Point] = Field(min_length=7)
    points_source: PointsSource
    whole_design: WholeDesign
    spram: MemoryRange
    block_ram: MemoryRange

    @property
    def fitted(self) -> list[Point]:
        """The points that the model is fitted to."""
        return [point for point in self.points if point.outside is None]

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source, once."""
        ranges = [getattr(memory, field) for memory in (self.spram, self.block_ram)
                  for field in type(memory).model_fields]  # fmt: skip
        found = [self.points_source.source, self.whole_design.source, *(r.source for r in ranges)]
        return tuple(dict.fromkeys(found))


@cache
def load_published() -> Published:
    """Read the shipped file.

    Raises:
        SpikeforgeError: If it is damaged.
    """
    text = resources.files("deploy.power.fpga").joinpath(_FILE).read_text(encoding="utf-8")
    return parse(Published, tomllib.loads(text), _FILE)
