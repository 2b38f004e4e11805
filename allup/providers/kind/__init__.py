"""kind: ``commands`` builds what is run and reads what comes back, ``provider`` does it over a Runner.

kind prints no JSON, fails always with 1, and has no stop and no start: its nodes are containers, so those are
the engine's. Written for and tried against kind 0.32.0.
"""

KIND = "kind"
