"""Measurements, beside a peer where there is one, in one run. Prints figures and ratios; judges nothing.

``python -m bench [NAME …] [--sizes 100,1000]``; see ``python -m bench --help``.
"""
