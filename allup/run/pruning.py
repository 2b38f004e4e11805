"""Removes what an earlier up made and this one no longer wants, matched by uid, in reverse order.

Claims, volumes, generated Secrets and whatever a component keeps are left and named; what is borrowed is
given back.
"""

from __future__ import annotations

from dataclasses import dataclass

from allup.cluster.inventory import Inventory
from allup.cluster.store import component_of
from allup.cluster.watch import Watches
from allup.model import labels
from allup.ordering import in_delete_order
from allup.refs import GroupKind, ObjectRef
from allup.run.keeping import is_borrowed, why_kept
from allup.run.ledger import Ledger
from allup.run.progress import Action
from allup.run.session import Session


@dataclass(frozen=True)
class Pruned:
    """The kinds of which something that is no longer wanted had to be kept."""

    kinds_kept: frozenset[GroupKind]


def prune(
    session: Session,
    watches: Watches,
    inventory: Inventory,
    *,
    desired: frozenset[ObjectRef],
    ledger: Ledger,
) -> Pruned:
    """Deletes the members of our ApplySet that are not among *desired*."""
    for kind in inventory.group_kinds:
        resource = session.discovery.find(kind.group, kind.kind)
        if resource is not None:
            watches.list(resource, inventory.namespace)
    superfluous = {
        ref: obj
        for ref, obj in watches.store.all()
        if ref not in desired
        and ref.group_kind in inventory.group_kinds
        and (
            (obj["metadata"].get("labels") or {}).get(labels.APPLYSET_PART_OF) == inventory.applyset_id
            or is_borrowed(obj)
        )
        and not obj["metadata"].get("ownerReferences")
    }
    kept = set()
    for ref in in_delete_order(superfluous, lambda ref: ref):
        obj = superfluous[ref]
        component = component_of(obj)
        reason = why_kept(obj)
        if is_borrowed(obj):
            session.objects.give_back(obj)
            watches.store.remove(ref)
            ledger.did(component, ref, Action.GIVEN_BACK)
        elif reason:
            kept.add(ref.group_kind)
            ledger.did(component, ref, Action.KEPT, "no longer in the platform; all-down --purge removes it")
        elif session.objects.delete(ref, uid=obj["metadata"]["uid"]):
            watches.store.remove(ref)
            ledger.did(component, ref, Action.PRUNED)
    return Pruned(frozenset(kept))
