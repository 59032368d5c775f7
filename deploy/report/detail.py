"""The key ``detail`` of ``report.json``: what the plots and tables of the page need."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from spikeforge.validation import StrictModel

__all__ = ["Detail", "Histogram", "History", "LayerSpikes", "Link", "Operating", "Raster"]

Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]
Event = Annotated[list[Count], Field(min_length=2, max_length=2)]
Pixels = Annotated[list[Annotated[int, Field(ge=0, le=255)]], Field(min_length=1, max_length=256)]


class History(StrictModel):
    """Per epoch: training loss, and accuracy (0..1) on the validation split."""

    loss: list[float] = Field(default_factory=list, max_length=10_000)
    validation_accuracy: list[Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=list, max_length=10_000
    )


class Histogram(StrictModel):
    """Images per bin of latency; ``edges`` in cycles, ascending, one more than ``counts``."""

    edges: list[float] = Field(min_length=2, max_length=10_001)
    counts: list[Count] = Field(min_length=1, max_length=10_000)

    @model_validator(mode="after")
    def _edges_enclose_counts(self) -> Histogram:
        if len(self.edges) != len(self.counts) + 1 or self.edges != sorted(self.edges):
            raise ValueError(
                f"must have ascending edges, one more than the {len(self.counts)} counts"
            )
        return self


class LayerSpikes(StrictModel):
    """The spikes of one layer for one image.

    Attributes:
        name: Name of the layer; ``input`` for the pixels.
        size: Number of neurons.
        steps: T of its window.
        events: Pairs (address, k): a spike of that neuron at step T - k.
    """

    name: str = Field(min_length=1, max_length=64)
    size: int = Field(ge=1, le=1 << 24)
    steps: int = Field(ge=1, le=1023)
    events: list[Event] = Field(max_length=200_000)

    @model_validator(mode="after")
    def _events_inside(self) -> LayerSpikes:
        for address, k in self.events:
            if address >= self.size or not 1 <= k <= self.steps:
                raise ValueError(
                    f"events must have an address in 0..{self.size - 1} and k in 1..{self.steps}, "
                    f"but one is ({address}, {k})"
                )
        return self


class Raster(StrictModel):
    """One image on its way through the network.

    Attributes:
        label: The true class.
        predicted: The class that the hardware answered.
        image: Rows of grey levels 0..255, all of one length.
        membranes: Final output membranes in LSBs, one a class.
        layers: Input first, then every layer in order.
    """

    label: Count
    predicted: Count
    image: list[Pixels] = Field(min_length=1, max_length=256)
    membranes: list[int] = Field(min_length=1, max_length=4096)
    layers: list[LayerSpikes] = Field(max_length=256)

    @model_validator(mode="after")
    def _image_is_a_rectangle(self) -> Raster:
        if len({len(row) for row in self.image}) != 1:
            raise ValueError("image must have rows of one length")
        return self


class Link(StrictModel):
    """One row of the exactness table; ``images`` None: this link was not run."""

    link: str
    what: str
    images: Count | None = None
    mismatches: Count | None = None


class Operating(StrictModel):
    """The conditions of the estimate.

    Attributes:
        process: The process in words, ``IHP SG13G2, 130 nm`` say.
        voltage_v: Supply in V.
        temperature_c: Temperature in degrees Celsius.
        timing_checked: True once a timing analysis has confirmed the clock; until then every
            figure that depends on the clock says "timing not checked".
    """

    process: str | None = None
    voltage_v: Amount | None = None
    temperature_c: float | None = None
    timing_checked: bool = False


class Detail(StrictModel):
    """What plots and tables need beyond the figures; every part may be missing (None).

    Attributes:
        confusion: Images per (true class, answered class), square, rows are true classes.
        history: The training curve.
        latency_cycles: Histogram of the latency over the images run.
        bound_cycles_mean: Mean memory bound over the same images, in cycles.
        rasters: A few digits on their way through the layers.
        links: The exactness table.
        assumptions: What the estimates assume, one sentence each.
        unknown: Terms without a readable source, left out of the estimates.
        operating: Process, voltage and temperature of the estimates, and the state of the clock.
        lanes: Neurons updated in parallel.
        schedule: ``windowed`` or ``stepped``, which follows from the network's coding.
        load: ``init``: weights in initialized memory; ``load``: through the load stream.
        seconds: Wall-clock seconds of each stage of the run.
    """

    confusion: list[list[Count]] | None = Field(default=None, max_length=4096)
    history: History | None = None
    latency_cycles: Histogram | None = None
    bound_cycles_mean: Amount | None = None
    rasters: list[Raster] | None = Field(default=None, max_length=16)
    links: list[Link] | None = Field(default=None, max_length=64)
    assumptions: list[str] | None = None
    unknown: list[str] | None = None
    operating: Operating | None = None
    lanes: int | None = Field(default=None, ge=1)
    schedule: Literal["windowed", "stepped"] | None = None
    load: Literal["init", "load"] | None = None
    seconds: dict[str, Amount] | None = None

    @model_validator(mode="after")
    def _confusion_is_square(self) -> Detail:
        if self.confusion is not None:
            sizes = {len(row) for row in self.confusion}
            if sizes != {len(self.confusion)}:
                raise ValueError(
                    f"confusion must be square, not {len(self.confusion)} rows of "
                    f"{', '.join(map(str, sorted(sizes))) or 'nothing'}"
                )
        return self
