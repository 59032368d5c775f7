from __future__ import annotations

import pylibfst
import pytest

from sim.verify import verify
from sim.waves import convert_to_fst
from spikeforge.errors import SpikeforgeError

VCD = """$version by hand $end
$timescale 1ps $end
 $scope module top $end
  $var wire 1 ! clk $end
  $var wire 4 " count [3:0] $end
  $scope module inner $end
   $var wire 1 ! clk $end
   $var wire 8 # word [7:0] $end
  $upscope $end
 $upscope $end
$enddefinitions $end

#0
0!
b0000 "
b10100101 #
#5
1!
b11 "
#10
0!
#15
1!
b1111 "
b0 #
"""


def _read(path):
    """Values over time by full name, names by handle resolved as the file has them."""
    handle = pylibfst.lib.fstReaderOpen(str(path).encode())
    assert handle != pylibfst.ffi.NULL
    try:
        _, signals = pylibfst.get_scopes_signals2(handle)
        names = {name: signal.handle for name, signal in signals.by_name.items()}
        changes = {number: [] for number in names.values()}

        def changed(_, time, number, value, __=None):
            changes[number].append((time, pylibfst.string(value)))

        pylibfst.lib.fstReaderSetFacProcessMaskAll(handle)
        pylibfst.fstReaderIterBlocks(handle, changed)
        scale = pylibfst.lib.fstReaderGetTimescale(handle)
    finally:
        pylibfst.lib.fstReaderClose(handle)
    return {name: changes[number] for name, number in names.items()}, scale


def test_a_waveform_keeps_names_times_and_values(tmp_path):
    (tmp_path / "wave.vcd").write_text(VCD)
    convert_to_fst(tmp_path / "wave.vcd", tmp_path / "wave.fst")
    values, scale = _read(tmp_path / "wave.fst")
    clock = [(0, "0"), (5, "1"), (10, "0"), (15, "1")]
    assert values == {
        "top.clk": clock,
        "top.inner.clk": clock,
        "top.count [3:0]": [(0, "0000"), (5, "0011"), (15, "1111")],
        "top.inner.word [7:0]": [(0, "10100101"), (15, "00000000")],
    }
    assert scale == -12
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".part")] == []


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "wave.vcd").write_text(VCD)
    wanted = r"wave\.fst: cannot be written; choose another place"
    with pytest.raises(SpikeforgeError, match=wanted):
        convert_to_fst(tmp_path / "wave.vcd", tmp_path / "nowhere" / "wave.fst")


def test_verify_writes_the_waveform_of_the_run_without_stalls(tiny_case, tmp_path):
    path = tmp_path / "new" / "wave.fst"
    levels = tiny_case.levels[:3]
    found = verify(tiny_case.network, tiny_case.config, levels, wave=path)
    assert found.message == ""
    values, _ = _read(path)
    clock = next(changes for name, changes in values.items() if name.endswith(".clk"))
    assert len(clock) > 40
    valid = next(changes for name, changes in values.items() if name.endswith("result__valid"))
    assert "1" in {value for _, value in valid}
