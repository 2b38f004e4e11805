"""Docker Compose files into a platform folder: parsed and merged by their specification, then converted.

    files → source → interpolation → canonical → merging → project → services → conversion → printing

Pure but for ``project`` (reads compose files), ``carried`` (reads what is mounted) and ``folder`` (writes).
The registries have no maintained parser that merges files by the specification, so it is written here.
"""
