"""What an administrator asks of a running REANA: the first user's token, and how the server's setup went."""

from __future__ import annotations

import re
from collections.abc import Sequence

from allup import ExtraTask, Reading, RunCommand
from k8s.reana.wiring import SETUP_LOG

ADMIN = "00000000-0000-0000-0000-000000000000"
"""The id of info@reana.io, whom ``scripts/setup`` makes at the first start."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,}")
_QUERY = (
    'PGPASSWORD="$POSTGRES_PASSWORD" psql -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -Atc '
    f"\"select access_token from user_ where id_ = '{ADMIN}'\""
)


def tasks() -> Sequence[ExtraTask]:
    """The tasks."""
    return (
        RunCommand(
            name="admin-token",
            help="Print the administrator's access token, to standard output alone.",
            target="sts/db",
            command=("sh", "-c", _QUERY),
            read=read_token,
        ),
        RunCommand(
            name="setup-log",
            help="Show how the server made its tables at its start, without the lines about tokens.",
            target="deploy/server",
            container="server",
            command=("grep", "-vi", "token", SETUP_LOG),
        ),
    )


def read_token(output: str) -> Reading:
    """The token alone, or why there is none.

    >>> read_token("abcdefghijklmnop").sentence
    'abcdefghijklmnop'
    """
    token = output.strip()
    if _TOKEN.fullmatch(token):
        return Reading(good=True, sentence=token)
    if not token:
        return Reading(good=False, sentence="There is no administrator yet: inv reana.setup-log tells more.")
    return Reading(good=False, sentence=f"The database gives no token; it says: {token.splitlines()[-1]}")
