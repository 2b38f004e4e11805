"""GitHub Actions' workflow commands: groups and annotations written among the lines of a log.

Source of the escaping: the workflow-command rules of the Actions toolkit. ``%``, CR and LF are
percent-encoded in the message, in a property also ``:`` and ``,``.
"""

from __future__ import annotations


def group(title: str) -> str:
    """Opens a fold; all lines up to ``endgroup`` are inside. Folds do not nest."""
    return f"::group::{_message(title)}"


def endgroup() -> str:
    """Closes the fold."""
    return "::endgroup::"


def error(title: str, message: str) -> str:
    """An annotation that shows on the summary page of the workflow run."""
    return f"::error title={_property(title)}::{_message(message)}"


def warning(title: str, message: str) -> str:
    """The same, milder."""
    return f"::warning title={_property(title)}::{_message(message)}"


def inert(line: str) -> str:
    """*line* so that the runner takes it for text.

    The runner obeys ``::name::`` at the start of a line, white space before it or not, and the older
    ``##[name]`` anywhere. A pod that logs such a line must not set our workflow's variables.
    """
    if line.lstrip().startswith("::"):
        line = line.replace("::", ": :", 1)
    return line.replace("##[", "## [")


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
