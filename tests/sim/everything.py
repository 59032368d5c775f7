"""Networks that together hold every value of the contract, each as many as can stand together.

A network is all windowed or all stepped, has one input coding and one read-out, and its output
layer fires or does not. So there are three stepped twins, alike but for input and output. Windowed
networks have one coding and one read-out, but two circuits for it, with votes and without: two
twins. Each holds every value that its schedule allows (:func:`left_out` says which it does not).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from hw.config import GradedMode, HardwareConfig, MemoryMode, configure
from sim.fuzz.graph import Draft
from sim.reference import stepped_input
from spikeforge.network import Network
from spikeforge.schema import (
    AfterSpike,
    AvgPool,
    Compare,
    Conv2d,
    Dense,
    FirstSpikePool,
    Flatten,
    InputSpec,
    Leak,
    LeakKind,
    NeuronSpec,
    Overflow,
    Readout,
    Recurrent,
    ResetTiming,
    Residual,
    ResidualKind,
    Rounding,
    Schedule,
    Tap,
    ThresholdShape,
)

SHAPE = (2, 5, 5)
IMAGES = 6
WIDEST = {"membrane_bits": 48, "current_bits": 48, "threshold_bits": 32}

NONE, ALL = Leak(kind="none"), Leak(kind="all")
SHIFT, MULTIPLY = Leak(kind="shift", shift=2), Leak(kind="multiply", shift=4, multiplier=5)
STEPPED = {
    "first": {
        "current_leak": SHIFT, "membrane_leak": MULTIPLY, "rounding": "floor", "compare": "ge",
        "after_spike": "zero", "reset_timing": "same_step", "overflow": "refuse",
        "threshold_per_neuron": True, "refractory": 2,
    },
    "second": {
        "current_leak": ALL, "membrane_leak": NONE, "rounding": "zero", "compare": "gt",
        "after_spike": "subtract", "reset_timing": "next_step", "overflow": "clip",
        "threshold_shape": "falling",
        "taps": (Tap(delay=0, gain=3), Tap(delay=2, gain=-1), Tap(delay=1, gain=2)),
    },
    "third": {
        "current_leak": MULTIPLY, "membrane_leak": ALL, "rounding": "nearest_even",
        "compare": "ge", "after_spike": "zero", "reset_timing": "next_step", "overflow": "clip",
    },
    "own": {
        "current_leak": NONE, "membrane_leak": SHIFT, "rounding": "zero", "compare": "gt",
        "after_spike": "silent", "reset_timing": "same_step", "overflow": "refuse",
        "threshold_shape": "falling",
    },
    "out": {
        "current_leak": MULTIPLY, "membrane_leak": SHIFT, "rounding": "nearest_even",
        "compare": "ge", "after_spike": "subtract", "reset_timing": "same_step",
        "overflow": "clip", "threshold_per_neuron": True, "refractory": 1,
    },
}  # fmt: skip
# Hardware that the tests of these networks share, so that each is compiled once.
HARDWARE = {
    "three lanes": {"lanes": 3, "memory": MemoryMode.INIT, "skip_zero_rows": False},
    "widest": {"memory": MemoryMode.LOAD, "graded": GradedMode.DSP, "skip_zero_rows": True,
               "clock_gating": True},
}  # fmt: skip

# Fields of a neuron that a windowed layer leaves alone.
STEPPED_CHOICES = {
    f"{field}={value}"
    for field, values in {
        "current_leak": LeakKind, "membrane_leak": LeakKind, "compare": Compare,
        "after_spike": AfterSpike, "reset_timing": ResetTiming, "rounding": Rounding,
        "overflow": Overflow, "threshold_shape": ThresholdShape,
    }.items()
    for value in values
}  # fmt: skip


@dataclass(frozen=True)
class Twin:
    """Which of the values that exclude each other a network has."""

    schedule: str
    coding: str
    readout: str
    votes: int
    seed: int
    fires: bool = True

    @property
    def spec(self) -> InputSpec:
        """The input."""
        bits = 3 if self.coding == "graded" else 0
        return InputSpec(coding=self.coding, shape=SHAPE, steps=4, bits=bits)


TWINS = {
    "windowed": Twin("windowed", "ttfs_levels", "max_membrane", 1, 1),
    "windowed, votes": Twin("windowed", "ttfs_levels", "max_membrane", 2, 2),
    "first spike of spikes": Twin("stepped", "spikes", "first_spike", 2, 3),
    "spike count of graded values": Twin("stepped", "graded", "spike_count", 2, 4),
    "membranes of levels": Twin("stepped", "ttfs_levels", "max_membrane", 2, 5, fires=False),
}


@cache
def make(name: str) -> tuple[Network, np.ndarray, dict[str, float]]:
    """A twin's network, encoded images, and the share of neurons that fire, by layer."""
    twin = TWINS[name]
    rng = np.random.default_rng(twin.seed)
    images = _images(rng, twin)
    stepped = twin.schedule == "stepped"
    arriving = stepped_input(twin.spec, images) if stepped else images
    draft = Draft(rng, twin.spec, Schedule(twin.schedule), arriving)
    draft.source = lambda name: name  # every source by its name
    _add_maps(draft)
    _add_vectors(draft, twin)
    network = Network(
        name="everything", input=twin.spec, layers=tuple(draft.layers), tensors=draft.tensors,
        readout=Readout(kind=twin.readout, classes=3, votes=twin.votes),
    )  # fmt: skip
    return network, images, draft.shares


def hardware(name: str, kind: str) -> HardwareConfig:
    """Hardware for a twin; every link of it can be held up."""
    return configure(make(name)[0], stall_links=True, **HARDWARE[kind])


def left_out(name: str) -> set[str]:
    """The choices (:func:`sim.fuzz.choices_of`) that cannot stand in a twin."""
    twin = TWINS[name]
    others = {
        *(f"input={coding}" for coding in ("ttfs_levels", "spikes", "graded")),
        *(f"readout={kind}" for kind in ("max_membrane", "first_spike", "spike_count")),
        "schedule=windowed", "schedule=stepped",
    }  # fmt: skip
    others -= {f"input={twin.coding}", f"readout={twin.readout}", f"schedule={twin.schedule}"}
    if twin.schedule == "stepped":
        return others | ({"option=no_fire"} if twin.fires else set())
    own = {"option=delay", "option=recurrent", "option=refractory", "option=taps"}
    votes = {"option=votes"} if twin.votes == 1 else set()
    return others | own | votes | {"residual=and", "residual=iand"} | STEPPED_CHOICES


def _add_maps(draft: Draft) -> None:
    """Convolutions of all kinds, every join, both pools."""
    stepped = draft.schedule is Schedule.STEPPED
    first = _conv(draft, "first", "input", channels_out=4, kernel=(3, 2), stride=(1, 2),
                  padding=(1, 1), groups=2, weight_bits=8)  # fmt: skip
    size = int(np.prod(draft.shapes[first]))
    plain = {"kernel": (3, 3), "padding": (1, 1), "channels_out": 4}
    second = _conv(draft, "second", first, **plain, weight_bits=4, delay=int(stepped))
    last = second
    if stepped:
        both = _join(draft, "both", "and", first, second, size)
        third = _conv(draft, "third", both, **plain, weight_bits=1)
        last = _join(draft, "inhibited", "iand", second, third, size)
    summed = _join(draft, "sum", "add", first, last, size)
    _, height, width = draft.shapes[summed]
    pooled = draft.add_merge(
        AvgPool(name="pool", source=summed, channels=4, height=height, width=width, kernel=2,
                stride=1), [summed],
    )  # fmt: skip
    _, height, width = draft.shapes[pooled]
    narrow = "third" if not stepped else "second"
    mapped = _conv(draft, "fourth", pooled, neuron=narrow, channels_out=3, kernel=(2, 1),
                   weight_bits=1 if not stepped else 3)  # fmt: skip
    _, height, width = draft.shapes[mapped]
    draft.add_merge(
        FirstSpikePool(name="earliest", source=mapped, channels=3, height=height, width=width,
                       kernel=2, stride=1), [mapped],
    )  # fmt: skip


def _add_vectors(draft: Draft, twin: Twin) -> None:
    """A flattened map, a layer with steps of its own (stepped: that hears itself), the output."""
    stepped = draft.schedule is Schedule.STEPPED
    size = int(np.prod(draft.shapes["earliest"]))
    draft.add_merge(Flatten(name="flat", source="earliest", size=size), ["earliest"])
    own = Dense(
        name="own", source="flat", inputs=size, outputs=7, weight_bits=5,
        recurrent=Recurrent(weight_bits=3) if stepped else None,
        neuron=_neuron(draft, "own", draft.traffic["flat"].steps + 2),
    )  # fmt: skip
    draft.add_neurons(own, "flat")
    fires = stepped and twin.fires
    neuron = _neuron(draft, "out", draft.traffic["own"].steps, fires=fires)
    out = Dense(
        name="out", source="own", inputs=7, outputs=3 * twin.votes, weight_bits=6, neuron=neuron,
        delay=int(stepped),
    )  # fmt: skip
    draft.add_neurons(out, "own")


def _conv(draft: Draft, name: str, source: str, neuron: str = "", **sizes) -> str:
    channels, height, width = draft.shapes[source]
    spec = _neuron(draft, neuron or name, draft.traffic[source].steps)
    layer = Conv2d(name=name, source=source, channels_in=channels, height=height, width=width,
                   neuron=spec, **sizes)  # fmt: skip
    return draft.add_neurons(layer, source)


def _join(draft: Draft, name: str, kind: str, one: str, other: str, size: int) -> str:
    layer = Residual(name=name, sources=(one, other), function=ResidualKind(kind), size=size)
    return draft.add_merge(layer, [one, other])


def _neuron(draft: Draft, name: str, steps: int, *, fires: bool = True) -> NeuronSpec:
    """The neuron of a layer; :mod:`sim.fuzz.fit` finds its thresholds and widths."""
    fields = {**WIDEST, **STEPPED[name]}
    if draft.schedule is Schedule.WINDOWED:
        per_neuron = fields.get("threshold_per_neuron", False)
        fields = {"membrane_bits": 48, "threshold_bits": 32, "threshold_shape": "falling",
                  "threshold_per_neuron": per_neuron}  # fmt: skip
    if not fires:
        fields |= {"threshold_bits": 0, "threshold_shape": "constant",
                   "threshold_per_neuron": False}  # fmt: skip
        fields.pop("refractory", None)
    return NeuronSpec(schedule=draft.schedule, steps=steps, fires=fires, **fields)


def _images(rng: np.random.Generator, twin: Twin) -> np.ndarray:
    """Encoded images: a blank one, a full one, and others in between."""
    spec = twin.spec
    top = {"spikes": 1, "graded": (1 << spec.bits) - 1}.get(twin.coding, spec.steps)
    shape = (IMAGES, spec.steps, spec.size) if twin.coding == "spikes" else (IMAGES, spec.size)
    density = np.linspace(0, 1, IMAGES).reshape(-1, *(1 for _ in shape[1:]))
    values = rng.integers(1, top + 1, shape) * (rng.random(shape) < density)
    return values.astype(np.uint8)
