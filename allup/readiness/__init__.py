"""Is this object ready? Pure: one object (and what stands beside it) in, a verdict out. Never fetches.

A file a family of kinds; ``judge`` picks by group and kind after the rules that hold for all
(deletion, observedGeneration). ``now`` is always passed in.
"""

from allup.readiness.verdict import Neighbours, NoNeighbours, Readiness, State

__all__ = ["Neighbours", "NoNeighbours", "Readiness", "State"]
