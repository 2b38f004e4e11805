"""Where a platform's container may do more, or say less, than the rule of test_every_platform.py, and why."""

from __future__ import annotations

_ARL = "ARL's own image runs as root"
_SUPERVISED = "root starts sssd and the server, which changes into its own user"

LOOSER: dict[str, tuple[str, str]] = {
    "arl Deployment/dask-scheduler": ("baseline", _ARL),
    "arl Deployment/dask-worker": ("baseline", f"{_ARL}, and writes data that may belong to anybody"),
    "arl Deployment/notebook": ("baseline", f"{_ARL}, and writes data that may belong to anybody"),
    "rstudio Deployment/nfs01": ("privileged", "it mounts and drives the nfsd of the node's kernel"),
    "rstudio Deployment/openldap": ("baseline", "root changes owners at start and becomes the user openldap"),
    "rstudio Deployment/launcher": ("baseline", _SUPERVISED),
    "rstudio Deployment/rsp": ("baseline", _SUPERVISED),
}
"""Workloads that the Pod Security level ``restricted`` would refuse: the strictest one that lets them in, and
what they need it for."""

NO_PROBE: dict[str, str] = {}
"""Containers that serve without a readiness probe."""

NO_MEMORY_LIMIT: dict[str, str] = {}
"""Containers without a limit on memory."""
