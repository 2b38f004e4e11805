"""Stands in for ``minikube``, ``kind`` and ``docker``, which need a container engine that is not here.

``standin_tools.py NAME ARGUMENTS``. It answers as minikube 1.38.1, kind 0.32.0 and docker 28.2 do, with the
failures that the real programs printed (tests/data/providers); that a real node follows is not proven by it.
The folder in STANDIN_WORLD holds ``cluster.json`` (the sandbox, which is every cluster), what it keeps, and
each call in ``calls.jsonl``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WORLD = Path(os.environ.get("STANDIN_WORLD", ""))
RECORDED = Path(__file__).parents[1] / "data" / "providers"
ADDONS = ("dashboard", "default-storageclass", "ingress", "ingress-dns", "metrics-server")
_EVENT = {"specversion": "1.0", "id": "0f", "source": "https://minikube.sigs.k8s.io/"}


def say(value: object) -> int:
    """Prints JSON as Go does."""
    sys.stdout.write(json.dumps(value, separators=(",", ":")) + "\n")
    return 0


def recorded(tool: str, name: str) -> int:
    """Prints what the real program printed, and ends as it did."""
    read = json.loads((RECORDED / tool / f"{name}.json").read_text())
    sys.stdout.write(read["stdout"])
    sys.stderr.write(read["stderr"])
    return int(read["exit_code"])


def event(kind: str, **data: str) -> None:
    """Prints a CloudEvent."""
    say({**_EVENT, "type": f"io.k8s.sigs.minikube.{kind}", "data": data})


def write_kubeconfig(file: Path, context: str, *, current: bool) -> None:
    """Adds the sandbox under *context*, as both programs add theirs."""
    content: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"kind": "Config"}
    cluster = json.loads((WORLD / "cluster.json").read_text())
    extension = [{"name": "cluster_info", "extension": {"provider": "minikube.sigs.k8s.io"}}]
    parts: Mapping[str, tuple[str, Any]] = {
        "clusters": ("cluster", {**cluster["cluster"], "extensions": extension}),
        "users": ("user", cluster["user"]),
        "contexts": ("context", {"cluster": context, "user": context}),
    }
    for key, (inner, value) in parts.items():
        others = [each for each in content.get(key) or () if each["name"] != context]
        content[key] = [*others, {"name": context, inner: value}]
    if current:
        content["current-context"] = context
    file.write_text(json.dumps(content))


class Minikube:
    """One call of minikube."""

    def __init__(self, words: list[str]) -> None:
        self.profile = words[words.index("-p") + 1] if "-p" in words else "minikube"
        at = words.index("-p") if "-p" in words else len(words)
        self.words = words[:at] + words[at + 2 :]
        self.folder = WORLD / "minikube" / self.profile
        self.flags = dict(word[2:].partition("=")[::2] for word in self.words if word.startswith("--"))

    def run(self) -> int:
        """Answers."""
        match self.words[:2]:
            case ["version", *_]:
                return say(
                    {"commit": "c93a4cb", "minikubeVersion": os.environ.get("STANDIN_MINIKUBE", "v1.38.1")}
                )
            case ["profile", "list"]:
                valid = [self.listed(each) for each in sorted((WORLD / "minikube").glob("*"))]
                return say({"invalid": [], "valid": valid})
            case ["addons", "list"]:
                return say({addon: self.addon(addon) for addon in ADDONS})
            case ["start", *_]:
                return self.start()
        if not self.folder.exists():
            return recorded("minikube", "status-unknown")
        running = self.state == "Running"
        match self.words[:2]:
            case ["status", *_]:
                return self.status()
            case ["stop", *_]:
                (self.folder / "state").write_text("Stopped")
                event(
                    "step", currentstep="0", message=f'Stopping node "{self.profile}"  ...', name="Stopping"
                )
                event("step", currentstep="2", message="1 node stopped.", name="Done")
            case ["delete", *_]:
                for file in self.folder.iterdir():
                    file.unlink()
                self.folder.rmdir()
                event("step", currentstep="2", message=f'Removed all traces of the "{self.profile}" cluster.')
            case ["update-context", *_]:
                write_kubeconfig(Path(os.environ["KUBECONFIG"]), self.profile, current=True)
                sys.stdout.write(f'* "{self.profile}" context has been updated\n')
            case ["ip", *_]:
                sys.stdout.write("192.168.49.2\n")
            case ["addons", "enable"]:
                self.change(Addons={**self.config["Addons"], self.words[2]: True})
                sys.stdout.write(f"* The '{self.words[2]}' addon is enabled\n")
            case ["image", "ls"]:
                tags = (
                    (self.folder / "images").read_text().split() if (self.folder / "images").exists() else []
                )
                say(
                    [{"id": "0f", "repoDigests": [], "repoTags": tags, "size": "12300000"}] if running else ""
                )
            case ["image", "load"]:
                if running and not (WORLD / "images-get-lost").exists():
                    (self.folder / "images").write_text("docker.io/local/tool:1\n")
            case ["docker-env", *_]:
                if self.flags.get("shell") != "none" and "none" not in self.words:
                    return recorded("minikube", "docker-env-unknown")
                say(
                    {
                        "DOCKER_CERT_PATH": "/home/ada/.minikube/certs",
                        "DOCKER_HOST": "tcp://192.168.49.2:2376",
                        "DOCKER_TLS_VERIFY": "1",
                        "MINIKUBE_ACTIVE_DOCKERD": self.profile,
                        "SSH_AGENT_PID": "",
                        "SSH_AUTH_SOCK": "",
                    }
                )
            case ["logs", *_]:
                sys.stdout.write("==> kubelet <==\nit runs\n")
            case ["mount", spec]:
                sys.stdout.write(f"* Successfully mounted {spec.replace(':', ' to ')}\n")
            case _:
                sys.stderr.write(f'Error: unknown command "{self.words[0]}" for "minikube"\n')
                return 14
        return 0

    def start(self) -> int:
        if self.flags.get("driver") == "docker" and (WORLD / "engine-down").exists():
            return recorded("minikube", "start-docker-down")
        if self.flags.get("driver") == "virtualbox":
            return recorded("minikube", "start-virtualbox-missing")
        self.folder.mkdir(parents=True, exist_ok=True)
        event(
            "step",
            currentstep="0",
            message=f"[{self.profile}] minikube v1.38.1",
            name="Initial Minikube Setup",
        )
        if not (self.folder / "config.json").exists():
            memory = self.flags.get("memory", "4000").removesuffix("g")
            self.write(
                {
                    "Name": self.profile,
                    "Driver": self.flags.get("driver", "kvm2"),
                    "CPUs": int(self.flags.get("cpus", "2")),
                    "Memory": int(memory) * (1024 if self.flags.get("memory", "").endswith("g") else 1),
                    "MountString": self.flags.get("mount-string", ""),
                    "Addons": {},
                    "KubernetesConfig": {
                        "KubernetesVersion": self.flags.get("kubernetes-version", "v1.35.1"),
                        "ContainerRuntime": self.flags.get("container-runtime", ""),
                        "CNI": self.flags.get("cni", ""),
                    },
                    "Nodes": [
                        {"Name": "", "IP": "192.168.49.2", "Port": 8443, "ControlPlane": True, "Worker": True}
                    ],
                }
            )
        wanted = filter(None, self.flags.get("addons", "").split(","))
        self.change(Addons={**self.config["Addons"], **dict.fromkeys(wanted, True)})
        (self.folder / "state").write_text("Running")
        home = Path(os.environ["HOME"]) / ".minikube"
        home.mkdir(exist_ok=True)
        (home / "ca.crt").write_text((WORLD / "ca.crt").read_text())
        write_kubeconfig(
            Path(os.environ["KUBECONFIG"]), self.profile, current="keep-context" not in self.flags
        )
        event("step", currentstep="19", message="Done! kubectl is now configured", name="Done")
        return 0

    def status(self) -> int:
        word = self.state
        if (WORLD / "container-gone").exists():
            sys.stdout.write("null\n")
            return 7
        file = Path(os.environ["KUBECONFIG"])
        known = file.exists() and f'"name": "{self.profile}"' in file.read_text()
        kubeconfig = ("Configured" if known else "Misconfigured") if word == "Running" else word
        facts = {"Name": self.profile, "Host": word, "Kubelet": word, "APIServer": word}
        say({**facts, "Kubeconfig": kubeconfig, "Worker": False})
        return 7 if word != "Running" else 0 if known else 4

    @property
    def state(self) -> str:
        return (self.folder / "state").read_text()

    @property
    def config(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.folder / "config.json").read_text())
        return read

    def write(self, config: Mapping[str, Any]) -> None:
        (self.folder / "config.json").write_text(json.dumps(config))

    def change(self, **values: Any) -> None:
        self.write({**self.config, **values})

    def addon(self, name: str) -> dict[str, str]:
        if not self.folder.exists():
            return {}
        state = "enabled" if self.config["Addons"].get(name) else "disabled"
        return {"Profile": self.profile, "Status": state}

    def listed(self, folder: Path) -> dict[str, Any]:
        status = {"Running": "OK"}.get((folder / "state").read_text(), "Stopped")
        config = json.loads((folder / "config.json").read_text())
        return {
            "Name": folder.name,
            "Status": status,
            "Config": config,
            "Active": False,
            "ActiveKubeContext": False,
        }


class Kind:
    """One call of kind; its nodes are files that the stand-in for docker reads."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.flags = dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))
        self.name = self.flags.get("name", "kind")
        self.folder = WORLD / "kind" / self.name

    def run(self) -> int:
        """Answers."""
        match self.words[:2]:
            case ["version", "-q"]:
                sys.stdout.write(os.environ.get("STANDIN_KIND", "0.32.0") + "\n")
            case ["create", "cluster"]:
                config = json.loads(sys.stdin.read())
                self.folder.mkdir(parents=True)
                for number, node in enumerate(config["nodes"]):
                    suffix = "" if number < 2 else str(number)
                    (self.folder / f"{self.name}-{node['role']}{suffix}").write_text("running")
                (WORLD / "kind-config.json").write_text(json.dumps(config))
                write_kubeconfig(Path(self.flags["kubeconfig"]), f"kind-{self.name}", current=True)
                sys.stderr.write(f'Creating cluster "{self.name}" ...\n • Preparing nodes 📦   ...\n')
                sys.stderr.write(" ✓ Preparing nodes 📦 \n")
            case ["get", "kubeconfig"]:
                file = WORLD / f"kubeconfig-{self.name}"
                write_kubeconfig(file, f"kind-{self.name}", current=True)
                sys.stdout.write(file.read_text())
            case ["delete", "cluster"]:
                for file in self.folder.iterdir():
                    file.unlink()
                self.folder.rmdir()
            case ["load", "image-archive"]:
                if not Path(self.words[2]).exists():
                    return recorded("kind", "load-docker-down")
                (WORLD / "kind-images").write_text("docker.io/local/tool:1")
            case _:
                return 1
        return 0


def docker(words: list[str]) -> int:
    """One call of docker: kind's nodes, and the engine."""
    if (WORLD / "engine-down").exists():
        sys.stderr.write("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n")
        return 1
    match words[:2]:
        case ["ps", "-a"]:
            for node in sorted((WORLD / "kind").glob("*/*")):
                role = "worker" if "worker" in node.name else "control-plane"
                sys.stdout.write("\t".join((node.parent.name, node.name, node.read_text(), role)) + "\n")
        case [("stop" | "start") as verb, *names]:
            for node in (WORLD / "kind").glob("*/*"):
                if node.name in names:
                    node.write_text("running" if verb == "start" else "exited")
        case ["context", "inspect"]:
            sys.stdout.write(os.environ.get("STANDIN_ENGINE", "unix:///var/run/docker.sock") + "\n")
        case ["inspect", "--format"]:
            sys.stdout.write("172.18.0.2\n")
        case ["exec", *_]:
            file = WORLD / "kind-images"
            say({"images": [{"repoTags": [file.read_text()]}] if file.exists() else []})
        case ["version", "--format"]:
            sys.stdout.write("Docker Engine - Community\n")
        case _:
            return 1
    return 0


def main() -> int:
    """Whichever it is called as."""
    name, *words = sys.argv[1:]
    with (WORLD / "calls.jsonl").open("a") as calls:
        calls.write(
            json.dumps({"argv": [name, *words], "kubeconfig": os.environ.get("KUBECONFIG", "")}) + "\n"
        )
    if name == "minikube":
        sys.stderr.write("I1121 03:20:56.100000    4711 out.go:345] Setting OutFile to fd 1 ...\n")
        return Minikube(words).run()
    return Kind(words).run() if name == "kind" else docker(words)


if __name__ == "__main__":
    raise SystemExit(main())
