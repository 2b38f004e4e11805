"""Entry point for inv: give the name `tasks` back to the package beside this file."""

import importlib
import sys

sys.modules.pop(__name__, None)
ns = importlib.import_module("tasks").ns
