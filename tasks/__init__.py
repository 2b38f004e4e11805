"""The command line: flags in, tables and exit codes out. The only importer of invoke; every body is short."""

from __future__ import annotations

import sys

from invoke.collection import Collection

from tasks import cluster, compose, images, platforms, unknown

ns = Collection()
for _group in (cluster, compose, images):
    ns.add_collection(_group.ns)
for _collection in platforms.collections(sys.argv):
    ns.add_collection(_collection)
unknown.refuse(ns, sys.argv)
