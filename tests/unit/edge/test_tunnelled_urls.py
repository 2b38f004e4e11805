"""P.env leads a URL of a platform through the tunnel of a remote, where the remote is its cluster."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from allup.remote.record import Folder, Forward, Remote
from tasks import exporting, where


@pytest.fixture
def big(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    remote = Remote(
        "big",
        "big.example",
        "minikube",
        forwards=(
            Forward("api", "127.0.0.1:36443", "192.168.49.2:8443"),
            Forward("nodeport", "127.0.0.1:30080", "192.168.49.2:30080"),
            Forward("nodeport", "127.0.0.1:31000", "192.168.49.2:30443"),
        ),
    )
    monkeypatch.setattr(where, "remotes_home", lambda: tmp_path)
    folder = Folder(tmp_path / "big")
    folder.root.mkdir()
    folder.write(remote)
    return remote


def tunnels(context: str) -> dict[int, str]:
    prepared = SimpleNamespace(target=SimpleNamespace(context=context))
    return dict(exporting.tunnels(cast(Any, prepared)))


def test_each_node_port_has_the_url_that_leads_to_it(big: Remote) -> None:
    assert tunnels(big.context) == {30080: "http://localhost:30080", 30443: "http://localhost:31000"}


def test_the_tunnels_of_another_cluster_are_none_of_its_own(big: Remote) -> None:
    assert tunnels("allup-sandbox") == {}
