"""Is this object ready? Pure: one object (and what stands beside it) in, a verdict out. Never fetches.

A file a family of kinds; ``judge`` picks by group and kind after the rules that hold for all
(deletion, observedGeneration). ``now`` is always passed in. *Why* it is not ready is told by
``allup.diagnosis``, which each rule asks.
"""

from allup.diagnosis.causes import Cause
from allup.diagnosis.scene import Neighbours, NoNeighbours
from allup.readiness.aggregate import aggregate
from allup.readiness.judge import judge
from allup.readiness.verdict import Readiness, State

__all__ = [
    "Cause",
    "Neighbours",
    "NoNeighbours",
    "Readiness",
    "State",
    "aggregate",
    "judge",
]
