"""One step of a stepped neuron: every choice of the contract, made while the RTL is built.

Equation: the architecture page, "One neuron". All of it is combinational; a field that the chosen
neuron does not need exists neither as logic nor in the state word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data

from hw.widths import address_bits
from spikeforge.schema import (
    AfterSpike,
    Compare,
    Leak,
    LeakKind,
    NeuronSpec,
    Overflow,
    ResetTiming,
    Rounding,
)

__all__ = ["Update", "leaked", "state_layout", "step_neuron"]


@dataclass(frozen=True, kw_only=True)
class Update:
    """What a step makes of a neuron.

    Attributes:
        state: The new state, of the layout's size.
        membrane: V as compared with the threshold, membrane_bits wide.
        final: V as stored, after a reset of the same step.
        fired: Whether it spikes.
    """

    state: Value
    membrane: Value
    final: Value
    fired: Value


def state_layout(spec: NeuronSpec) -> data.StructLayout:
    """What one neuron must remember from step to step; all zero at the start of an image.

    Fields (each only where the neuron needs it):
        current: I, unless all of it leaks in every step.
        membrane: V, likewise (but a neuron that falls silent keeps V).
        silent: It has spiked and never does again.
        due: Its reset takes effect in the next step.
        resting: Refractory steps that are left.
    """
    fields: dict[str, Any] = {}
    silences = spec.fires and spec.after_spike is AfterSpike.SILENT
    if spec.current_leak.kind is not LeakKind.ALL:
        fields["current"] = signed(spec.current_bits)
    if spec.membrane_leak.kind is not LeakKind.ALL or silences:
        fields["membrane"] = signed(spec.membrane_bits)
    if silences:
        fields["silent"] = 1
    elif spec.fires and spec.refractory:
        fields["resting"] = address_bits(spec.refractory + 1)
    elif spec.fires and spec.reset_timing is ResetTiming.NEXT_STEP and "membrane" in fields:
        fields["due"] = 1
    return data.StructLayout(fields)


def step_neuron(
    m: Module, spec: NeuronSpec, lane: int, state: Value, drive: Value, bias: Value, theta: Value
) -> Update:
    """Add the logic of one neuron's step.

    Args:
        m: Where its signals go.
        spec: The neuron.
        lane: For the names of its signals.
        state: Its state before the step, as laid out by :func:`state_layout`; zero in step 0.
        drive: Sum of the weights that arrived in this step, signed.
        bias: Signed.
        theta: The threshold of this step (for a falling one, times the steps left), unsigned.
    """
    old = data.View(state_layout(spec), state)
    fields = state_layout(spec).members

    def named(name: str, value: Value, bits: int = 0) -> Signal:
        held = Signal(signed(bits) if bits else value.shape(), name=f"{name}_{lane}")
        m.d.comb += held.eq(value)
        return held

    zero = Const(0, signed(1))
    kept = named("kept", old.membrane if "membrane" in fields else zero)
    start = named("start", _reset_due(spec, kept, old, theta)) if "due" in fields else kept
    past = named("past", old.current) if "current" in fields else zero
    total = named("total", leaked(spec.current_leak, spec.rounding, past) + drive)
    current = named("current", _fitted(spec, total, spec.current_bits), spec.current_bits)
    driven = named("driven", leaked(spec.membrane_leak, spec.rounding, start) + current + bias)
    risen = named("risen", _fitted(spec, driven, spec.membrane_bits), spec.membrane_bits)

    able: Value = Const(1)
    if "silent" in fields:
        able = ~old.silent
        risen = named("membrane", Mux(old.silent, kept, risen))
    elif "resting" in fields:
        able = old.resting == 0
        risen = named("membrane", Mux(able, risen, 0))
    fired = named("fires", able & _crosses(spec, risen, theta)) if spec.fires else Const(0)
    final = _after_spike(spec, risen, fired, theta)
    stored = named("stored", final, spec.membrane_bits) if final is not risen else risen
    new = {
        "current": current,
        "membrane": stored,
        "silent": old.silent | fired if "silent" in fields else zero,
        "due": fired,
        "resting": _rest(spec, old, fired) if "resting" in fields else zero,
    }
    word = [new[name][: Value.cast(old[name]).shape().width] for name in fields]
    return Update(state=Cat(word), membrane=risen, final=stored, fired=fired)


def leaked(leak: Leak, rounding: Rounding, x: Value) -> Value:
    """X less its leak."""
    if leak.kind is LeakKind.NONE:
        return x
    if leak.kind is LeakKind.ALL:
        return Const(0, signed(1))
    product = x if leak.kind is LeakKind.SHIFT else x * leak.multiplier
    return x - _shifted(product, leak.shift, rounding)


def _shifted(x: Value, bits: int, rounding: Rounding) -> Value:
    """``x / 2**bits``, rounded."""
    if not bits:
        return x
    below = (1 << bits) - 1
    if rounding is Rounding.ZERO:
        return (x + Mux(x < 0, below, 0)) >> bits
    floor = x >> bits
    if rounding is Rounding.FLOOR:
        return floor
    rest, half = x & below, 1 << (bits - 1)
    return floor + ((rest > half) | ((rest == half) & floor[0]))


def _fitted(spec: NeuronSpec, x: Value, bits: int) -> Value:
    """Clipped to the width, or as it is where it is proven to fit (and partial sums may wrap)."""
    if spec.overflow is Overflow.REFUSE:
        return x
    top = (1 << (bits - 1)) - 1
    return Mux(x > top, top, Mux(x < -top - 1, -top - 1, x))


def _reset_due(spec: NeuronSpec, v: Value, old: Any, theta: Value) -> Value:
    """V after the reset that the last step's spike left to this one."""
    subtracts = spec.after_spike is AfterSpike.SUBTRACT
    return Mux(old.due, v - theta if subtracts else 0, v)


def _crosses(spec: NeuronSpec, v: Value, theta: Value) -> Value:
    return v >= theta if spec.compare is Compare.GREATER_EQUAL else v > theta


def _after_spike(spec: NeuronSpec, v: Value, fired: Value, theta: Value) -> Value:
    """V as stored: reset at once, or untouched."""
    if (
        not spec.fires
        or spec.after_spike is AfterSpike.SILENT
        or spec.reset_timing is ResetTiming.NEXT_STEP
    ):
        return v
    return Mux(fired, v - theta if spec.after_spike is AfterSpike.SUBTRACT else 0, v)


def _rest(spec: NeuronSpec, old: Any, fired: Value) -> Value:
    """Refractory steps that follow this one."""
    return Mux(fired, spec.refractory, Mux(old.resting == 0, 0, old.resting - 1))
