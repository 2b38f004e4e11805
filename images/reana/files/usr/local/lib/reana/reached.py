"""What a program of REANA 0.6 reaches with the variables it has: each as "yes", or why not."""

import json
import os
import socket
import ssl
import struct
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
ADMIN = "00000000-0000-0000-0000-000000000000"


def database():
    """A connection with the five variables of reana-db."""
    import psycopg2

    names = {"dbname": "NAME", "host": "HOST", "port": "PORT", "user": "USERNAME", "password": "PASSWORD"}
    return psycopg2.connect(**{key: os.environ[f"REANA_DB_{name}"] for key, name in names.items()})


def cache():
    """A PING at the Redis of the server's sessions."""
    url = urllib.parse.urlsplit(os.environ["INVENIO_ACCOUNTS_SESSION_REDIS_URL"])
    with socket.create_connection((url.hostname, url.port), 5) as stream:
        stream.sendall(f"AUTH {url.password}\r\nPING\r\n".encode())
        said = b""
        while said.count(b"\r\n") < 2:
            said += stream.recv(100)
    if not said.endswith(b"+PONG\r\n"):
        raise OSError(said.decode())


def broker():
    """A log-in at the broker, up to Connection.Tune (AMQP 0-9-1, 2.2.4)."""
    host, port = os.environ["RABBIT_MQ_URL"], int(os.environ["RABBIT_MQ_PORT"])
    user, password = os.environ["RABBIT_MQ_USER"], os.environ["RABBIT_MQ_PASS"]
    response = f"\0{user}\0{password}".encode()
    payload = struct.pack(">HHI", 10, 11, 0) + b"\5PLAIN" + struct.pack(">I", len(response)) + response
    payload += b"\5en_US"
    with socket.create_connection((host, port), 10) as stream, stream.makefile("rb") as told:
        stream.sendall(b"AMQP\0\0\t\1")
        _method(told)
        stream.sendall(struct.pack(">BHI", 1, 0, len(payload)) + payload + b"\xce")
        if _method(told) != (10, 30):
            raise OSError("the broker refuses the log-in")


def _method(told):
    _, _, size = struct.unpack(">BHI", told.read(7))
    return struct.unpack(">HH", told.read(size + 1)[:4])


def controller():
    """The controller, by the variables of reana-commons."""
    host = os.environ["WORKFLOW_CONTROLLER_SERVICE_HOST"]
    port = os.environ["WORKFLOW_CONTROLLER_SERVICE_PORT_HTTP"]
    urllib.request.urlopen(f"http://{host}:{port}/api/workflows", timeout=5).close()


def api(path):
    """The status with which the API server answers a GET with the pod's token."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    headers = {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"}
    request = urllib.request.Request(f"https://{host}:{port}{path}", headers=headers)
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def workspace():
    """A file in the shared volume."""
    file = Path(os.environ["SHARED_VOLUME_PATH"]) / f"written-by-{socket.gethostname()}"
    file.write_text("yes")
    file.unlink()


def _tried(name):
    try:
        globals()[name]()
    except Exception as error:  # whatever it is, it is the answer
        return f"{type(error).__name__}: {error}"
    return "yes"


def all_of(*names):
    """Each of *names*, as JSON, and what the API server lets the account see."""
    paths = {
        "nodes": "/api/v1/nodes",
        "jobs": "/apis/batch/v1/jobs",
        "secrets": "/api/v1/namespaces/default/secrets/reana-db-secrets",
        "all secrets": "/api/v1/secrets",
        "pods": "/api/v1/namespaces/default/pods",
    }
    seen = {name: api(path) for name, path in paths.items()} if ACCOUNT.exists() else {}
    return json.dumps({**{name: _tried(name) for name in names}, "api": seen})
