"""A SiliconCompiler script (releases 0.38): the design, the kit's target, and its macros."""

from __future__ import annotations

from collections.abc import Iterable

from deploy.asic.design import TOP
from deploy.asic.librelane import CONSTRAINTS
from deploy.asic.pdk import Pdk

__all__ = ["silicon_compiler_script"]

_SRAM = '''
MACROS = (
{macros}
)
CORNERS = {{
    "slow": "slow_1p08V_125C",
    "typical": "typ_1p20V_25C",
    "fast": "fast_1p32V_m55C",
}}


class Sram(LambdaLibrary):
    """An SRAM macro of the kit: shapes, timing, and how its power pins are connected."""

    def __init__(self, name):
        super().__init__()
        self.set_name(name)
        kit = IHP130PDK()
        self.add_asic_pdk(kit)
        source = [kit.get("dataroot", "ihp130", part) for part in ("path", "tag")]
        self.set_dataroot("ihp130", *source)
        sram = "ihp-sg13g2/libs.ref/sg13g2_sram"
        grid = "lambdapdk/ihp130/libs/sg13g2_sram/apr/openroad"
        with self.active_dataroot("ihp130"):
            with self.active_fileset("models.physical"):
                self.add_file(f"{{sram}}/lef/{{name}}.lef")
                self.add_file(f"{{sram}}/gds/{{name}}.gds")
                self.add_asic_aprfileset()
            for corner, end in CORNERS.items():
                with self.active_fileset(f"models.timing.nldm.{{corner}}"):
                    self.add_file(f"{{sram}}/lib/{{name}}_{{end}}.lib")
                    self.add_asic_libcornerfileset(corner, "nldm")
        with self.active_dataroot("lambdapdk"):
            with self.active_fileset("openroad.powergrid"):
                self.add_file(f"{{grid}}/pdngen.tcl")
                self.add_openroad_powergridfileset()
            with self.active_fileset("openroad.globalconnect"):
                self.add_file(f"{{grid}}/global_connect.tcl")
                self.add_openroad_globalconnectfileset()

'''
_SCRIPT = '''"""{title}: python run_siliconcompiler.py"""

from pathlib import Path

{imports}

HERE = str(Path(__file__).resolve().parent)
{sram}
def make_project():
    """The project, ready to run."""
    design = Design("{top}")
    design.set_dataroot("here", HERE)
    with design.active_dataroot("here"):
        with design.active_fileset("rtl"):
            design.set_topmodule("{top}")
{files}
        with design.active_fileset("sdc"):
            design.add_file("{constraints}")
    project = ASIC(design)
    project.add_fileset(["rtl", "sdc"])
    {target}(project)
{libraries}    return project


if __name__ == "__main__":
    project = make_project()
    project.run()
    project.summary()
'''


def silicon_compiler_script(names: Iterable[str], pdk: Pdk, macros: Iterable[str]) -> str:
    """The script's text.

    Args:
        names: The Verilog files.
        pdk: The kit.
        macros: Names of the SRAM macros that the design has instances of.
    """
    macros = sorted(set(macros))
    imports = ["from siliconcompiler import ASIC, Design",
               f"from siliconcompiler.targets import {pdk.target}"]  # fmt: skip
    sram = libraries = ""
    if macros:
        imports = ["from lambdapdk import LambdaLibrary",
                   "from lambdapdk.ihp130 import IHP130PDK", *imports]  # fmt: skip
        sram = _SRAM.format(macros="\n".join(f'    "{name}",' for name in macros))
        libraries = "    for name in MACROS:\n        project.add_asiclib(Sram(name))\n"
    return _SCRIPT.format(
        title=f"{TOP} in {pdk.title}", imports="\n".join(imports), sram=sram or "\n", top=TOP,
        files="\n".join(f'            design.add_file("{name}")' for name in names),
        constraints=CONSTRAINTS, target=pdk.target, libraries=libraries,
    )  # fmt: skip
