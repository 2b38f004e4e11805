"""Stands in for ``minikube`` on the far host, which has no virtual machine: the sandbox is its "node".

``standin_minikube.py WORLD ARGUMENTS``. It answers with the transcript in tests/data/remote (see the README
there); WORLD is a folder with ``world.json`` (address, port, docker, ca, certificate, key) and what it keeps:
the profiles below ``home/.minikube``, and every call in ``calls.jsonl``. A file ``refuse`` makes start fail.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

TRANSCRIPT = Path(__file__).parents[1] / "data" / "remote" / "minikube"


class Minikube:
    """One call."""

    def __init__(self, world: Path, words: list[str]) -> None:
        self.world = world
        self.told: dict[str, Any] = json.loads((world / "world.json").read_text())
        self.home = world / "home" / ".minikube"
        self.words = words
        self.profile = words[words.index("-p") + 1] if "-p" in words else "minikube"
        self.folder = self.home / "profiles" / self.profile

    def run(self) -> int:
        """Prints what minikube prints, and returns its exit code."""
        bare = list(self.words)
        if "-p" in bare:
            at = bare.index("-p")
            del bare[at : at + 2]
        match bare[0]:
            case "version":
                return self.say({"commit": "c93a4cb", "minikubeVersion": "v1.38.1"})
            case "profile":
                return self.profiles()
            case "start":
                return self.start()
        if not self.folder.exists():
            self.events("not-found")
            return 85
        match bare[0]:
            case "status":
                return self.status()
            case "stop":
                (self.folder / "stopped").touch()
                return self.events("stop")
            case "ip":
                sys.stdout.write(self.told["address"] + "\n")
                return 0
            case "docker-env":
                return self.docker_env(bare)
            case "mount":
                sys.stdout.write(f"* Mounting host path {bare[-1].replace(':', ' into VM as ')} ...\n")
                sys.stdout.write(f"* Successfully mounted {bare[-1].replace(':', ' to ')}\n")
                sys.stdout.flush()
                signal.pause()
        sys.stderr.write(f'Error: unknown command "{bare[0]}" for "minikube"\n')
        return 14

    @property
    def running(self) -> bool:
        return self.folder.exists() and not (self.folder / "stopped").exists()

    def profiles(self) -> int:
        valid = []
        for folder in sorted((self.home / "profiles").glob("*")):
            status = "Stopped" if (folder / "stopped").exists() else "OK"
            config = json.loads((folder / "config.json").read_text())
            facts = {"Name": folder.name, "Status": status, "Config": config}
            valid.append({**facts, "Active": False, "ActiveKubeContext": False})
        return self.say({"invalid": [], "valid": valid})

    def status(self) -> int:
        word = "Running" if self.running else "Stopped"
        known = Path(os.environ.get("KUBECONFIG", "")).exists()
        kubeconfig = ("Configured" if known else "Misconfigured") if self.running else word
        facts = {"Name": self.profile, "Host": word, "Kubelet": word, "APIServer": word}
        self.say({**facts, "Kubeconfig": kubeconfig, "Worker": False})
        return 7 if not self.running else 0 if known else 4

    def start(self) -> int:
        if (self.world / "refuse").exists():
            self.events("start", 2)
            self.events("kvm2-missing")
            return 65
        self.folder.mkdir(parents=True, exist_ok=True)
        config = (TRANSCRIPT / "config.json").read_text().replace("PROFILE", self.profile)
        read = json.loads(config.replace("ADDRESS", self.told["address"]))
        read["Nodes"][0]["Port"] = self.told["port"]
        (self.folder / "config.json").write_text(json.dumps(read, indent=1))
        (self.folder / "stopped").unlink(missing_ok=True)
        (self.home / "ca.crt").write_text(self.told["ca"])
        (self.folder / "client.crt").write_text(self.told["certificate"])
        (self.folder / "client.key").write_text(self.told["key"])
        Path(os.environ["KUBECONFIG"]).write_text(f"# stands for the context {self.profile}\n")
        return self.events("start")

    def docker_env(self, words: list[str]) -> int:
        told = {
            "DOCKER_CERT_PATH": f"{self.home}/certs",
            "DOCKER_HOST": f"tcp://{self.told['docker']}",
            "DOCKER_TLS_VERIFY": "1",
            "MINIKUBE_ACTIVE_DOCKERD": self.profile,
            "SSH_AGENT_PID": "",
            "SSH_AUTH_SOCK": "",
        }
        if words[words.index("--shell") + 1 if "--shell" in words else 0] == "none":
            return self.say(told)
        for name, value in told.items():  # without --shell none, -o json is ignored
            sys.stdout.write(f'export {name}="{value}"\n')
        return 0

    def say(self, value: object) -> int:
        sys.stdout.write(json.dumps(value, separators=(",", ":")) + "\n")
        return 0

    def events(self, name: str, first: int | None = None) -> int:
        lines = (TRANSCRIPT / f"{name}.jsonl").read_text().splitlines()[:first]
        sys.stdout.write("".join(line.replace("PROFILE", self.profile) + "\n" for line in lines))
        return 0


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with (folder / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps({"argv": sys.argv[2:], "kubeconfig": os.environ.get("KUBECONFIG")}) + "\n")
    sys.stderr.write("I1121 03:20:56.100000    4711 out.go:345] Setting OutFile to fd 1 ...\n")
    raise SystemExit(Minikube(folder, sys.argv[2:]).run())
