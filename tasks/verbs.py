"""The verbs every platform has, and a pair per component."""

from __future__ import annotations

from collections.abc import Iterator

from allup.model.platform import Component, Platform
from tasks.flags import DOWN, RUN, UP, WHERE
from tasks.verb import Verb


def platform_verbs(platform: Platform) -> Iterator[Verb]:
    """The verbs that are about the whole platform."""
    yield Verb(
        "all-up",
        f"Bring {platform.name} up: every component in its order, as soon as what it needs is up.\n\n"
        "Waits for readiness and health checks; a second run changes nothing and says so.",
        "P.all-up --timeout 600",
        "running:up",
        (*WHERE, *RUN, *UP, "only", "no_prune", "forward"),
        settings=True,
    )
    yield Verb(
        "all-down",
        f"Take {platform.name} down, in the opposite order. Claims, volumes and generated Secrets stay, "
        "unless --purge.",
        "P.all-down",
        "running:down",
        (*WHERE, *RUN, *DOWN),
    )
    yield Verb(
        "plan",
        "Show what an up would create, change and prune. Changes nothing.",
        "P.plan --check",
        "looking:plan",
        (*WHERE, "json", "check", "only", "skip", "jobs"),
        settings=True,
    )
    yield Verb(
        "diff",
        "Show what an up would change, field by field, secrets masked. Changes nothing.",
        "P.diff",
        "looking:diff",
        (*WHERE, "json", "check", "only", "skip", "jobs"),
        settings=True,
    )
    yield Verb(
        "render",
        "Print the final manifests without a cluster; secret values are placeholders.",
        "P.render --out build/manifests",
        "looking:render",
        ("instance", "namespace", "only", "out", "debug"),
        settings=True,
    )
    yield Verb(
        "status",
        "Show a table of the components: state, what is not ready and why.",
        "P.status",
        "looking:status",
        (*WHERE, "json", "check", "component", "watch"),
    )
    yield Verb(
        "wait",
        "Wait until what is there is ready; change nothing.",
        "P.wait --timeout 120",
        "running:wait",
        (*WHERE, "json", "junit", "timeout", "component"),
    )
    yield Verb(
        "why",
        "Say why what is not right is not right: object, cause, last event, last log lines.",
        "P.why",
        "looking:why",
        (*WHERE, "json", "component", "pod"),
    )
    yield Verb(
        "settings",
        "Show the settings, their values and where each comes from.",
        "P.settings",
        "looking:settings",
        ("json", "instance", "namespace", "debug"),
        settings=True,
    )
    yield Verb(
        "graph",
        "Print which component needs which.",
        "P.graph --mermaid",
        "looking:graph",
        ("mermaid", "debug"),
    )
    yield Verb(
        "secrets",
        "List the Secrets: names, keys, origins, ages; never values. --reveal KEY prints one value.",
        _reveal_example(platform),
        "looking:secrets",
        (*WHERE, "json", "reveal"),
        optional=("name",),
    )
    yield Verb(
        "history",
        "List the last runs.",
        "P.history",
        "looking:history",
        (*WHERE, "json"),
    )


def _reveal_example(platform: Platform) -> str:
    secret = next((secret for c in platform.components for secret in c.secrets), None)
    return f"P.secrets {secret.name} --reveal {next(iter(secret.keys))}" if secret else "P.secrets"


def component_verbs(platform: Platform) -> Iterator[Verb]:
    """An up and a down per component."""
    for component in platform.components:
        yield _up(component)
        yield _down(component)


def _up(component: Component) -> Verb:
    what = f"Bring {component.name} up{': ' + component.help.rstrip('.') if component.help else ''}."
    needs = (
        f"\n\nWith what it needs ({', '.join(component.after)}), unless --no-deps." if component.after else ""
    )
    return Verb(
        component.up_task,
        what + needs,
        f"P.{component.up_task}",
        "running:up",
        (*WHERE, *RUN, *UP, "no_deps"),
        settings=True,
        aliases=tuple(component.aliases),
        component=component.name,
    )


def _down(component: Component) -> Verb:
    return Verb(
        component.down_task,
        f"Take {component.name} down; refused while others use it, unless --cascade.",
        f"P.{component.down_task}",
        "running:down",
        (*WHERE, *RUN, *DOWN, "cascade"),
        aliases=tuple(component.down_aliases),
        component=component.name,
    )
