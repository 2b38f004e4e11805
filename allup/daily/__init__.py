"""The day's work on an instance that is up: describe, restart, scale, rotate, shells, tunnels, orphans.

Stands on ``allup.run`` as the verbs up and down do, and nothing there knows of it.
"""
