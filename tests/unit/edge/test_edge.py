"""What a task's body raises leaves as a paragraph and an exit code."""

from __future__ import annotations

import errno
import os
import signal

import pytest
from invoke.exceptions import Exit

from allup.errors import ApiError, ClusterError, InputError
from tasks.edge import edge, explain


def leave(error: BaseException) -> tuple[int, str]:
    @edge
    def body() -> None:
        raise error

    with pytest.raises(Exit) as raised:
        body()
    return raised.value.code, raised.value.message or ""


@pytest.fixture(autouse=True)
def no_debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALLUP_DEBUG", raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


def test_on_github_a_failure_is_an_annotation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert leave(ClusterError("cluster: none", "is chosen,\n100%")) == (
        3,
        "::error title=allup::cluster: none: is chosen,%0A100%25.",
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("--nodes", "no"), 2),
        (ClusterError("sandbox", "no"), 3),
        (ApiError("GET /api", "no", status=500), 1),
        (ApiError("GET /api", "may not", status=403), 3),
        (KeyboardInterrupt(), 130),
        (OSError(errno.ENOSPC, "No space left on device", "/state"), 3),
        (PermissionError(errno.EACCES, "Permission denied", "/state"), 3),
        (ValueError("unexpected"), 1),
        (Exit("own words", 7), 7),
    ],
)
def test_every_failure_has_its_exit_code(error: BaseException, code: int) -> None:
    assert leave(error)[0] == code


def test_a_failure_of_ours_is_told_with_the_way_to_its_traceback() -> None:
    code, message = leave(ValueError("unexpected"))
    assert (code, "ALLUP_DEBUG=1" in message, "unexpected" in message) == (1, True, True)


def test_the_traceback_is_shown_when_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALLUP_DEBUG", "1")
    assert leave(InputError("--nodes", "no"))[0] == 2
    assert "Traceback" in capsys.readouterr().err


def test_sigterm_ends_a_body_through_its_finally_blocks() -> None:
    cleaned: list[str] = []

    @edge
    def body() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.sigtimedwait([], 10)
        finally:
            cleaned.append("yes")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Exit) as raised:
        body()
    assert raised.value.code == 143
    assert cleaned == ["yes"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_file_that_cannot_be_written_is_named() -> None:
    message, code = explain(OSError(errno.EROFS, "Read-only file system", "/state/file"))
    assert code == 3
    assert message is not None
    assert "/state/file" in message


def test_a_body_keeps_its_name_and_what_it_returns() -> None:
    @edge
    def named(count: int) -> int:
        """Says so."""
        return count + 1

    assert (named.__name__, named.__doc__, named(1)) == ("named", "Says so.", 2)
