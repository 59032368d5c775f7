"""``python -m spikeforge``: the same as ``spikeforge``."""

from __future__ import annotations

import sys
from pathlib import Path

# -m puts the current folder first: a user's own train.py there must not stand in for ours.
if sys.path and Path(sys.path[0] or ".").resolve() == Path.cwd():
    here = Path(__file__).resolve().parents[1]
    if Path.cwd() != here:
        del sys.path[0]

from spikeforge.cli import main

if __name__ == "__main__":
    main()
