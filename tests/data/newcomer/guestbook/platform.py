"""A guestbook: entries in Redis, a first entry, and a web page."""

from __future__ import annotations

from dataclasses import dataclass

from allup import (
    Component,
    Password,
    Platform,
    PlatformSettings,
    Quantity,
    Secret,
    command,
    config_map,
    config_secret,
    http,
    jq,
    live,
    setting,
)


@dataclass(frozen=True, kw_only=True)
class Settings(PlatformSettings):
    """What a person may set for the guestbook."""

    title: str = setting("Guestbook", env="GUESTBOOK_TITLE", help="heading of the page")
    web_replicas: int = setting(2, help="how many pods serve the page")
    store_size: Quantity = setting("1Gi", help="disk for the entries")


def platform(s: Settings) -> Platform:
    """The guestbook for these settings."""
    return Platform(
        "guestbook",
        components=[
            Component(
                "store",
                "store.yaml",
                help="keeps the entries",
                values={"store_size": s.store_size},
                secrets=[Secret("store-password", {"password": Password()})],
                configs=[config_secret("store-config", "redis.conf")],
                checks=[command("deploy/store", "redis-cli", "ping", expect="PONG")],
            ),
            Component(
                "first-entry",
                "first-entry.yaml",
                after=["store"],
                help="writes a first entry, so that the page is not empty",
            ),
            Component(
                "web",
                "web.yaml",
                after=["store"],
                help="shows the page",
                values={
                    "title": s.title,
                    "web_replicas": s.web_replicas,
                    "store_address": live("Service/store", ".spec.clusterIP"),
                },
                configs=[config_map("web-page", "index.html")],
                checks=[
                    http("svc/web:8080", "/"),
                    jq("Deployment/web", f".status.readyReplicas == {s.web_replicas}"),
                ],
            ),
        ],
    )
