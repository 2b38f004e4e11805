"""Shows a run to people and machines: consumes ``allup.run.progress``, knows nothing else of the engine.

``choose.reporter`` puts the right ones together. Nothing here is imported before it is used (rich is slow to
load), so this package stays empty.
"""
