"""The day's work with objects: describe, events, get, restart, scale …."""

from __future__ import annotations

from collections.abc import Iterator

from allup.model.platform import Platform
from tasks.flags import RUN, WHERE
from tasks.verb import Verb

_MOST_FILES = 50


def verbs(platform: Platform) -> Iterator[Verb]:
    """The verbs of this kind."""
    component = platform.components[-1].name if platform.components else "COMPONENT"
    secret = next((s.name for c in platform.components for s in c.secrets if s.generated), "SECRET")
    yield Verb(
        "describe",
        "Show the objects with what matters of each: state, facts, conditions, pods, last Events.",
        f"P.describe --component {component}",
        "inspecting:describe",
        (*WHERE, "json", "component", "pod"),
    )
    yield Verb(
        "events",
        "List the Kubernetes Events about our objects and their pods, oldest first.",
        "P.events --since 10m",
        "inspecting:events",
        (*WHERE, "json", "component", "pod", "since", "watch"),
    )
    yield Verb(
        "get",
        "Print what a jq expression makes of the list of our objects; the data of Secrets is masked.",
        "P.get '.[] | select(.kind == \"Pod\") | .metadata.name' --raw",
        "inspecting:get",
        (*WHERE, "json", "raw", "component", "kind"),
        positional=("expression",),
    )
    yield Verb(
        "orphans",
        "List objects that carry our labels and that no component claims. Changes nothing.",
        "P.orphans --check",
        "inspecting:orphans",
        (*WHERE, "json", "check", "jobs"),
    )
    yield Verb(
        "urls",
        "Show where to click, and how to get there.",
        "P.urls",
        "inspecting:urls",
        (*WHERE, "json"),
    )
    yield Verb(
        "check",
        "Run the health checks now. One that cannot be asked is skipped, never passed; exit code 1 when "
        "one failed.",
        "P.check --junit checks.xml",
        "inspecting:check",
        (*WHERE, "json", "junit", "component"),
    )
    yield Verb(
        "restart",
        "Give a component, or --pod NAME, new pods, and wait until they are ready.\n\n"
        "Nothing else changes: the next all-up finds nothing to do.",
        f"P.restart {component}",
        "changing:restart",
        (*WHERE, *RUN, "pod"),
        words=1,
    )
    yield Verb(
        "scale",
        "Run a component with another number of pods, until the next all-up goes back.",
        f"P.scale {component} 3",
        "changing:scale",
        (*WHERE, *RUN, "workload"),
        positional=("component", "replicas"),
    )
    yield Verb(
        "rotate",
        "Make new values for a generated Secret and replace the pods that use it. Says first what breaks.",
        f"P.rotate {secret}",
        "changing:rotate",
        (*WHERE, *RUN, "yes"),
        positional=("name",),
    )
    yield Verb(
        "secret-from-file",
        "Make a Secret, or fill one, from files; values never stand on the command line.",
        "P.secret-from-file my-certificate tls.crt=cert.pem tls.key=key.pem",
        "changing:secret_from_file",
        (*WHERE, "json", "lock_timeout"),
        words=_MOST_FILES + 1,
    )
    yield Verb(
        "env",
        "Print exports for a shell: KUBECONFIG, context, namespace, and kr, which is kubectl for them.",
        'P.env   # in a shell: eval "$(inv P.env)"',
        "shelling:env",
    )
    yield Verb(
        "kubectl",
        "Run kubectl on the cluster and in the namespace that are meant.",
        "P.kubectl -- get pods",
        "shelling:kubectl",
    )
