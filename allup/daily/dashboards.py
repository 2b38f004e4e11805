"""Dashboards of a cluster: which there are, how to reach them, and a token to log in with.

They are known by their image or by the label their makers put on them, whatever they are called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allup.cluster.objects import Objects
from allup.errors import ApiError, ClusterError
from allup.model import labels
from allup.refs import ObjectRef

Object = Mapping[str, Any]

HEADLAMP, OLD = "Headlamp", "kubernetes-dashboard"
_DEPLOYMENT = ObjectRef("apps", "Deployment", "", "x")
PLATFORM = "headlamp"
"""What our own is called, as a platform and in its labels."""
_NAME_LABELS = ("app.kubernetes.io/name", "k8s-app")
_OLD_GATEWAY = "-kong-proxy"  # since 7.0 its pages and its API are behind one proxy
_TLS_PORTS = (443, 8443)


@dataclass(frozen=True)
class Dashboard:
    """One dashboard. *ours*: made by us. *service* is ``""`` when no Service leads to it; *port* is the
    Service's."""

    product: str
    namespace: str
    name: str
    ours: bool
    service: str = ""
    port: int = 0

    @property
    def scheme(self) -> str:
        """What a browser has to speak, as far as the port tells."""
        return "https" if self.port in _TLS_PORTS else "http"


def product_of(deployment: Object) -> str:
    """Which dashboard a Deployment is, ``""`` for none. The old one's helpers (metrics, API) are none."""
    if _is_ours(deployment):
        return HEADLAMP  # whatever registry its image is from
    template = deployment["spec"]["template"]
    images = [_repository(c.get("image") or "") for c in template["spec"]["containers"]]
    found = deployment["metadata"].get("labels") or {}
    named = {found.get(label) for label in _NAME_LABELS}
    if any(image.rpartition("/")[2] == "headlamp" for image in images) or PLATFORM in named:
        return HEADLAMP
    last_two = ["/".join(image.split("/")[-2:]) for image in images]
    if any(image in ("kubernetesui/dashboard", "kubernetesui/dashboard-web") for image in last_two):
        return OLD
    helper = any(image.startswith("kubernetesui/") for image in last_two)
    return OLD if named & {"kubernetes-dashboard"} and not helper else ""


def judge(deployments: Sequence[Object], services: Sequence[Object]) -> tuple[Dashboard, ...]:
    """The dashboards among *deployments*, the best first: ours, then Headlamp, then what has a Service."""
    found = []
    for deployment in deployments:
        product = product_of(deployment)
        if product and not deployment["metadata"].get("deletionTimestamp"):
            found.append(_dashboard(product, deployment, services))
    return tuple(
        sorted(found, key=lambda d: (not d.ours, d.product != HEADLAMP, not d.service, d.namespace, d.name))
    )


def find(objects: Objects) -> tuple[Dashboard, ...]:
    """The dashboards of the cluster, the best first. Raises ApiError (403) when we may not look."""
    deployments = objects.list(objects.resource(_DEPLOYMENT))
    chosen = [one for one in deployments if product_of(one)]
    services: list[Object] = []
    for namespace in sorted({one["metadata"]["namespace"] for one in chosen}):
        services += objects.list(objects.resource(ObjectRef("", "Service", namespace, "x")), namespace)
    return judge(chosen, services)


def nodes_of(objects: Objects, dashboard: Dashboard) -> frozenset[str]:
    """The names of the nodes that its pods are on."""
    from allup.daily import pods

    behind = pods.of_service(dashboard.service, dashboard.namespace, objects)
    found = (str((pod.get("spec") or {}).get("nodeName") or "") for pod in behind.pods(objects))
    return frozenset(name for name in found if name)


@dataclass(frozen=True)
class Token:
    """A token and when it ends (RFC 3339). Its value is in no representation of it."""

    value: str
    expires: str

    def __repr__(self) -> str:
        return f"Token(expires={self.expires!r})"


def request_token(objects: Objects, namespace: str, account: str, seconds: int) -> Token:
    """A token of a ServiceAccount (TokenRequest, KEP-1205), hidden from now on in all that is printed.

    The server may grant less or more than *seconds*. Raises ClusterError when we may not ask for one.
    """
    ref = ObjectRef("", "ServiceAccount", namespace, account)
    body = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": seconds},
    }
    try:
        _, answer = objects.api.request("POST", f"{objects.path(ref)}/token", (), body)
    except ApiError as error:
        if error.status != 403:
            raise
        raise ClusterError(
            str(ref),
            "we may not make a token of it",
            evidence=error.fact,
            next_step="Use a context that may create serviceaccounts/token",
        ) from error
    value = str(answer["status"]["token"])
    objects.api.redactor.add(value)
    return Token(value, str(answer["status"]["expirationTimestamp"]))


def _is_ours(deployment: Object) -> bool:
    found = deployment["metadata"].get("labels") or {}
    return found.get(labels.MANAGED_BY) == labels.TOOL and found.get(labels.PART_OF) == PLATFORM


def _repository(image: str) -> str:
    """The image's name without tag and digest; a colon before a slash is a registry's port."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def _dashboard(product: str, deployment: Object, services: Sequence[Object]) -> Dashboard:
    metadata = deployment["metadata"]
    service = _service(product, deployment, services)
    return Dashboard(
        product,
        metadata["namespace"],
        metadata["name"],
        ours=_is_ours(deployment),
        service=service["metadata"]["name"] if service else "",
        port=int(service["spec"]["ports"][0]["port"]) if service else 0,
    )


def _service(product: str, deployment: Object, services: Sequence[Object]) -> Object | None:
    near = [
        service
        for service in services
        if service["metadata"]["namespace"] == deployment["metadata"]["namespace"]
        and service["spec"].get("ports")
        and service["spec"].get("selector")
    ]
    if product == OLD:
        for service in near:
            if service["metadata"]["name"].endswith(_OLD_GATEWAY):
                return service
    template_labels = (deployment["spec"]["template"]["metadata"].get("labels") or {}).items()
    return next((s for s in near if s["spec"]["selector"].items() <= template_labels), None)
