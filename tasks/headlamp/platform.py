"""Headlamp, and the accounts whose tokens a person logs in with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from allup import Component, Platform, PlatformSettings, setting
from allup.daily.dashboards import PLATFORM

FOLDER = Path(__file__).resolve().parent
VIEWER, ADMIN = "dashboard-viewer", "dashboard-admin"
"""The ServiceAccounts to log in as: who reads (no Secrets, no RBAC), and who may do anything."""
SESSION_SECONDS = 8 * 3600
"""How long a token, and the session it opens, is valid."""


@dataclass(frozen=True, kw_only=True)
class Settings(PlatformSettings):
    """What may differ from one cluster to the next."""

    image: str = setting(
        "ghcr.io/headlamp-k8s/headlamp:v0.45.0", env="HEADLAMP_IMAGE", help="the image of the dashboard"
    )


def platform(settings: PlatformSettings, *, install: bool = True, admin: bool = False) -> Platform:
    """*install* False: the accounts alone, for a dashboard that somebody else installed. Without *admin* an
    up removes the account that may do anything, and so ends its tokens."""
    assert isinstance(settings, Settings)
    return Platform(
        PLATFORM,
        [
            Component("viewer", "viewer.yaml", help="the account that reads"),
            Component("admin", "admin.yaml", enabled=admin, help="the account that may do anything"),
            Component("headlamp", "headlamp.yaml", enabled=install, help="the dashboard"),
        ],
        values={
            "image": settings.image,
            "viewer": VIEWER,
            "admin": ADMIN,
            "session_seconds": SESSION_SECONDS,
        },
        pod_security="restricted",
    )
