"""The accelerator behind AXI: AXI4-Stream in and out, AXI4-Lite to run it by."""

from __future__ import annotations

from typing import Any

from amaranth import (
    ClockDomain,
    ClockSignal,
    Const,
    Module,
    Mux,
    ResetInserter,
    ResetSignal,
    Signal,
)
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from hw.axi.bank import RegisterBank, axi_lite
from hw.axi.counters import Counters
from hw.axi.gate import Gate, beat_layout, input_rules
from hw.axi.load import LoadPort
from hw.axi.registers import address_width, layer_counters, register_bank
from hw.axi.results import Results
from hw.axi.slice import Slice
from hw.axi.status import Status
from hw.config import HardwareConfig
from hw.content import load_bytes
from hw.instance import add_accelerator
from hw.interface import interface
from spikeforge.network import Network

__all__ = ["AxiAccelerator", "beat_bits"]


def beat_bits(width: int) -> int:
    """Bits of TDATA for a payload: 8, 16, 32, 64 and so on."""
    return max(8, 1 << (width - 1).bit_length())


class AxiAccelerator(wiring.Component):
    """The accelerator's own Verilog module, and around it what AXI asks for.

    Members:
        aclk, aresetn: In(1). Clock, and reset (active low, sampled at rising edges).
        s_axi_*: AXI4-Lite slave, 32-bit data: the registers.
        s_axis_*: AXI4-Stream slave: an image's items; TDATA is the payload of the accelerator's
            ``events`` in its lowest bits, the others ignored; TLAST on an image's last mark.
        m_axis_*: AXI4-Stream master: the payload of its ``result``, filled up with copies of the
            highest bit, the sign of the membrane; TLAST on the class.

    Attributes:
        load_length: Bytes of content that a load takes; 0 where none is loaded.

    The streams take a beat a cycle and add a cycle each to the accelerator's latency. No output
    depends on an input of the same cycle.
    """

    def __init__(self, network: Network, config: HardwareConfig):
        self.outside = interface(network, config)
        self.registers = register_bank(self.outside)
        self._rules = input_rules(network, self.outside)
        self.load_length = len(load_bytes(network, config)) if self.outside.loadable else 0
        self._result_bits = self._width("result__payload")
        lite = axi_lite(address_width(self.registers)).members
        members: dict[str, Any] = {"aclk": In(1), "aresetn": In(1)}
        for name, member in lite.items():  # what its master sends is an input here
            members[f"s_axi_{name}"] = (In if member.flow is Out else Out)(member.shape)
        for name, width, flow, back in (
            ("s_axis", self._rules.width, In, Out), ("m_axis", self._result_bits, Out, In),
        ):  # fmt: skip
            members |= {f"{name}_tdata": flow(beat_bits(width)), f"{name}_tvalid": flow(1),
                        f"{name}_tready": back(1), f"{name}_tlast": flow(1)}  # fmt: skip
        super().__init__(members)

    def _width(self, name: str) -> int:
        return next(port.width for port in self.outside.ports if port.name == name)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.domains.sync = domain = ClockDomain()
        m.d.comb += [domain.clk.eq(self.aclk), domain.rst.eq(~self.aresetn)]
        m.submodules.status = status = Status()
        ports = self._add_accelerator(m, status)
        gate = self._add_input(m, ports, status)
        self._add_result(m, ports, status)
        values: dict[str, Any] = {
            "identity": ports["identity"], "status": status.word,
            "layers": Const(sum(name.startswith("probe_") for name in ports), 32),
            "load_length": Const(self.load_length, 32),
            **self._add_counters(m, ports, gate, status),
        }  # fmt: skip
        if self.outside.loadable:
            m.submodules.load = load = ResetInserter(status.reset)(LoadPort(self.load_length))
            values |= {"content": Mux(status.loaded, load.content, 0), "load_count": load.count}
        m.submodules.bank = bank = RegisterBank(self.registers, frozenset(values))
        m.d.comb += [getattr(bank, f"value_{key}").eq(value) for key, value in values.items()]
        self._add_bank(m, bank, status)
        if self.outside.loadable:
            self._add_load(m, ports, load, bank, status)
        else:
            m.d.comb += status.drop.eq(status.reset)
        return m

    def _add_accelerator(self, m: Module, status: Status) -> dict[str, Signal]:
        """The module as it is generated and verified on its own, reset by command as well."""
        ports = add_accelerator(m, self.outside)
        m.d.comb += [
            ports["clk"].eq(ClockSignal()),
            ports["rst"].eq(ResetSignal() | status.reset),
            status.loaded.eq(ports["loaded"]),
            status.load_error.eq(ports["load_error"]),
        ]
        return ports

    def _add_input(self, m: Module, ports: dict[str, Signal], status: Status) -> Gate:
        m.submodules.gate = gate = Gate(self._rules)
        m.submodules.input_slice = buffer = Slice(beat_layout(self._rules.width))
        connect(m, buffer.o, gate.i)
        m.d.comb += [
            buffer.i.valid.eq(self.s_axis_tvalid),
            buffer.i.p.item.eq(self.s_axis_tdata),
            buffer.i.p.last.eq(self.s_axis_tlast),
            self.s_axis_tready.eq(buffer.i.ready),
            ports["events__valid"].eq(gate.o.valid),
            ports["events__payload"].eq(gate.o.payload),
            gate.o.ready.eq(ports["events__ready"]),
            gate.loaded.eq(status.loaded),
            gate.enable.eq(status.enable),
            gate.drop.eq(status.drop),
        ]
        for name in ("draining", "in_image", "started", "frame_error", "event_error"):
            m.d.comb += getattr(status, name).eq(getattr(gate, name))
        return gate

    def _add_result(self, m: Module, ports: dict[str, Signal], status: Status) -> None:
        last = self.outside.fields["result__payload"]["last"]
        m.submodules.results = results = Results(self._result_bits, last)
        m.submodules.result_slice = buffer = Slice(beat_layout(self._result_bits))
        connect(m, results.o, buffer.i)
        m.d.comb += [
            results.i.valid.eq(ports["result__valid"]),
            results.i.payload.eq(ports["result__payload"]),
            ports["result__ready"].eq(results.i.ready),
            results.drop.eq(status.drop),
            status.done.eq(results.done),
            self.m_axis_tvalid.eq(buffer.o.valid),
            self.m_axis_tdata.eq(buffer.o.p.item.as_signed()),
            self.m_axis_tlast.eq(buffer.o.p.last),
            buffer.o.ready.eq(self.m_axis_tready),
        ]

    def _add_counters(
        self, m: Module, ports: dict[str, Signal], gate: Gate, status: Status
    ) -> dict[str, Signal]:
        """Counters of everything; returns what a host reads of them."""
        mark = self.outside.fields["result__payload"]["last"].shift
        taken = self.m_axis_tvalid & self.m_axis_tready
        steps: dict[str, Any] = {
            "cycles": Const(1, 1), "busy_cycles": status.busy, "input_events": gate.event,
            "images_done": taken & self.m_axis_tdata[mark],
            "input_stalls": self.s_axis_tvalid & ~self.s_axis_tready,
            "result_stalls": self.m_axis_tvalid & ~self.m_axis_tready,
        }  # fmt: skip
        for register, port, name in layer_counters(self.outside):
            fields = self.outside.fields[port]
            if name:
                place = fields[name]
                steps[register.key] = ports[port][place.shift : place.shift + place.width]
            else:
                bits = [ports[port][fields[part].shift] for part in ("valid", "ready")]
                is_mark = ports[port][fields["event.last"].shift]
                steps[register.key] = bits[0] & bits[1] & ~is_mark
        widths = {key: len(step) for key, step in steps.items()}
        m.submodules.counters = counters = Counters(widths)
        m.d.comb += [counters.clear.eq(status.clear), counters.snapshot.eq(status.snapshot)]
        m.d.comb += [getattr(counters, f"step_{key}").eq(step) for key, step in steps.items()]
        return {key: getattr(counters, f"value_{key}") for key in steps}

    def _add_bank(self, m: Module, bank: RegisterBank, status: Status) -> None:
        for name, member in bank.axi.signature.members.items():
            inner, outer = getattr(bank.axi, name), getattr(self, f"s_axi_{name}")
            m.d.comb += inner.eq(outer) if member.flow is In else outer.eq(inner)
        m.d.comb += [
            status.control.eq(bank.hold_control),
            status.command.eq(bank.write_command),
            status.data.eq(bank.data),
            status.strobe.eq(bank.strobe),
        ]

    def _add_load(
        self, m: Module, ports: dict[str, Signal], load: LoadPort, bank: RegisterBank,
        status: Status,
    ) -> None:  # fmt: skip
        payload = ports["load__payload"]
        for name, field in self.outside.fields["load__payload"].items():
            part = payload[field.shift : field.shift + field.width]
            m.d.comb += part.eq(getattr(load.o.p, name))
        begins = load.o.valid & load.o.ready & load.o.p.first
        m.d.comb += [
            ports["load__valid"].eq(load.o.valid),
            load.o.ready.eq(ports["load__ready"]),
            load.write.eq(bank.write_load_first | bank.write_load_data),
            load.first.eq(bank.write_load_first),
            load.data.eq(bank.data),
            load.strobe.eq(bank.strobe),
            bank.wait.eq(load.busy),
            status.drop.eq(status.reset | begins),
            status.loading.eq(
                (load.count != 0) & (load.count != self.load_length) & (status.load_error == 0)
            ),
        ]
