"""The seed's list of NFS trials, made into data: protocols, options, paths, ownership, in this order.

First the server as it sees itself, then the homes as RStudio has them mounted, then mounts of every kind in
a pod made for it. Each builds on the ones before, so the first that fails is the cause.
"""

from __future__ import annotations

from collections.abc import Sequence

from allup import PROBE, Trial

SERVER, CLIENT = "deploy/nfs01", "deploy/rsp"
FILE = ".nfs-debug"
# Set in the probe pod by Kubernetes: the Service's address, without asking any name server.
ADDRESS = "$NFS01_SERVICE_HOST"

SQUASHED = (
    "root is squashed: what is there can be read and changed, but root on a client may not create for "
    "others, so no home can be made. The export needs no_root_squash"
)
NO_SERVER_IN_KERNEL = (
    "the node's kernel has no NFS server: load the module nfsd there, or move the pod to another node"
)
SIGNS = (
    ("Read-only file system", "the export, or the mount, is read-only"),
    ("Permission denied|Operation not permitted", SQUASHED),
    ("No space left|Disk quota", "the disk behind the export is full"),
    ("Stale", "the server was restarted under the mount: restart the pod (inv k8s.restart rsp)"),
    ("Input/output error|not responding", "the server does not answer: see inv k8s.why, then its log"),
)
MOUNT_SIGNS = (
    ("not supported", "the server does not speak this version of the protocol"),
    ("No such file or directory", "the server exports no such path"),
    ("refused", "nobody listens on port 2049 there"),
    ("timed out|no end", "no answer: a network policy or a firewall is in the way, or the server hangs"),
    ("access denied", "the server does not export this to the pod's address (its setting PERMITTED)"),
    ("resolve|unknown host|bad address", "the name does not resolve here"),
    ("wrong fs type|No such device|unknown filesystem", "the node's kernel has no NFS client (module nfs)"),
    ("must be superuser|permission denied", "the pod is not privileged enough to mount"),
)


def trials(owner: str, user: str) -> Sequence[Trial]:
    """All of them; *owner* is the ``uid:gid`` that the seed user *user* has."""
    return (*_server(), *_homes(owner, user), *_mounts())


def _server() -> Sequence[Trial]:
    exports = ("exportfs", "-v")
    return (
        Trial(
            name="server: its daemons run",
            where=SERVER,
            command=_sh("pidof rpc.mountd && cat /proc/fs/nfsd/threads"),
            signs=((r"fs/nfsd/threads", NO_SERVER_IN_KERNEL),),
            fails="rpc.mountd does not run; the pod's log says why (inv k8s.logs nfs)",
        ),
        Trial(
            name="server: speaks NFS 4",
            where=SERVER,
            command=("cat", "/proc/fs/nfsd/versions"),
            expect=r"\+4",
            fails="version 4 is switched off, and it is the only one this image serves",
        ),
        Trial(
            name="server: exports the homes",
            where=SERVER,
            command=exports,
            expect="/exports",
            fails="nothing is exported; an overlay file system cannot be (nfs-data must be a real disk)",
        ),
        Trial(
            name="server: the export is writable",
            where=SERVER,
            command=exports,
            expect=r"\brw\b",
            fails="it is exported read-only: the variable READ_ONLY is set, even an empty one counts",
        ),
        Trial(
            name="server: root stays root",
            where=SERVER,
            command=exports,
            expect="no_root_squash",
            fails=SQUASHED,
        ),
        Trial(
            name="server: its disk can be written",
            where=SERVER,
            command=_sh(
                "touch /exports/.nfs-debug-server && rm /exports/.nfs-debug-server && df -h /exports"
            ),
            signs=SIGNS,
            fails="the server itself cannot write to its disk",
        ),
    )


def _homes(owner: str, user: str) -> Sequence[Trial]:
    uid, _, gid = owner.partition(":")
    return (
        Trial(
            name="homes: mounted by NFS",
            where=CLIENT,
            command=("grep", " /home nfs", "/proc/mounts"),
            fails="/home is not an NFS mount in the server's pod",
        ),
        Trial(
            name="homes: can be read",
            where=CLIENT,
            command=("ls", "-lan", "/home"),
            signs=SIGNS,
            fails="the folder of the homes cannot be listed",
        ),
        Trial(
            name="homes: a file can be created",
            where=CLIENT,
            command=_sh(f"echo 1 > /home/{FILE}"),
            signs=SIGNS,
            fails="a file cannot be created",
        ),
        Trial(
            name="homes: it can be changed",
            where=CLIENT,
            command=_sh(f"echo 2 >> /home/{FILE} && wc -l < /home/{FILE}"),
            expect="2",
            signs=SIGNS,
            fails="a file cannot be changed",
        ),
        Trial(
            name="homes: it can be given to a user",
            where=CLIENT,
            command=_sh(f"chown {owner} /home/{FILE} && stat -c %u:%g /home/{FILE}"),
            expect=owner,
            signs=(*SIGNS, ("65534|4294967294", "names are mapped to nobody: the id mapping of NFS 4 is on")),
            fails="the owner of a file is not the one it was given to",
        ),
        Trial(
            name="ids: the server sees the same owner",
            where=SERVER,
            command=("stat", "-c", "%u:%g", f"/exports/{FILE}"),
            expect=owner,
            fails="client and server do not agree on numeric ids: an id mapping is between them",
        ),
        Trial(
            name=f"ids: {user} is who owns it",
            where=CLIENT,
            command=_sh(f"id -u {user}; id -g {user}"),
            expect=rf"{uid}\s+{gid}",
            fails="the directory gives the user another id than the homes have; "
            "the seed's ids count for a directory's first start only",
        ),
        Trial(
            name=f"ids: as {user} it can be written",
            where=CLIENT,
            command=(
                *("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"),
                *_sh(f"echo 3 >> /home/{FILE}"),
            ),
            signs=((".", "the user may not write a file of his own: look at the modes and ids above"),),
            fails="the user may not write a file of his own",
        ),
        Trial(
            name="homes: it can be removed",
            where=CLIENT,
            command=("rm", f"/home/{FILE}"),
            signs=SIGNS,
            fails="a file cannot be removed",
        ),
    )


def _mounts() -> Sequence[Trial]:
    by_version = (
        _mount("-t nfs4", "", ADDRESS, "/", needed=True),
        _mount("-t nfs", "vers=4", ADDRESS, "/"),
        _mount("-t nfs4", "vers=4.1", ADDRESS, "/"),
        _mount("-t nfs4", "vers=4.2", ADDRESS, "/"),
        _mount("-t nfs", "vers=3,nolock", ADDRESS, "/", fails="this server speaks version 4 only"),
    )
    by_path = (
        _mount("-t nfs4", "nolock", ADDRESS, "/"),
        _mount(
            "-t nfs4",
            "",
            ADDRESS,
            "/exports",
            fails="the export is the root (fsid=0): the path on the server's disk is not part of it",
        ),
        _mount("-t nfs4", "", ADDRESS, "/share", fails="there is no such folder in the export"),
        _mount("-t nfs4", "", "nfs01", "/", fails="cluster names do not resolve here"),
    )
    return (*by_version, *by_path)


def _mount(
    kind: str,
    options: str,
    server: str,
    path: str,
    *,
    needed: bool = False,
    fails: str = "it cannot be mounted",
) -> Trial:
    """Mounts in the probe pod, lists, creates and removes a file, unmounts. Soft: a trial must not hang."""
    soft = ",".join(part for part in (options, "soft", "timeo=30", "retrans=1") if part)
    shown = " ".join(("mount", kind, *(("-o", options) if options else ()), _shown(server) + ":" + path))
    return Trial(
        name=shown,
        where=PROBE,
        command=_sh(
            f'd=$(mktemp -d); trap \'umount -l "$d" 2>/dev/null; rmdir "$d"\' EXIT; '
            f'timeout 15 mount {kind} -o {soft} "{server}":{path} "$d" && ls -lan "$d" && '
            f't="$d/.nfs-debug-$$" && echo 1 > "$t" && rm "$t" && echo mounted, read, created'
        ),
        signs=() if fails != "it cannot be mounted" else (*MOUNT_SIGNS, *SIGNS),
        fails=fails,
        needed=needed,
    )


def _shown(server: str) -> str:
    return "ADDRESS" if server == ADDRESS else server


def _sh(script: str) -> tuple[str, ...]:
    return ("sh", "-ec", script)
