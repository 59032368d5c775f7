"""Bounded proofs of RTL: Yosys writes the circuit as SMT, Z3 looks for a run that breaks a claim.

Both come from PyPI (``pyosys``, ``z3-solver``), so a proof runs wherever the tests do; SymbiYosys,
which would drive the same tools, is not needed. :mod:`sim.prove_always` proves for all time. States
follow each other from reset; in each cycle the solver is asked whether a claim (``Assert``) can
fail there while every assumption (``Assume``) held so far.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.proof_tools import check_tools, run_yosys
from spikeforge.errors import SpikeforgeError

__all__ = ["Proof", "prove"]

_PASSES = (
    "prep -top top", "flatten", "memory_map -formal", "chformal -lower", "async2sync", "dffunmap",
    "opt_clean", "write_smt2 -wires design.smt2",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What the solver found.

    Attributes:
        holds: No claim fails within the bound, and the last cycle can be reached at all.
        cycle: The cycle in which one fails, or the bound.
        signals: In that cycle the value of every named signal; empty where all holds.
    """

    holds: bool
    cycle: int
    signals: dict[str, int]


def prove(rtlil: str, *, depth: int) -> Proof:
    """Look for a run of up to ``depth`` cycles from reset that breaks a claim.

    Args:
        rtlil: The design with ``Assert`` and ``Assume`` statements, as Amaranth writes it; its top
            module is called ``top``, and its ``rst`` port is held low.
        depth: Cycles.

    Raises:
        SpikeforgeError: If the tools are missing, Yosys cannot read the design, or the assumptions
            contradict each other, so that nothing would be proven.
    """
    check_tools()
    import z3

    text = run_yosys(rtlil, _PASSES, ("design.smt2",), {})[0].decode()
    solver = z3.SolverFor("QF_AUFBV")
    solver.from_string(text + "".join(_cycle(number, text) for number in range(depth)))
    going = []
    for number in range(depth):
        going.append(z3.Bool(f"going_{number}"))
        if solver.check(*going, z3.Bool(f"fails_{number}")) != z3.unsat:
            return Proof(holds=False, cycle=number, signals=_signals(solver, text, number))
    if solver.check(*going) != z3.sat:
        raise SpikeforgeError(f"the assumptions leave no run of {depth} cycles: nothing is proven")
    return Proof(holds=True, cycle=depth, signals={})


def _cycle(number: int, text: str) -> str:
    """One more state: what holds in it if the run goes on so far, and whether a claim fails."""
    state = f"s{number}"
    holds = [f"(|top_u| {state})", f"(|top_h| {state})"]
    if number:
        holds.append(f"(|top_t| s{number - 1} {state})")
    else:
        holds += [f"(|top_i| {state})", f"(|top_is| {state})"]
    return (
        f"(declare-const {state} |top_s|)\n(declare-const going_{number} Bool)\n"
        f"(declare-const fails_{number} Bool)\n"
        f"(assert (=> going_{number} (and {' '.join(holds)})))\n"
        f"(assert (=> fails_{number} (not (|top_a| {state}))))\n"
    )


def _signals(solver: object, text: str, number: int) -> dict[str, int]:
    """Values of the named signals in the cycle of a failure."""
    import z3

    assert isinstance(solver, z3.Solver)
    wires = [
        line.split()[2:4] for line in text.splitlines() if line.startswith("; yosys-smt2-wire")
    ]
    probe = z3.Solver()
    lines = [text, f"(declare-const s{number} |top_s|)\n"]
    for place, (name, width) in enumerate(wires):
        sort = "Bool" if width == "1" else f"(_ BitVec {width})"
        lines.append(f"(declare-const w{place} {sort})\n")
        lines.append(f"(assert (= w{place} (|top_n {name}| s{number})))\n")
    probe.from_string("".join(lines))
    model = solver.model()
    found = {}
    for equation, (name, _) in zip(list(probe.assertions())[-len(wires) :], wires, strict=True):
        value = model.eval(equation.arg(1), model_completion=True)
        found[name] = value.as_long() if z3.is_bv_value(value) else int(z3.is_true(value))
    return found
