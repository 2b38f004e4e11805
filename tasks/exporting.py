"""What ``P.env`` exports for a platform's own clients, beside KUBECONFIG."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence

from allup.fields import items
from allup.model.checks import CheckTarget
from allup.model.extras import Export
from tasks.output import tell
from tasks.preparing import Prepared


def lines(prepared: Prepared) -> Sequence[str]:
    """Lines for a POSIX shell, one per export. A URL that there is no way to yet is left out, and told."""
    exports = prepared.platform.exports
    if not exports:
        return ()
    urls = _urls(prepared, [each for each in exports if each.target])
    prepared.session.stop.set()
    found = []
    for each in exports:
        if each.task:
            words = ["inv", f"{prepared.platform.collection}.{each.task}", *_same_cluster(prepared)]
            found.append(f'export {each.variable}="$({shlex.join(words)})"')
        elif each.variable in urls:
            found.append(f"export {each.variable}={shlex.quote(urls[each.variable])}")
        else:
            service = CheckTarget.parse(each.target).name
            tell(
                f"{each.variable} is not set: nothing leads to {each.target}. "
                f"inv {prepared.platform.collection}.forward svc/{service} --background opens a way"
            )
    return found


def _same_cluster(prepared: Prepared) -> Sequence[str]:
    flags = ["--context", prepared.target.context, "--kubeconfig", prepared.target.kubeconfig]
    if prepared.platform.instance != prepared.platform.name:
        flags += ["--instance", prepared.platform.instance]
    return flags


def _urls(prepared: Prepared, exports: Sequence[Export]) -> Mapping[str, str]:
    """The best way to each: a tunnel or forward on this machine, an Ingress, a load balancer, a node port."""
    from allup.daily.reaching import ways
    from tasks.forwarding import urls_forwarded
    from tasks.inspecting import nodes
    from tasks.looking import look

    sight = look(prepared)
    objects = {(ref.kind, ref.name): obj for ref, obj in sight.watches.store.all()}
    ingresses = [obj for (kind, _), obj in objects.items() if kind == "Ingress"]
    here, tunnelled = urls_forwarded(prepared), tunnels(prepared)
    found = {}
    for each in exports:
        target = CheckTarget.parse(each.target)
        service = objects.get((target.kind, target.name))
        ports = items(service or {}, "spec", "ports")
        through = [tunnelled[p["nodePort"]] for p in ports if p.get("nodePort") in tunnelled]
        forwarded = here.get(f"{target.kind.lower()}/{target.name}:{target.port}")
        known = ways(target, service, ingresses, nodes(prepared), collection="", component="")
        others = [way.text.rstrip("/") for way in known if way.kind != "forward"]
        if forwarded or through or others:
            found[each.variable] = forwarded or (through or [_origin(others[0])])[0]
    return found


def _origin(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def tunnels(prepared: Prepared) -> Mapping[int, str]:
    """URLs on this machine by the node port of the cluster that a remote's tunnel leads them to."""
    from allup.remote import record
    from tasks import where

    return {
        int(forward.target.rpartition(":")[2]): f"http://localhost:{forward.port}"
        for _, remote in record.remotes(where.remotes_home(), os.environ)
        if remote.context == prepared.target.context
        for forward in remote.forwards
        if forward.purpose == "nodeport" and forward.port
    }
