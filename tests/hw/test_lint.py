"""The generated Verilog passes Verilator's lint; every waiver has its reason beside it."""

from __future__ import annotations

import re
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from hw.config import MemoryMode, configure
from hw.frugal import FRUGAL
from hw.memory.technology import Technology
from hw.verilog import generate_verilog
from sim.fuzz import random_case
from sim.verilator import build_environment
from spikeforge.netfile import load_network
from spikeforge.schema import Schedule

ROOT = Path(__file__).resolve().parents[2]
SEEDS = [(3, Schedule.WINDOWED), (9, Schedule.STEPPED), (11, Schedule.STEPPED)]
MODELS = sorted((ROOT / "models").glob("*.safetensors"))
WAIVERS = Path(str(files("hw") / "lint.vlt"))
CHOICES = {
    "generic": {},
    "initialized": {"memory": MemoryMode.INIT},
    "gated": {"clock_gating": True},
    "spram": {"technology": Technology.SPRAM},
    "frugal": dict(FRUGAL),
    "frugal macros": {"technology": Technology.SG13G2, "clock_gating": True, **FRUGAL},
    "state in memory": {"state_in_memory": True},
    "macros": {"technology": Technology.SG13G2, "clock_gating": True},
}


def _lint(text, folder, *waivers):
    path = folder / "accelerator.v"
    path.write_text(text)
    command = ["verilator", "--lint-only", "-Wall", "--top-module", "accelerator",
               *map(str, waivers), str(path)]  # fmt: skip
    done = subprocess.run(
        command, env=build_environment(), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def text_of():
    made = {}

    def text(path, choice):
        if (path, choice) not in made:
            network = load_network(path)
            made[path, choice] = generate_verilog(network, configure(network, **CHOICES[choice]))
        return made[path, choice]

    return text


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_shipped_networks_lint_clean(path, text_of, tmp_path):
    code, said = _lint(text_of(path, "generic"), tmp_path, WAIVERS)
    assert code == 0, said


@pytest.mark.parametrize("choice", CHOICES)
def test_hardware_choices_lint_clean(choice, text_of, tmp_path):
    """On a network whose layers have every choice."""
    windowed = ROOT / "models" / "mnist-tiny.safetensors"
    code, said = _lint(text_of(windowed, choice), tmp_path, WAIVERS)
    assert code == 0, said


@pytest.fixture(scope="module")
def text_of_seed():
    """Random networks over the whole contract, behind clock gates."""
    made = {}

    def text(seed):
        if seed not in made:
            network = random_case(seed[0], images=2, widest=12, schedule=seed[1]).network
            made[seed] = generate_verilog(network, configure(network, clock_gating=True))
        return made[seed]

    return text


@pytest.mark.parametrize("seed", SEEDS, ids=str)
def test_random_networks_lint_clean(seed, text_of_seed, tmp_path):
    code, said = _lint(text_of_seed(seed), tmp_path, WAIVERS)
    assert code == 0, said


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_no_register_is_kept_for_nobody(path, text_of, tmp_path):
    """Unused wires are waived, registers are not: they would cost area and clock."""
    _look_for_unused_registers(text_of(path, "generic"), tmp_path)


@pytest.mark.parametrize("seed", SEEDS, ids=str)
def test_no_register_of_random_networks_is_kept_for_nobody(seed, text_of_seed, tmp_path):
    _look_for_unused_registers(text_of_seed(seed), tmp_path)


def _look_for_unused_registers(text, folder):
    _, said = _lint(text, folder)
    unused = re.findall(r"accelerator\.v:(\d+):\d+: Signal is not used: '([^']+)'", said)
    assert len(unused) > 50  # the lint does look
    assert not [name for line, name in unused if name in _registers_around(text, int(line))]


def _registers_around(text, line):
    """Names assigned at a clock edge in the module that a line lies in."""
    lines = text.splitlines()
    begin = max(n for n in range(line) if lines[n].startswith("module "))
    end = next(n for n in range(line, len(lines)) if lines[n].startswith("endmodule"))
    clocked = re.findall(r"^ +\\?(\S+) +<= ", "\n".join(lines[begin:end]), re.MULTILINE)
    return set(clocked)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (r"\n  assign events__ready = [^;]*;", "", "UNDRIVEN"),
        (r"endmodule", "reg r; always @* if (clk) r = rst;\nendmodule", "LATCH"),
        (r"endmodule", "wire [1:0] w = 3'(rst);\nendmodule", "WIDTHTRUNC"),
    ],
)
def test_waivers_leave_faults_visible(text_of, tmp_path, old, new, rule):
    text, count = re.subn(old, new, text_of(MODELS[-1], "generic"), count=1)
    assert count == 1
    code, said = _lint(text, tmp_path, WAIVERS)
    assert code
    assert f"-{rule}:" in said


def test_every_waiver_has_its_reason():
    lines = WAIVERS.read_text(encoding="utf-8").splitlines()
    at = [n for n, line in enumerate(lines) if line.startswith("lint_off")]
    assert at
    for n in at:
        assert lines[n - 1].startswith("// "), f"line {n + 1} has no reason"


def test_text_carries_the_whole_hash(text_of):
    text = text_of(MODELS[-1], "generic")
    (head,) = re.findall(r"^// Architecture (\w{64})$", text, re.MULTILINE)
    assert f"localparam [255:0] ARCHITECTURE = 256'h{head};" in text


def test_port_names_are_words(text_of):
    """No name that depends on how Amaranth numbers its signals."""
    (ports,) = re.findall(r"^module accelerator\(([^)]*)\);$", text_of(MODELS[-1], "gated"), re.M)
    names = re.split(r"\s*,\s*", ports.strip())
    assert len(names) > 10
    assert all(re.fullmatch(r"[a-z_]\w*", name) for name in names)
    assert {"clk", "rst", "events__valid", "result__payload", "identity"} <= set(names)
