"""Kubeconfig files of a sandbox: the authority's certificate and a client's, nothing taken on trust."""

from __future__ import annotations

import base64
from pathlib import Path


def kubeconfig(*, context: str, server: str, pki: Path, client: str) -> str:
    """A kubeconfig whose current context is *context*, for the client certificate named *client* in *pki*."""
    import yaml

    def encoded(file: str) -> str:
        return base64.b64encode((pki / file).read_bytes()).decode()

    return str(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {
                        "name": context,
                        "cluster": {"server": server, "certificate-authority-data": encoded("ca.crt")},
                    }
                ],
                "users": [
                    {
                        "name": context,
                        "user": {
                            "client-certificate-data": encoded(f"{client}.crt"),
                            "client-key-data": encoded(f"{client}.key"),
                        },
                    }
                ],
                "contexts": [
                    {
                        "name": context,
                        "context": {"cluster": context, "user": context, "namespace": "default"},
                    }
                ],
                "current-context": context,
            },
            sort_keys=False,
        )
    )
