"""Where a platform's container may do more, or say less, than the rule of test_every_platform.py, and why."""

from __future__ import annotations

_ARL = "ARL's own image runs as root"
_REANA = "REANA's images run as root, and workspaces have files of the runs' user"
_SUPERVISED = "root starts sssd and the server, which changes into its own user"
_QED = "QED's own image runs as root; with app_user, or the preset demo, it is restricted"
_TOMCAT = "root's start-up script writes the configuration, starts cron, and changes into tomcat7"
_TILES = "root's start-up script writes the configuration and starts cron; nginx changes into nobody"

LOOSER: dict[str, tuple[str, str]] = {
    "arl Deployment/dask-scheduler": ("baseline", _ARL),
    "arl Deployment/dask-worker": ("baseline", f"{_ARL}, and writes data that may belong to anybody"),
    "arl Deployment/notebook": ("baseline", f"{_ARL}, and writes data that may belong to anybody"),
    **{
        f"qed Deployment/{name}": ("baseline", _QED)
        for name in (
            *("qed-django", "qed-flask", "qed-celery", "cts-nodejs", "cts-manager", "cts-worker"),
            "hms-dotnetcore",
        )
    },
    "reana Deployment/server": ("baseline", _REANA),
    "reana Deployment/workflow-controller": ("baseline", _REANA),
    "reana StatefulSet/message-broker": ("baseline", "root gives the data to rabbitmq and becomes that user"),
    "cytomine StatefulSet/cytomine-postgis": (
        "baseline",
        "an init container as root gives the data to the server's user, whatever the volume was made as",
    ),
    "cytomine StatefulSet/cytomine-mongodb": (
        "baseline",
        "root without any of its rights: data on the old chart's claims belongs to root",
    ),
    "cytomine Deployment/cytomine-bioformat": ("baseline", "root's start-up script starts cron and Java"),
    "cytomine Deployment/cytomine-iip-official": ("baseline", _TILES),
    "cytomine Deployment/cytomine-iip-cyto": ("baseline", _TILES),
    "cytomine Deployment/cytomine-core": ("baseline", _TOMCAT),
    "cytomine Deployment/cytomine-ims": ("baseline", _TOMCAT),
    "cytomine Deployment/cytomine-web-ui": ("baseline", "nginx starts as root and changes into nginx"),
    "cytomine Deployment/cytomine-nginx": (
        "baseline",
        "nginx starts as root on port 80 and changes into nobody",
    ),
    "rstudio Deployment/nfs01": ("privileged", "it mounts and drives the nfsd of the node's kernel"),
    "rstudio Deployment/openldap": ("baseline", "root changes owners at start and becomes the user openldap"),
    "rstudio Deployment/launcher": ("baseline", _SUPERVISED),
    "rstudio Deployment/rsp": ("baseline", _SUPERVISED),
}
"""Workloads that the Pod Security level ``restricted`` would refuse: the strictest one that lets them in, and
what they need it for."""

NO_PROBE: dict[str, str] = {
    "reana Deployment/server/scheduler": "it has no port, and connects to the broker again by itself",
    "reana Deployment/workflow-controller/job-status-consumer": "as the scheduler",
}
"""Containers that serve without a readiness probe."""

NO_MEMORY_LIMIT: dict[str, str] = {}
"""Containers without a limit on memory."""
