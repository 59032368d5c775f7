"""Random networks over the whole contract, with inputs on which they really fire."""

from sim.fuzz.case import FuzzCase, random_case
from sim.fuzz.coverage import Coverage, choices_of

__all__ = ["Coverage", "FuzzCase", "choices_of", "random_case"]
