"""Which of the contract's choices some networks made: the report of a fuzz run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum

from sim.fuzz.case import FuzzCase
from spikeforge.network import Network
from spikeforge.schema import (
    AfterSpike,
    Compare,
    Conv2d,
    Dense,
    InputCoding,
    LeakKind,
    NeuronSpec,
    Overflow,
    ReadoutKind,
    ResetTiming,
    Residual,
    ResidualKind,
    Rounding,
    Schedule,
    ThresholdShape,
)

__all__ = ["Coverage", "choices_of"]

_EVERY: dict[str, Iterable[str]] = {
    "schedule": Schedule, "input": InputCoding, "readout": ReadoutKind, "residual": ResidualKind,
    "current_leak": LeakKind, "membrane_leak": LeakKind, "compare": Compare,
    "after_spike": AfterSpike, "reset_timing": ResetTiming, "rounding": Rounding,
    "overflow": Overflow, "threshold_shape": ThresholdShape,
    "layer": ("dense", "conv2d", "avg_pool", "first_spike_pool", "flatten", "residual"),
    "option": ("bias", "delay", "groups", "no_fire", "padding", "per_neuron", "recurrent",
               "refractory", "stride", "taps", "votes", "more_steps", "one_bit"),
}  # fmt: skip
_STEPPED = ("current_leak", "membrane_leak", "compare", "after_spike", "reset_timing", "rounding",
            "overflow", "threshold_shape")  # fmt: skip


def choices_of(network: Network) -> set[str]:
    """The choices a network makes, as ``field=value``."""
    found = {f"input={network.input.coding.value}", f"readout={network.readout.kind.value}"}
    if network.readout.votes > 1:
        found.add("option=votes")
    for layer in network.layers:
        found.add(f"layer={layer.kind}")
        if isinstance(layer, Residual):
            found.add(f"residual={layer.function.value}")
        if isinstance(layer, Dense | Conv2d):
            found.add(f"schedule={layer.neuron.schedule.value}")
            found.update(f"option={name}" for name in _options(layer))
            if layer.neuron.steps > network.input.steps:
                found.add("option=more_steps")
            if layer.neuron.schedule is Schedule.STEPPED:
                found.update(f"{field}={_value(layer.neuron, field)}" for field in _STEPPED)
    return found


class Coverage:
    """Counts choices and firing shares over many cases.

    Attributes:
        choices: How many networks made a choice, by ``field=value``.
        shares: Share of neurons that fired, of every layer that fires, in order of arrival.
    """

    def __init__(self) -> None:
        self.choices: Counter[str] = Counter()
        self.shares: list[float] = []

    def add(self, case: FuzzCase) -> None:
        """Count one case."""
        self.choices.update(choices_of(case.network))
        self.shares += case.shares.values()

    @property
    def missing(self) -> list[str]:
        """Choices of the contract that no network made, as ``field=value``."""
        every = (f"{field}={value}" for field, values in _EVERY.items() for value in values)
        return [choice for choice in every if not self.choices[choice]]

    def share_within(self, low: float = 0.05, high: float = 0.6) -> float:
        """Part of the firing layers of which a share of ``low`` to ``high`` fired."""
        inside = sum(low <= share <= high for share in self.shares)
        return inside / len(self.shares) if self.shares else 1.0

    def lines(self) -> Iterator[str]:
        """The report, line by line."""
        for choice, count in sorted(self.choices.items()):
            yield f"{choice}: {count}"
        yield f"missing: {', '.join(self.missing) or 'none'}"
        yield f"layers firing 5 to 60 %: {self.share_within():.1%} of {len(self.shares)}"


def _options(layer: Dense | Conv2d) -> Iterator[str]:
    neuron = layer.neuron
    chosen = {
        "bias": neuron.bias_bits, "delay": layer.delay, "no_fire": not neuron.fires,
        "per_neuron": neuron.threshold_per_neuron, "refractory": neuron.refractory,
        "taps": neuron.taps, "one_bit": layer.weight_bits == 1,
    }  # fmt: skip
    if isinstance(layer, Conv2d):
        chosen |= {"groups": layer.groups > 1, "padding": any(layer.padding),
                   "stride": max(layer.stride) > 1}  # fmt: skip
    else:
        chosen["recurrent"] = layer.recurrent is not None
    return (name for name, used in chosen.items() if used)


def _value(neuron: NeuronSpec, field: str) -> str:
    value = getattr(neuron, field)
    kind = value if isinstance(value, StrEnum) else value.kind
    return str(kind.value)
