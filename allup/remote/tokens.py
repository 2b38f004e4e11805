"""What a token says of itself: from when to when it counts, and so when its successor is due. Pure."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime


def times_of(token: str) -> tuple[datetime, datetime] | None:
    """When a ServiceAccount's token was made and when it ends, as it says itself (RFC 7519, iat and exp)."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return (
            datetime.fromtimestamp(int(claims["iat"]), UTC),
            datetime.fromtimestamp(int(claims["exp"]), UTC),
        )
    except (IndexError, ValueError, KeyError, TypeError):
        return None


def due(token: str, now: datetime, jitter: float) -> bool:
    """Whether a token is to be renewed: after 80 % of its life, some (*jitter*, 0 to 1) a little earlier."""
    times = times_of(token)
    if times is None:
        return True
    made, ends = times
    return now >= made + (ends - made) * (0.8 - 0.1 * jitter)
