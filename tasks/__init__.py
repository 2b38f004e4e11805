"""The command line: flags in, tables and exit codes out. The only importer of invoke; every body is short."""

from __future__ import annotations

import os
import sys

from invoke.collection import Collection

from tasks import contents, pipes


def _everything() -> Collection:
    from tasks import cluster, compose, images, platforms, unknown

    everything = Collection()
    for group in (cluster, compose, images):
        everything.add_collection(group.ns)
    found = list(platforms.collections(sys.argv))
    for collection in found:
        everything.add_collection(collection)
    unknown.refuse(everything, sys.argv)
    if contents.only_listed(sys.argv) and len(found) == len(platforms.folders()):
        contents.remember(everything)
    return everything


if os.path.basename(sys.argv[0]) in ("inv", "invoke"):
    pipes.leave_quietly()
ns = (contents.remembered() if contents.only_listed(sys.argv) else None) or _everything()
