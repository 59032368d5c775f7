"""The neurons of one row: sums, state and parameters in, spikes and new state out."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.scatter.geometry import ScatterGeometry
from hw.scatter.neuron import Update, state_layout, step_neuron
from spikeforge.schema import ThresholdShape

__all__ = ["RowUpdate", "parameter_widths", "state_bits", "thresholds_fall"]


def state_bits(geometry: ScatterGeometry) -> int:
    """Bits that one neuron keeps from step to step; a stepped pool's remember who has spiked."""
    if geometry.windowed:
        return 0
    return 1 if geometry.neuron is None else state_layout(geometry.neuron).size


def parameter_widths(geometry: ScatterGeometry) -> dict[str, int]:
    """Bits of a row's thresholds and biases; 0 where the layer has none."""
    g = geometry
    thetas = g.lanes if g.threshold_per_neuron else 1
    return {"threshold": thetas * g.threshold_bits, "bias": g.lanes * g.bias_bits}


def thresholds_fall(geometry: ScatterGeometry) -> bool:
    """Whether the thresholds depend on the step (a windowed layer divides instead)."""
    neuron = geometry.neuron
    if neuron is None or geometry.windowed or not neuron.fires:
        return False
    return neuron.threshold_shape is ThresholdShape.FALLING


class RowUpdate(wiring.Component):
    """One step (windowed: one image) of the ``lanes`` neurons of a row; combinational.

    Members:
        data: In(lanes * acc_bits). What arrived, lane 0 in the lowest bits.
        state: In(lanes * state_bits). Before the step; zero in step 0.
        threshold: In(threshold_bits, or a lane each).
        bias: In(lanes * bias_bits).
        steps_left: In. ``T - t`` of this step (only with a falling threshold).
        exists: In(lanes). Lanes that hold a neuron.
        new_state: Out(lanes * state_bits). After the step.
        fired: Out(lanes). Who spikes.
        membranes: Out, a lane each. V as compared, in LSBs; in a pool, the level that arrived.
        finals: Out, a lane each. V as stored after the step.

    Ports that the layer has no use for are absent.
    """

    def __init__(self, geometry: ScatterGeometry):
        self._geometry = g = geometry
        shape = unsigned(g.acc_bits) if g.is_pool else signed(g.membrane_bits)
        inputs = parameter_widths(g) | {"state": g.lanes * state_bits(g)}
        if thresholds_fall(g):
            inputs["steps_left"] = g.steps.bit_length()
        used: dict[str, Any] = {name: In(width) for name, width in inputs.items() if width}
        if state_bits(g):
            used["new_state"] = Out(g.lanes * state_bits(g))
        super().__init__(
            {
                **used,
                "data": In(g.lanes * g.acc_bits),
                "exists": In(g.lanes),
                "fired": Out(g.lanes),
                "membranes": Out(shape).array(g.lanes),
                "finals": Out(shape).array(g.lanes),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        g = self._geometry
        thetas = self._add_thetas(m)
        lanes = [self._lane(m, lane, thetas[lane % len(thetas)]) for lane in range(g.lanes)]
        m.d.comb += self.fired.eq(Cat(made.fired for made in lanes) & self.exists)
        if state_bits(g):
            m.d.comb += self.new_state.eq(Cat(made.state for made in lanes))
        for number, made in enumerate(lanes):
            m.d.comb += [
                self.membranes[number].eq(made.membrane),
                self.finals[number].eq(made.final),
            ]
        return m

    def _add_thetas(self, m: Module) -> list[Value]:
        """Thresholds of this step: of each lane, or the layer's one."""
        g = self._geometry
        count = g.lanes if g.threshold_per_neuron else 1
        bits = g.threshold_bits
        if not bits:
            return [Const(0)]
        thetas: list[Value] = [self.threshold[n * bits : (n + 1) * bits] for n in range(count)]
        if not thresholds_fall(g):
            return thetas
        heights = []
        for number, theta in enumerate(thetas):
            height = Signal(bits + len(self.steps_left), name=f"height_{number}")
            m.d.comb += height.eq(theta * self.steps_left)
            heights.append(height)
        return list(heights)

    def _lane(self, m: Module, lane: int, theta: Value) -> Update:
        g = self._geometry
        size = state_bits(g)
        drive = self.data[lane * g.acc_bits : (lane + 1) * g.acc_bits]
        word: Value = Const(0, 0)
        if size:
            word = self.state[lane * size : (lane + 1) * size]
        bias: Value = Const(0, signed(1))
        if g.bias_bits:
            bias = self.bias[lane * g.bias_bits : (lane + 1) * g.bias_bits].as_signed()
        if g.neuron is None:
            return _pooled(drive, word)
        if not g.windowed:
            return step_neuron(m, g.neuron, lane, word, drive.as_signed(), bias, theta)
        membrane = Signal(signed(g.membrane_bits), name=f"membrane_{lane}")
        m.d.comb += membrane.eq(drive.as_signed() + bias)
        fired = membrane >= theta if g.fires else Const(0)
        return Update(state=Const(0, 0), membrane=membrane, final=membrane, fired=fired)


def _pooled(level: Value, spiked: Value) -> Update:
    """The largest level of a window: it passes; in a stepped layer, once an image."""
    able = ~spiked if len(spiked) else Const(1)
    fired = level.any() & able
    state = Mux(able, fired, 1) if len(spiked) else Const(0, 0)
    return Update(state=state, membrane=level, final=level, fired=fired)
