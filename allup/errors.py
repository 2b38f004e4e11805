"""What can go wrong, in the words a person reads.

    AllupError                        exit 1
    ├── ApiError                      1   the API server said no
    │   ├── NotFound
    │   ├── FieldConflict                 another manager owns the field
    │   ├── ImmutableField                the field cannot be changed in place
    │   └── Expired                       a watch must list again (410 Gone)
    ├── AdoptionRefused               1   the object exists and is not ours
    ├── RunFailed                     1   a component did not come up
    ├── InputError                    2   flags, settings, YAML
    ├── ClusterError                  3   unreachable, refused, no permission
    │   ├── Unauthenticated           3   our credentials are not accepted
    │   └── LockHeld                  3
    ├── Stuck                         4   left-overs that do not go
    ├── Differences                   5   --check found some
    ├── Interrupted                 130
    └── Terminated                  143

Every error renders as one paragraph: subject, fact, last evidence, next command. The command line
prints that paragraph and leaves with ``exit_code``; nothing under ``allup`` exits by itself.
"""

from __future__ import annotations


class AllupError(Exception):
    """A failure a user can cause or must know of; ``str()`` is the whole paragraph."""

    exit_code = 1

    def __init__(self, subject: str, fact: str, *, evidence: str = "", next_step: str = "") -> None:
        super().__init__(subject, fact)
        self.subject = subject
        self.fact = fact
        self.evidence = evidence
        self.next_step = next_step

    def __str__(self) -> str:
        sentences = [f"{self.subject}: {self.fact}", self.evidence, self.next_step]
        return " ".join(_sentence(text) for text in sentences if text)


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?", ":")) else text + "."


class InputError(AllupError):
    """A flag, a setting, a file or a platform definition is wrong; nothing was touched."""

    exit_code = 2


class ClusterError(AllupError):
    """The cluster cannot be reached, may not be used, or does not let us begin."""

    exit_code = 3


class Unauthenticated(ClusterError):
    """The API server does not accept our credentials (401), and there are no newer ones."""


class LockHeld(ClusterError):
    """Another run holds the instance's Lease."""


class ApiError(AllupError):
    """The API server answered with an error Status.

    ``status`` is the HTTP code (0 when there was no answer), ``reason`` Kubernetes' own word for it
    (API conventions, "Response Status Kind"), ``details`` the Status' ``details`` object. ``in_doubt``: the
    request was sent before, without an answer that says whether it was executed then.
    """

    def __init__(
        self,
        subject: str,
        fact: str,
        *,
        status: int = 0,
        reason: str = "",
        details: dict[str, object] | None = None,
        evidence: str = "",
        next_step: str = "",
    ) -> None:
        super().__init__(subject, fact, evidence=evidence, next_step=next_step)
        self.status = status
        self.reason = reason
        self.details = details or {}
        self.in_doubt = False


class NotFound(ApiError):
    """The object, or its whole kind, is not there."""


class FieldConflict(ApiError):
    """Server-side apply met a field that another manager owns."""


class ImmutableField(ApiError):
    """The change touches a field that cannot be changed in place."""


class Expired(ApiError):
    """The resourceVersion is too old (410 Gone): list again."""


class AdoptionRefused(AllupError):
    """An object of that name exists and does not carry our instance label."""


class RunFailed(AllupError):
    """At least one component did not come up; the report has the details."""


class Stuck(AllupError):
    """Something that should be gone is still there, and says why."""

    exit_code = 4


class Differences(AllupError):
    """``--check`` found something that would change or is not right."""

    exit_code = 5


class Interrupted(AllupError):
    """Ctrl-C."""

    exit_code = 130


class Terminated(AllupError):
    """SIGTERM."""

    exit_code = 143


def did_you_mean(name: str, known: object) -> str:
    """``" (did you mean 'x'?)"`` when a close match of *name* is among *known*, else ``""``."""
    import difflib

    candidates = [str(k) for k in known] if hasattr(known, "__iter__") else []
    close = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
