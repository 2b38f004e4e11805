"""cluster.dashboard, as far as it goes without a cluster."""

from __future__ import annotations

import pytest

from tests.cli.invoking import Inv


def test_a_dashboard_needs_a_cluster_that_is_meant(alone: Inv) -> None:
    assert "none is chosen" in alone.refused("cluster.dashboard", code=3)
    assert "none is chosen" in alone.refused("cluster.dashboard", "--down", code=3)


@pytest.mark.parametrize("port", ["0", "65536", "x"])
def test_a_port_that_is_none_is_refused(alone: Inv, port: str) -> None:
    assert "--port" in alone.refused("cluster.dashboard", "--port", port)
