"""The files that lead other programs to a remote: kubeconfig, ``reana-cluster.yaml``, Docker's variables."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from allup.remote.record import TLS_NAME, Folder, Forward, Remote


def kubeconfig(remote: Remote, folder: Folder, api: Forward) -> str:
    """A kubeconfig with one context. It holds no secret itself: the token is in a file beside it, which is
    renewed; kubectl reads that file again every minute, allup when the server no longer takes the token."""
    import yaml

    cluster = {
        "server": f"https://{api.local}",
        "certificate-authority": str(folder.authority),
        "tls-server-name": TLS_NAME,
    }
    return str(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": remote.context, "cluster": cluster}],
                "users": [{"name": remote.context, "user": {"tokenFile": str(folder.token)}}],
                "contexts": [
                    {
                        "name": remote.context,
                        "context": {
                            "cluster": remote.context,
                            "user": remote.context,
                            "namespace": "default",
                        },
                    }
                ],
                "current-context": remote.context,
            },
            sort_keys=False,
        )
    )


def administrator(api: Forward, authority: str, certificate: str, key: str) -> str:
    """A kubeconfig of the profile's own administrator; three paths. Context ``admin``."""
    import yaml

    return str(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {
                        "name": "admin",
                        "cluster": {
                            "server": f"https://{api.local}",
                            "certificate-authority": authority,
                            "tls-server-name": TLS_NAME,
                        },
                    }
                ],
                "users": [{"name": "admin", "user": {"client-certificate": certificate, "client-key": key}}],
                "contexts": [{"name": "admin", "context": {"cluster": "admin", "user": "admin"}}],
            }
        )
    )


def cluster_file(remote: Remote, folder: Folder) -> str:
    """The section ``cluster`` of REANA's ``reana-cluster.yaml`` (reana-cluster 0.6), which names our
    kubeconfig and its context."""
    import yaml

    port = remote.forward("nodeport")
    cluster: Mapping[str, str] = {
        "type": "kubernetes",
        "config": str(folder.kubeconfig),
        "config_context": remote.context,
        "version": remote.version,
        "url": f"http://localhost:{port.port}" if port else "http://localhost",
    }
    return str(yaml.safe_dump({"cluster": dict(cluster)}, sort_keys=False))


DOCKER_NAMES = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")


def docker_environment(remote: Remote, folder: Folder) -> Mapping[str, str | None]:
    """What leads ``docker`` to the daemon; None takes a variable away. DOCKER_API_VERSION is never set: it
    would keep client and daemon from agreeing on one."""
    way = remote.forward("docker")
    if way is None:
        return {}
    gone: dict[str, str | None] = dict.fromkeys(DOCKER_NAMES)
    if remote.docker == "socket":
        return {**gone, "DOCKER_HOST": f"unix://{way.local}"}
    if remote.docker == "open":
        return {**gone, "DOCKER_HOST": f"tcp://{way.local}"}
    return {
        "DOCKER_HOST": f"tcp://{way.local}",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(folder.docker),
    }


def shell_lines(variables: Mapping[str, str | None]) -> str:
    """Lines for ``eval`` in a POSIX shell."""
    return "\n".join(
        f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}"
        for name, value in variables.items()
    )
