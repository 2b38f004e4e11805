"""What kwok answers for the pods of one namespace: logs from a file, commands run on this machine, ports.

Only namespace ``day-streams`` is served, and only what these tests run there: exec is a program of the test
machine, so nothing here may do harm.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

NAMESPACE = "day-streams"
ECHO, REFUSING, HTTP, GREETING = 7, 81, 80, 25

# Answers one request with its Host and Authorization, as no pod proxy would let them through.
_HTTP_SERVER = r"""
host= auth=
while IFS= read -r line; do
  line=$(printf %s "$line" | tr -d '\r')
  case $line in
    "") break ;;
    [Hh]ost:*) host=${line#*: } ;;
    [Aa]uthorization:*) auth=${line#*: } ;;
  esac
done
body="host=$host auth=$auth"
printf 'HTTP/1.1 200 OK\r\nContent-Length: %s\r\nConnection: close\r\n\r\n%s' ${#body} "$body"
"""

_EPHEMERAL_RUNS = """\
ephemeralContainerStatuses:
{{ range .spec.ephemeralContainers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  restartCount: 0
  state: {running: {startedAt: {{ Now | Quote }}}}
{{ end }}
"""


def written(folder: Path) -> tuple[Path, Path]:
    """The documents for kwok in a file, and the log that every container there has."""
    log, previous = folder / "container.log", folder / "previous.log"
    log.write_text(line("first") + line("second"))
    previous.write_text(line("an earlier life"))
    file = folder / "kubelet.yaml"
    file.write_text(yaml.safe_dump_all(_documents(log, previous)))
    return file, log


def line(text: str, at: str = "2026-01-01T00:00:00.000000000Z") -> str:
    """A line as a container runtime writes it (CRI logging)."""
    return f"{at} stdout F {text}\n"


def _documents(log: Path, previous: Path) -> list[dict[str, Any]]:
    selector = {"matchNamespaces": [NAMESPACE]}
    local = {"workDir": "/", "envs": [{"name": "SIMULATED", "value": "yes"}, {"name": "ENV", "value": ""}]}
    forwards = [
        {"ports": [ECHO], "command": ["cat"]},
        {"ports": [REFUSING], "target": {"address": "127.0.0.1", "port": 1}},
        {"ports": [HTTP], "command": ["sh", "-c", _HTTP_SERVER]},
        {"ports": [GREETING], "command": ["echo", "220 ready"]},
    ]
    logs = {"logsFile": str(log), "previousLogsFile": str(previous), "follow": True}
    return [
        _document("ClusterExec", {"selector": selector, "execs": [{"local": local}]}),
        _document("ClusterLogs", {"selector": selector, "logs": [logs]}),
        _document("ClusterPortForward", {"selector": selector, "forwards": forwards}),
        _document(
            "Stage",
            {
                "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
                "selector": {
                    "matchExpressions": [
                        {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"},
                        {"key": ".spec.ephemeralContainers", "operator": "Exists"},
                        {"key": ".status.ephemeralContainerStatuses", "operator": "DoesNotExist"},
                    ]
                },
                "next": {"statusTemplate": _EPHEMERAL_RUNS},
            },
        ),
    ]


def _document(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    name = f"day-streams-{kind.lower()}"
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }
