"""Which tests try a mutant: from a few networks that reach its place to whole accelerators."""

from __future__ import annotations

from pathlib import Path

from mutants import Mutant

__all__ = ["DEAR", "stages"]

ROOT = Path(__file__).resolve().parent.parent
# Too slow for a first try.
SLOW = ("test_lint.py", "test_verilog.py", "test_memory_cells.py")
# Files whose own tests are slow: they come last.
DEAR = ("hw/axi", "hw/memor", "hw/census", "hw/gating", "hw/probe", "hw/verilog")
_GRAPH = ["tests/hw/graph/test_graph_geometry.py", "tests/hw/graph/test_graph_parts.py"]
_FRONT = ["tests/hw/scatter/test_scatter_front.py", "tests/hw/scatter/test_scatter_features.py"]
_SCAN = ["tests/hw/scatter/test_scan.py"]
_SIZES = ["tests/hw/scatter/test_sizing.py", "tests/hw/scatter/test_scatter_content.py",
          "tests/hw/graph/test_graph_geometry.py"]  # fmt: skip
_MEMORY = ["tests/hw/test_memory_cells.py"]
_CENSUS = ["tests/hw/test_census.py"]
# Tests of files whose names do not tell.
OWN = {
    **dict.fromkeys([f"hw/graph/{name}.py" for name in
                     ("ahead", "geometry", "links", "fifo", "fork", "join", "pool")], _GRAPH),
    "hw/graph/stall.py": ["tests/formal/test_stream_proofs.py"],
    **dict.fromkeys([f"hw/scatter/{name}.py" for name in
                     ("accumulate", "banks", "decode", "expand", "items", "lookup", "marks",
                      "own", "planes", "taps")], _FRONT),
    **dict.fromkeys([f"hw/scatter/{name}.py" for name in
                     ("emit", "onehot", "ports", "update")], _SCAN),
    **dict.fromkeys(["hw/scatter/geometry.py", "hw/scatter/sizing.py", "hw/node.py"], _SIZES),
    **dict.fromkeys([f"hw/memory/{name}.py" for name in ("composition", "sg13g2", "spram")],
                    _MEMORY),
    "hw/memory/banks.py": ["tests/sim/test_memory_technologies.py"],
    **dict.fromkeys(["hw/memories.py", "hw/inventory.py"], _CENSUS),
    "hw/crc.py": ["tests/hw/test_loader.py"],
    "hw/readout_rows.py": ["tests/hw/test_readout_steps.py"],
    "hw/section.py": ["tests/hw/test_content.py"],
    "hw/verilog.py": ["tests/hw/test_verilog.py"],
    "hw/accelerator.py": ["tests/sim/test_load_stream.py"],
    "hw/gating.py": ["tests/sim/test_clock_gating.py"],
    "hw/icg.v": ["tests/sim/test_clock_gating.py"],
    "hw/interface.py": ["tests/sim/test_load_stream.py"],
    "hw/loader.py": ["tests/sim/test_load_stream.py"],
    "hw/marked.py": ["tests/sim/test_rtl_coverage.py"],
    "hw/parameters.py": ["tests/hw/test_content.py", "tests/sim/test_load_stream.py"],
    "hw/ram.py": ["tests/sim/test_load_stream.py"],
    "hw/scatter/layer.py": ["tests/sim/test_scatter_counts.py"],
    "hw/probe.py": ["tests/sim/test_activity_counts.py"],
}  # fmt: skip
WHOLE = ("tests/sim/test_load_stream.py", "tests/sim/test_activity_counts.py",
         "tests/sim/test_scatter_counts.py",
         "tests/sim/test_toggles.py", "tests/sim/test_clock_gating.py",
         "tests/sim/test_memory_technologies.py", "tests/sim/test_rtl.py",
         "tests/sim/test_simulate.py", "tests/formal")  # fmt: skip
AXI = ("tests/sim/test_axi.py",)


def stages(mutant: Mutant, reach: Path, *, narrow: bool) -> list[list[str]]:
    """Commands that try a mutant, from quick to broad; ``narrow``: only the quick ones."""
    file = Path(mutant.path)
    folder = Path("tests") / file.parent
    stem = file.stem if file.stem != "__init__" else file.parent.name
    near = sorted((ROOT / folder).glob(f"test_*{stem}*.py"))
    own = [str(path.relative_to(ROOT)) for path in near if path.name not in SLOW]
    own += OWN.get(mutant.path, ["tests/hw/axi"] if "axi" in file.parts else [])
    judged = ["judge", "--reach", str(reach), "--path", mutant.path, "--lines", str(mutant.first),
              str(mutant.last)]  # fmt: skip
    found = [] if "axi" in file.parts else [[*judged, "--most", "4"]]
    if own:
        found.append(tests(*own))
    if narrow:
        return found
    if len(file.parts) > 2 and (ROOT / folder).exists():
        found.append(tests(str(folder)))
    if "axi" in file.parts:
        return [*found, tests(*AXI)]
    return [*found, [*judged, "--skip", "4", "--most", "12"], tests(*WHOLE),
            tests("tests/hw"), tests(*AXI)]  # fmt: skip


def tests(*paths: str) -> list[str]:
    """A command that stops at the first test that fails."""
    there = [path for path in paths if (ROOT / path).exists()]
    assert there, f"none of {paths} exists any more"
    return ["pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider", *there]
