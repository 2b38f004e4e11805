"""The fixed flags: the same name and meaning wherever they make sense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Flag:
    """One flag. A ``many`` flag may be given several times, or once with commas."""

    name: str
    kind: Literal["switch", "text", "many"]
    help: str


def _flags(*flags: Flag) -> dict[str, Flag]:
    return {flag.name: flag for flag in flags}


FIXED = _flags(
    Flag("context", "text", "the cluster: a context of the kubeconfig"),
    Flag("kubeconfig", "text", "the kubeconfig that has the context (default: KUBECONFIG, ~/.kube/config)"),
    Flag("instance", "text", "which installation of the platform (default: the platform's name)"),
    Flag("namespace", "text", "the namespace (default: the instance's name)"),
    Flag("dry_run", "switch", "show what would be done and do nothing"),
    Flag("check", "switch", "leave with exit code 5 when something would change or is not right"),
    Flag("json", "switch", "results as JSON on standard output, people's text on standard error"),
    Flag("junit", "text", "also write a JUnit report to this file"),
    Flag("bundle", "text", "a folder for the evidence (objects, events, logs) when it does not end well"),
    Flag("timeout", "text", "seconds for the whole run (up 900, down 600)"),
    Flag("jobs", "text", "how many requests at a time (default 16)"),
    Flag("yes", "switch", "do not ask"),
    Flag("no_deps", "switch", "this component only, without what it needs"),
    Flag("cascade", "switch", "first take down what depends on it"),
    Flag("purge", "switch", "data too: claims, volumes, generated Secrets, the namespace"),
    Flag("only", "many", "only these components and what they need"),
    Flag("skip", "many", "without these components"),
    Flag(
        "force", "switch", "when something is stuck: show what could be forced and what is lost, ask, do it"
    ),
    Flag("force_conflicts", "switch", "take fields that other managers own, for this run"),
    Flag("adopt", "many", "take over an object that exists and is not ours: Kind/namespace/name"),
    Flag("no_prune", "switch", "leave what is no longer in the platform"),
    Flag("no_wait", "switch", "apply and do not wait for readiness"),
    Flag("lock_timeout", "text", "seconds to wait for another run to end (default 30)"),
    Flag("anyway", "switch", "even so"),
    Flag("debug", "switch", "show tracebacks"),
    Flag("values", "text", "a values.yaml of the platform's Helm chart; what it does not know is refused"),
    Flag("component", "text", "only this component"),
    Flag("pod", "text", "this pod instead of a component's"),
    Flag("container", "text", "which container of the pod"),
    Flag("workload", "text", "which of the component's workloads, as Deployment/NAME"),
    Flag("tail", "text", "how many lines from the end (default 100)"),
    Flag("since", "text", "only the last so many seconds, or 5m, 2h"),
    Flag("previous", "switch", "the container's previous life"),
    Flag("follow", "switch", "go on with what comes"),
    Flag("out", "text", "a folder to write to, a file an object"),
    Flag("mermaid", "switch", "as a mermaid diagram"),
    Flag("reveal", "text", "print the value of this key, to standard output alone"),
    Flag("image", "text", "the image of the debugging container"),
    Flag("background", "switch", "go on in the background, until it is stopped"),
    Flag("list", "switch", "list what goes on in the background"),
    Flag("forward", "switch", "then open the platform's URLs on this machine, in the background"),
    Flag("stop", "many", "end the ones of these names, or all"),
    Flag("watch", "switch", "go on showing, until Ctrl-C"),
    Flag("kind", "text", "only objects of this kind"),
    Flag("raw", "switch", "texts as they are, without quotes"),
    Flag("project", "text", "the project's name (default: as Compose finds it)"),
    Flag("profile", "many", "switch these profiles of the compose files on, as a,b; '*' is all"),
    Flag("env_file", "many", "files of variables instead of .env"),
    Flag("replicas", "text", "pods of each service, where it may have more than one"),
    Flag("volumes", "text", "what volumes become: persistentVolumeClaim, emptyDir, hostPath, configMap"),
    Flag("build", "switch", "build the images that the files build, and push or load them"),
    Flag("no_build", "switch", "build no image; pods are given the names that Compose would give them"),
    Flag("repository", "text", "push what is built under this prefix (variable: DOCKER_REPO)"),
    Flag(
        "into",
        "text",
        "load what is built into sandbox[:NAME], kind[:CLUSTER], minikube[:PROFILE] or docker "
        "(default: the sandbox that is meant)",
    ),
    Flag("engine", "text", "docker or buildah (default: docker where its daemon answers, else buildah)"),
    Flag("overwrite", "switch", "also files that somebody changed since they were written"),
)

POSITIONAL = {
    "component": "one of the platform's components",
    "name": "the name of a Secret",
    "expression": "a jq expression",
    "replicas": "how many pods",
    "part": "backend or components (default: both)",
}

HERE = ("debug",)
"""Of tasks that go to no cluster."""
WHERE = ("context", "kubeconfig", "instance", "namespace", "debug")
RUN = ("json", "junit", "bundle", "timeout", "jobs", "lock_timeout")
UP = (
    "dry_run",
    "skip",
    "force_conflicts",
    "adopt",
    "no_wait",
)
DOWN = ("dry_run", "purge", "force", "yes")
