"""Is this object ready? Pure: one object (and what stands beside it) in, a verdict out. Never fetches.

A file a family of kinds; ``judge`` picks by group and kind after the rules that hold for all
(deletion, observedGeneration). ``now`` is always passed in.
"""

from allup.readiness.aggregate import aggregate
from allup.readiness.causes import Cause
from allup.readiness.creation import creation_refused
from allup.readiness.judge import judge
from allup.readiness.verdict import Neighbours, NoNeighbours, Readiness, State
from allup.readiness.volumes import blocks_consumer

__all__ = [
    "Cause",
    "Neighbours",
    "NoNeighbours",
    "Readiness",
    "State",
    "aggregate",
    "blocks_consumer",
    "creation_refused",
    "judge",
]
