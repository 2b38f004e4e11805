"""From a verdict and what stands beside it (events, log lines) to what a person should know and do.

Pure: gathering events and logs is somebody else's work, and so is masking them. ``explain.finding`` puts
one ``Finding`` together.
"""

from allup.diagnosis.finding import Finding

__all__ = ["Finding"]
