"""Why is this not right? Pure: recorded objects and Events in, findings out. Never fetches, never waits.

``diagnose(subject, scene)`` explains one object, ``diagnose_all`` several at once: the root cause first, what
is wrong only because of it as its consequences, and objects that share a trouble as one finding.

A ``Scene`` answers what stands beside an object. ``Recorded(objects, events, now)`` is one made of complete
objects (dicts as the API server gives them: the subject, its pods and ReplicaSets, claims, volumes,
StorageClasses, nodes, quotas, Services, EndpointSlices, CustomResourceDefinitions, APIServices …) and Events
in either shape (``v1`` or ``events.k8s.io/v1``). More objects make a diagnosis finer, never wrong: what was
not seen proves nothing.

A recorded case therefore is ``{objects, events, now, subject, expect: {cause, heals, words}}`` with *subject*
as ``Kind/namespace/name`` (a group as in ``Kind.group/…`` when it is not a built-in one), and reads

    found = diagnose(ref, Recorded(case["objects"], case["events"], now))
    (found[0].cause, found[0].heals)  # and each of words occurs in str(found[0])

A file a family, each a set of functions from an object and its neighbours to a ``Trouble`` or None:
``image``, ``configuration``, ``process``, ``scheduling``, ``admission``, ``storage``, ``rollout``,
``service`` (with ``links``), ``jobs``, ``custom``, ``permission``, ``deletion``; ``pods`` puts together
what a pod needs of them.
``allup.readiness`` stands above: it decides *whether* an object is ready, and asks here for the reason.
"""

from allup.diagnosis.causes import Cause
from allup.diagnosis.diagnose import diagnose, diagnose_all
from allup.diagnosis.finding import Finding
from allup.diagnosis.scene import Neighbours, NoNeighbours, Recorded, Scene
from allup.diagnosis.trouble import Trouble

__all__ = [
    "Cause",
    "Finding",
    "Neighbours",
    "NoNeighbours",
    "Recorded",
    "Scene",
    "Trouble",
    "diagnose",
    "diagnose_all",
]
