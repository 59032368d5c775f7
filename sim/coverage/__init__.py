"""Coverage of the generated RTL in lines, branches and toggles, told by Python source lines."""

from sim.coverage.merge import Merged
from sim.coverage.points import Point, points_of
from sim.coverage.run import cover

__all__ = ["Merged", "Point", "cover", "points_of"]
