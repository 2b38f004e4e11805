"""The command line."""

from __future__ import annotations

from invoke.collection import Collection

from tasks import cluster

ns = Collection()
ns.add_collection(cluster.ns)
