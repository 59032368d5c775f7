"""Proofs for all time, or to a depth: Yosys writes an and-inverter graph, ABC decides it.

ABC comes with ``pyosys`` from PyPI. For all time it looks for an inductive invariant, first by
signal correspondence, then by property directed reachability (Bradley, VMCAI 2011; Een, Mishchenko
and Brayton, FMCAD 2011). To a depth it unrolls the circuit and asks a SAT solver. Either way each
``Cover`` of the design must be reachable under the assumptions, or the proof says nothing.

Everything that has no value yet (memories, registers without reset) has any.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from sim.proof_tools import TOP, abc_path, check_tools, run_yosys
from sim.prove import Proof
from spikeforge.errors import SpikeforgeError

__all__ = ["first_reached", "prove_always", "prove_within"]

_BEGIN = (
    f"prep -top {TOP}", "flatten", "memory_nordff", "memory_map -formal", "chformal -lower",
    "async2sync", "formalff -clk2ff -ff2anyinit", "setundef -undriven -anyseq", "design -save both",
)  # fmt: skip
_TO_GATES = (
    "opt -full", "techmap", "opt -fast", "formalff -clk2ff -ff2anyinit", "simplemap", "dffunmap",
    "aigmap", "opt_clean",
)  # fmt: skip
_WRITE = "write_aiger -zinit -I -B -L"
_PASSES = (
    *_BEGIN, "chformal -cover -remove", *_TO_GATES, f"{_WRITE} claims.aig",
    # A cover is reached where the claim that it never holds fails.
    "design -load both", "chformal -assert -remove", "techmap -map cover.v", *_TO_GATES,
    f"{_WRITE} covers.aig",
)  # fmt: skip
_COVER = r"""(* techmap_celltype = "$cover" *)
module never (input A, input EN);
  \$assert _TECHMAP_REPLACE_ (.A(~A), .EN(EN));
endmodule
"""
_FAILED = re.compile(r"was asserted in frame +(\d+)")
_REDUCE = "read_aiger design.aig; fold; strash; orpos; dc2; scorr; write_aiger small.aig"


def prove_always(rtlil: str, *, depth: int, seconds: int = 900) -> Proof:
    """Prove the claims (``Assert``) of a design for runs of any length.

    Args:
        rtlil: The design, as for :func:`sim.prove.prove`, with at least one ``Cover``.
        depth: Cycles within which each cover must be reachable.
        seconds: Time after which ABC gives up.

    Raises:
        SpikeforgeError: If tools are missing, a cover is out of reach, or ABC finds neither a
            proof nor a failure.
    """
    claims, covers = _graphs(rtlil)
    _first_met(covers, depth)
    return _decided(claims, f"pdr -y -T {seconds}", "Property proved", depth)


def prove_within(rtlil: str, *, depth: int, seconds: int = 900) -> Proof:
    """Prove the claims for the first ``depth`` cycles; arguments and errors as above."""
    claims, covers = _graphs(rtlil)
    _first_met(covers, depth)
    done = f"No output asserted in {depth} frames"
    return _decided(claims, f"bmc3 -F {depth} -T {seconds}", done, depth)


def first_reached(rtlil: str, *, depth: int) -> int:
    """First cycle by which every ``Cover`` of a design has been met, in some run each.

    Raises:
        SpikeforgeError: If there is none within ``depth`` cycles.
    """
    return _first_met(_graphs(rtlil)[1], depth)


def _graphs(rtlil: str) -> list[bytes]:
    """The design with its claims as outputs that must stay 0, and with its covers as such."""
    check_tools()
    return run_yosys(rtlil, _PASSES, ("claims.aig", "covers.aig"), {"cover.v": _COVER})


def _first_met(aiger: bytes, depth: int) -> int:
    wanted = int(aiger.split(b"\n", 1)[0].split()[6])  # aig M I L O A B C: bad states
    said, _ = _abc(aiger, f"read_aiger design.aig; fold; strash; bmc3 -a -F {depth}")
    found = [int(cycle) for cycle in _FAILED.findall(said)]
    if len(found) < wanted:
        raise SpikeforgeError(
            f"{wanted - len(found)} of {wanted} covers are out of reach in {depth} cycles: "
            "nothing is proven"
        )
    return max(found)


def _decided(aiger: bytes, command: str, proven: str, depth: int) -> Proof:
    """What ABC makes of the claims; a failure has the number of its cycle."""
    said, small = _abc(aiger, _REDUCE)
    if not small:
        raise SpikeforgeError(f"ABC cannot read the claims: {said.strip()[-200:]}")
    head, output, _ = small.split(b"\n", 2)
    if output == b"0":
        return Proof(holds=True, cycle=depth, signals={})  # no claim is left to fail
    if head.split()[3] == b"0":  # no register is left: every cycle is like the first
        command, proven = "sat", "UNSATISFIABLE"
    said, _ = _abc(small, f"read_aiger design.aig; {command}")
    found = _FAILED.search(said)
    if found is not None or (command == "sat" and proven not in said and "SATISFIABLE" in said):
        return Proof(holds=False, cycle=int(found[1]) if found else 0, signals={})
    if proven not in said:
        raise SpikeforgeError(f"ABC found neither proof nor failure: {said.strip()[-200:]}")
    return Proof(holds=True, cycle=depth, signals={})


def _abc(aiger: bytes, commands: str) -> tuple[str, bytes]:
    """Run ABC on a graph; returns what it said, and the reduced graph if it wrote one."""
    with tempfile.TemporaryDirectory(prefix="spikeforge-proof-") as name:
        folder = Path(name)
        (folder / "design.aig").write_bytes(aiger)
        done = subprocess.run([str(abc_path()), "-c", commands], cwd=folder, capture_output=True,
                              text=True, check=False)  # fmt: skip
        small = folder / "small.aig"
        return done.stdout, small.read_bytes() if small.exists() else b""
