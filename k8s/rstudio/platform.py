"""RStudio Server Pro (today Posit Workbench) with its Job launcher, LDAP users and homes on NFS.

What each part is and why it is as it is: docs/rstudio.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from allup import (
    Children,
    Component,
    Config,
    ExtraTask,
    HealthCheck,
    InputError,
    ListChildren,
    Password,
    Platform,
    PlatformSettings,
    ProbePod,
    Provided,
    Quantity,
    Reference,
    RsaPrivateKey,
    RsaPublicKey,
    RunCommand,
    RunTrials,
    Secret,
    Tls,
    Uuid,
    await_log_line,
    command,
    config_map,
    config_secret,
    http,
    jq,
    live,
    pin,
    requirement,
    scale_to_zero,
    setting,
    tcp,
)
from k8s.rstudio import licence, nfstrials, releases

COLLECTION = "k8s"
ALIASES = {"all-up": ["ldap-all-up"], "all-down": ["ldap-all-down"]}
NAME = "rstudio"

# Whoever the directory is seeded with: name, department, numeric id. 10001 on, because 1000 is the user
# `ubuntu` in the session images and 10000 the images' own test user.
SEED_USERS = (
    ("joe", "engineering", 10001),
    ("julie", "engineering", 10002),
    ("bobo", "finance", 10003),
    ("john", "finance", 10004),
    ("jen", "support", 10005),
    ("test", "support", 10006),
    ("ashley", "finance", 10007),
)
PRIMARY_GROUP = 500
LICENSE_EVALUATION = "EVALUATION-ONLY-NOT-A-LICENSE"
JOE = f"{SEED_USERS[0][2]}:{PRIMARY_GROUP}"  # as passwd and stat print his ids
SESSIONS = "app.kubernetes.io/managed-by=launcher"  # the launcher puts it on each session's Job and Service
NO_CSI_DRIVER = "Have csi-driver-nfs installed, or leave --nfs-mode address, which needs no driver"
GIVES_LICENCE_BACK = "Deactivating license"  # the image's start-up script prints it, once rserver is dead

KNOWS_JOE = "the users of the directory are known"
# As root over NFS, from where the homes are used: fails on a dead server, a full or read-only disk, and
# under root squash, which would leave every new home owned by nobody.
WRITE_PROBE = (
    'f="/home/.write-check-$HOSTNAME-$$"; trap \'rm -f "$f"\' EXIT; echo "$$" > "$f"; sync "$f"; '
    f'test "$(cat "$f")" = "$$"; chown {JOE} "$f"; stat -c %u:%g "$f"'
)
# What the NFS server's own disk says of joe's home, where he has one: NFS carries numbers, not names.
HOME_OWNER = (
    f"test ! -e /exports/joe && echo 'no home yet, so nothing can disagree with {JOE}' || "
    "stat -c %u:%g /exports/joe"
)
# With the pod's own token, which stays out of the argument list. Shows address, certificate and rights.
API_PROBE = (
    "d=/var/run/secrets/kubernetes.io/serviceaccount; "
    "printf 'Authorization: Bearer %s' \"$(cat $d/token)\" | curl -fsS --max-time 4 --cacert $d/ca.crt "
    "-H @- -o /dev/null -w '%{http_code}' \"https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT"
    '/apis/batch/v1/namespaces/$(cat $d/namespace)/jobs?limit=1"'
)


@dataclass(frozen=True, kw_only=True)
class Settings(PlatformSettings):
    """What a person may set for RStudio."""

    mode: str = setting(
        "split",
        choices=("split", "combined"),
        help="the launcher in a pod of its own, or in the server's as in Posit's chart",
    )
    workbench_version: str = setting("2026.08.1", help="release of server, launcher and session components")
    workbench_os: str = setting("ubuntu-24.04", help="distribution part of the Workbench image tags")
    registry: str = setting("", help="prefix of every image that names no registry of its own")
    image_pull_secret: str | None = setting(None, help="name of an existing pull Secret for all pods")
    rsp_image: str | None = setting(None, help="server image (default: posit/workbench of that release)")
    launcher_image: str | None = setting(None, help="launcher image (default: the server's)")
    session_image: str = setting(
        "posit/workbench-session:R4.5.2-python3.14.3-ubuntu-24.04", help="image of users' sessions"
    )
    session_images: str = setting("", help="more session images users may choose, comma separated")
    session_init_image: str = setting(
        "posit/workbench-session-init", help="session components, without tag: the tag is the release"
    )
    nfs_image: str = setting("itsthenetwork/nfs-server-alpine:12", help="NFS server image")
    ldap_image: str = setting("osixia/openldap:1.5.0", help="OpenLDAP image")
    ldap_admin_image: str = setting("phpldapadmin/phpldapadmin:2.3.11", help="phpLDAPadmin image")

    license_mode: str = setting(
        "key",
        choices=("key", "file", "server"),
        help="a product key (activated online), a licence file, or a floating licence server",
    )
    license_file: str = setting("", help="file that holds the key or the licence ('-': standard input)")
    license_server: str = setting("", env="RSW_LICENSE_SERVER", help="host:port of the floating server")

    rsp_port: int = setting(8787, help="port of the web server")
    launcher_port: int = setting(5559, help="port of the launcher")
    cluster_domain: str = setting("cluster.local", help="DNS domain of the cluster")

    storage_class: str | None = setting(None, help="class of the data claims (default: the cluster's)")
    home_size: Quantity = setting("10Gi", help="disk for everybody's homes")
    ldap_size: Quantity = setting("1Gi", help="disk for the directory")
    state_size: Quantity = setting("1Gi", help="disk for the server's own state")
    nfs_mode: str = setting(
        "address",
        choices=("address", "csi"),
        help="nodes mount the homes by the NFS Service's address, or a CSI driver by its name",
    )
    nfs_mount_options: str = setting("nfsvers=4.1", help="mount options of the homes, comma separated")

    rsp_cpu: Quantity = setting("500m", help="CPU the server requests")
    rsp_mem: Quantity = setting("2Gi", help="memory of the server, requested and limit")
    launcher_cpu: Quantity = setting("200m", help="CPU the launcher requests")
    launcher_mem: Quantity = setting("512Mi", help="memory of the launcher, requested and limit")
    ldap_cpu: Quantity = setting("100m", help="CPU the directory requests")
    ldap_mem: Quantity = setting("256Mi", help="memory of the directory, requested and limit")
    nfs_cpu: Quantity = setting("100m", help="CPU the NFS server requests")
    nfs_mem: Quantity = setting("256Mi", help="memory of the NFS server, requested and limit")

    ldap_organisation: str = setting("Example Inc.", env="LDAP_ORGANISATION", help="LDAP organisation")
    ldap_domain: str = setting("example.org", env="LDAP_DOMAIN", help="LDAP domain; the base DN follows")
    ldap_admin: bool = setting(False, help="run phpLDAPadmin as well")

    session_cpus: float = setting(2.0, help="CPUs of a session unless its user asks otherwise")
    session_mem: Quantity = setting("4096M", help="memory of a session unless its user asks otherwise")
    session_max_cpus: float = setting(4.0, help="most CPUs a user may ask for")
    session_max_mem: Quantity = setting("8192M", help="most memory a user may ask for")
    session_timeout_minutes: int = setting(120, help="idle minutes until a session suspends")
    session_expiry_hours: int = setting(1, help="hours that ended session Jobs stay visible")
    cran_url: str = setting(
        "",
        help="CRAN mirror of sessions (default: the session image's own); {distribution} in it becomes the "
        "session image's, as noble or rhel9",
    )
    log_level: str = setting(
        "info", choices=("debug", "info", "warn", "error"), help="server and launcher logging"
    )


def platform(s: Settings) -> Platform:
    """The platform for these settings.

    Raises InputError when a licence server is named but not chosen, or chosen but not named; when images are
    not of one release; when session images are of several distributions.
    """
    if (s.license_mode == "server") != bool(s.license_server):
        raise InputError(
            "the settings license_mode and license_server",
            "contradict each other",
            next_step="Give --license-mode server together with --license-server host:port",
        )
    releases.refuse_mixed(
        s.workbench_version,
        {
            "rsp_image": s.rsp_image or "",
            "launcher_image": s.launcher_image or "",
            "session_image": s.session_image,
            "session_images": s.session_images,
        },
    )
    releases.refuse_tagged("session_init_image", s.session_init_image)
    combined = s.mode == "combined"
    instance = s.instance or NAME
    namespace = s.namespace or instance
    base_dn = ",".join(f"dc={part}" for part in s.ldap_domain.split("."))
    return Platform(
        NAME,
        namespace=namespace,
        instance=instance,
        pod_security="privileged",  # the NFS server
        values=_values(s, instance, namespace, base_dn),
        urls=[("RStudio", f"svc/rsp:{s.rsp_port}")],
        tasks=_tasks(),
        components=[
            Component(
                "setup",
                "setup.yaml",
                task="setup",
                help="accounts and rights; the users the directory starts with",
                secrets=[
                    Secret(
                        "ldap-users",
                        {name: Password(length=16) for name, _, _ in SEED_USERS},
                        help="the seed users' first passwords",
                        rotation="a directory that is there keeps the old ones: only its first start reads "
                        "these. Change a password in the directory, or purge it",
                    )
                ],
                configs=[config_secret("ldap-seed", "50-bootstrap.ldif")],
            ),
            Component(
                "launcher-keys",
                help="what rsp and launcher trust each other by; made once and kept",
                aliases=["launcher-keys"],
                secrets=[
                    Secret(
                        "launcher-keys",
                        {
                            "launcher.pem": RsaPrivateKey(),
                            "launcher.pub": RsaPublicKey(of="launcher.pem"),
                            "secure-cookie-key": Uuid(),
                        },
                        help="what rserver signs its requests to the launcher with",
                        rotation="sessions that run now answer 401 from then on, since they know the old "
                        "launcher.pem, and everybody is logged out, since cookies are signed with "
                        "secure-cookie-key. Server and launcher restart",
                    )
                ],
            ),
            Component(
                "license",
                task="secret-rsp",
                aliases=["license-up"],
                down_aliases=["secret-rsp-down"],
                help="the licence, as a Secret",
                enabled=s.license_mode != "server",
                secrets=[_license(s)],
            ),
            Component(
                "nfs",
                "nfs.yaml",
                after=["setup"],
                help="the NFS server with everybody's homes",
                keep=["Service/nfs01"],
                pins=[
                    pin(
                        "Service/nfs01",
                        "spec.clusterIP",
                        recreate_from=live(
                            f"PersistentVolume/{instance}-nfs", ".spec.nfs.server", default=None
                        ),
                    )
                ],
                checks=[
                    tcp("svc/nfs01:2049", name="the NFS port is open"),
                    command("deploy/nfs01", "exportfs", "-v", expect="/exports", name="homes are exported"),
                    command(
                        *("deploy/nfs01", "sh", "-ec", HOME_OWNER),
                        expect=JOE,
                        name="homes belong to the ids that the directory names",
                    ),
                ],
            ),
            Component(
                "nfs-pv",
                "nfs-pv.yaml",
                after=["nfs"],
                aliases=["nfs-ip-fix"],
                help="the homes as a volume and its claim, at the NFS Service's address",
                values=_nfs_source(s, instance, namespace),
                requires=[requirement("CSIDriver/nfs.csi.k8s.io", otherwise=NO_CSI_DRIVER)]
                if s.nfs_mode == "csi"
                else [],
                replace=[f"PersistentVolume/{instance}-nfs", "PersistentVolumeClaim/nfs"],
                checks=[
                    jq(
                        "PersistentVolumeClaim/nfs",
                        f'.status.phase == "Bound" and .spec.volumeName == "{instance}-nfs"',
                        name="the claim has its volume",
                    )
                ],
            ),
            Component(
                "ldap",
                "ldap.yaml",
                after=["setup"],
                help="the directory, by StartTLS",
                secrets=[
                    Secret(
                        "ldap-passwords",
                        {"admin": Password(), "config": Password(), "readonly": Password()},
                        help="the directory's own accounts; sssd reads as cn=readonly",
                        rotation="the directory takes new admin and config passwords at its next start, but "
                        "keeps the old one of cn=readonly, so nobody could log in; its claim is refused "
                        "then. Only together with ldap-down --purge, which forgets what people changed",
                    ),
                    Secret(
                        "ldap-tls",
                        _ldap_tls(namespace, s.cluster_domain),
                        help="the directory's certificate, with a CA of its own",
                        rotation="directory, server and launcher restart; until all three have, log-ins fail",
                    ),
                ],
                configs=[config_secret("sssd", **{"ldap.conf": "sssd.conf"})],
                initialised_by={"ldap-data": "ldap-passwords"},
                checks=[
                    command(
                        "deploy/openldap",
                        *("env", "LDAPTLS_CACERT=/container/service/slapd/assets/certs/ca.crt"),
                        *("LDAPTLS_REQCERT=demand", "ldapsearch", "-x", "-ZZ", "-LLL"),
                        *("-H", "ldap://openldap:389", "-D", f"cn=readonly,{base_dn}"),
                        *("-y", "/run/ldap-passwords/readonly", "-b", base_dn, "uid=joe", "uidNumber"),
                        expect=f"uidNumber: {SEED_USERS[0][2]}",
                        name="the directory lets cn=readonly in and finds joe, over StartTLS",
                    )
                ],
            ),
            Component(
                "ldap-admin",
                "ldap-admin.yaml",
                after=["ldap"],
                enabled=s.ldap_admin,
                help="phpLDAPadmin (setting ldap_admin)",
                checks=[http("svc/ldap-admin:8080", "/")],
            ),
            Component(
                "launcher",
                "launcher.yaml",
                after=["setup", "launcher-keys", "ldap"],
                aliases=["launcher-ldap-up"],
                down_aliases=["launcher-ldap-down"],
                help="starts users' sessions as Jobs",
                enabled=not combined,
                deadline=900,  # the first pull of the Workbench image is some gigabytes
                configs=[config_map("launcher-config", *LAUNCHER_CONFIG, "logging.conf"), SESSION_JOB],
                checks=[
                    *_launcher_checks("svc/launcher", s.launcher_port),
                    command("deploy/launcher", "getent", "passwd", "joe", expect=f":{JOE}:", name=KNOWS_JOE),
                ],
            ),
            Component(
                "rsp",
                "rsp.yaml",
                after=["launcher", "launcher-keys", "ldap", "license", "nfs-pv"],
                aliases=["rsp-ldap-up"],
                down_aliases=["rsp-ldap-down"],
                help="RStudio itself",
                deadline=900,
                configs=[
                    config_map(
                        *("rsp-config", "rserver.conf", "launcher-mounts", "launcher-env", "logging.conf"),
                        *(LAUNCHER_CONFIG if combined else ()),
                    ),
                    config_map("session-config", "rsession.conf"),
                    config_map("rsp-startup", "rstudio-workbench.conf"),
                    config_map("rsp-pam", "pam/rstudio", "pam/rstudio-session"),
                    *([SESSION_JOB] if combined else ()),
                ],
                checks=[
                    *(_launcher_checks("deploy/rsp", s.launcher_port) if combined else ()),
                    http(f"svc/rsp:{s.rsp_port}", "/health-check", name="the health page answers"),
                    http(
                        f"svc/rsp:{s.rsp_port}",
                        "/health-check",
                        expect='test("license-allow-product-usage: *1")',
                        name="the licence allows use",
                    ),
                    command("deploy/rsp", "getent", "passwd", "joe", expect=f":{JOE}:", name=KNOWS_JOE),
                    command(
                        *("deploy/rsp", "sh", "-ec", WRITE_PROBE),
                        expect=JOE,
                        name="homes can be written and given to their users",
                    ),
                    # From the pod that starts sessions: same network, same name resolution as theirs.
                    command(
                        "deploy/rsp" if combined else "deploy/launcher",
                        *("curl", "-fsS", "--max-time", "4", "-o", "/dev/null", "-w", "%{http_code}"),
                        f"{_callback(s, namespace)}/health-check",
                        expect="200",
                        name="sessions reach the address that they call back",
                    ),
                ],
                children=[Children("Job", SESSIONS), Children("Service", SESSIONS)],
                before_down=[
                    scale_to_zero("Deployment/rsp", why="the licence is given back while it stops"),
                    await_log_line(
                        "Deployment/rsp",
                        GIVES_LICENCE_BACK,
                        why="the licence is given back",
                        when='.metadata.annotations["rstudio/license-mode"] != "file"',
                    ),
                ],
            ),
        ],
    )


LAUNCHER_CONFIG = ("launcher.conf", "launcher.kubernetes.conf", "launcher.kubernetes.profiles.conf")
SESSION_JOB: Config = config_map(
    "session-job",
    "session-job/service-account.json",
    "session-job/service-links.json",
    "session-job/pull-secrets.json",
    "session-job/config-volume.json",
    "session-job/config-mount.json",
)


def _launcher_checks(target: str, port: int) -> Sequence[HealthCheck]:
    pod = "deploy/" + target.partition("/")[2]
    return (
        tcp(f"{target}:{port}", name="the launcher's port is open"),
        command(
            *(pod, "sh", "-ec", API_PROBE), expect="200", name="the launcher reaches the API and may see Jobs"
        ),
    )


def _tasks() -> Sequence[ExtraTask]:
    return (
        ListChildren(
            name="sessions",
            help="List users' sessions: whose, since when, and how they stand.",
            component="rsp",
            kind="Job",
            noun="session",
            columns={
                "user": SESSION_USER,
                "uid": SESSION_UID,
                "session": ".spec.template.metadata.annotations.name // .metadata.annotations.name",
                "state": SESSION_STATE,
            },
            belongs='.spec.selector["job-name"]',
        ),
        RunCommand(
            name="license-status",
            help="Say whether the licence is in force, how long, and what it allows.",
            target="deploy/rsp",
            command=(licence.MANAGER, "status"),
            timeout=30,
            read=licence.read_status,
        ),
        RunCommand(
            name="verify",
            help="Run RStudio's own verify-installation, which starts a session for joe.",
            target="deploy/rsp",
            command=("rstudio-server", "verify-installation", "--verify-user=joe"),
            timeout=300,
        ),
        RunTrials(
            name="nfs-debug",
            help="Try the homes from all sides (protocols, options, paths, ownership) and say what is wrong.",
            trials=nfstrials.trials(JOE, "joe"),
            good="Everything that RStudio needs of its homes works.",
            probe=ProbePod(image_of="Deployment/nfs01", component="nfs-pv", privileged=True),
        ),
    )


SESSION_USER = ".spec.template.metadata.annotations.user // .metadata.annotations.user"
# The id a session runs with, as far as its Job says; beside it the seed's, where that is another: files of
# such a session would belong to a stranger on NFS.
SESSION_UID = (
    "(.spec.template.spec.containers[0].securityContext.runAsUser "
    "// .spec.template.spec.securityContext.runAsUser) as $uid "
    f'| {json.dumps({name: uid for name, _, uid in SEED_USERS})}[{SESSION_USER} // ""] as $seed '
    r'| if $uid == null then "" elif $seed == null or $seed == $uid then "\($uid)" '
    r'else "\($uid), the directory began with \($seed)" end'
)
SESSION_STATE = (
    'if .metadata.deletionTimestamp then "ending" elif (.status.succeeded // 0) > 0 then "ended" '
    'elif (.status.failed // 0) > 0 then "failed" elif (.status.ready // 0) > 0 then "running" '
    'elif (.status.active // 0) > 0 then "starting" else "pending" end'
)


def _callback(s: Settings, namespace: str) -> str:
    return f"http://rsp.{namespace}.svc.{s.cluster_domain}:{s.rsp_port}"


def _nfs_source(s: Settings, instance: str, namespace: str) -> Mapping[str, Any]:
    """What the volume of the homes mounts: of the two sources the one that is not used is None."""
    if s.nfs_mode == "address":
        address = live("Service/nfs01", ".spec.clusterIP")
        return {"nfs_source": {"server": address, "path": "/"}, "csi_source": None}
    server = f"nfs01.{namespace}.svc.{s.cluster_domain}"
    return {
        "nfs_source": None,
        "csi_source": {
            "driver": "nfs.csi.k8s.io",
            "volumeHandle": f"{server}#/#{instance}",  # one in the whole cluster
            "volumeAttributes": {"server": server, "share": "/"},
        },
    }


def _launcher_in_rsp(s: Settings) -> Mapping[str, Any]:
    """What the two modes put differently into the server's pod; None is left out."""
    overrides, hidden = "job-overrides", "no-launcher"
    both = {
        "combined": s.mode == "combined",
        "launcher_listens": "127.0.0.1" if s.mode == "combined" else "0.0.0.0",
        "launcher_address": "localhost" if s.mode == "combined" else "launcher",
    }
    if s.mode == "combined":
        return both | {
            "rsp_account": "job-launcher",
            "combined_port": {"name": "launcher", "containerPort": s.launcher_port},
            "combined_key": {"key": "launcher.pub", "path": "launcher.pub"},
            "no_launcher_mount": None,
            "no_launcher_volume": None,
            "overrides_mount": {"name": overrides, "mountPath": "/mnt/job-json-overrides", "readOnly": True},
            "overrides_volume": {"name": overrides, "configMap": {"name": SESSION_JOB.name}},
        }
    return both | {
        "rsp_account": None,
        "combined_port": None,
        "combined_key": None,
        "no_launcher_mount": {"name": hidden, "mountPath": "/startup/launcher"},
        "no_launcher_volume": {"name": hidden, "emptyDir": {}},
        "overrides_mount": None,
        "overrides_volume": None,
    }


def _values(s: Settings, instance: str, namespace: str, base_dn: str) -> Mapping[str, Any]:
    """What the manifests and the config texts may name: every setting, and what follows from several."""
    release = f"{s.workbench_version}-{s.workbench_os}"
    rsp_image = s.rsp_image or f"posit/workbench:{release}"
    sessions = [_image(s.registry, i) for i in (s.session_image, *releases.listed(s.session_images))]
    distribution = releases.distribution(s.session_image) or s.workbench_os
    images = {
        "rsp_image": rsp_image,
        "launcher_image": s.launcher_image or rsp_image,
        "session_init_image": s.session_init_image,
        "nfs_image": s.nfs_image,
        "ldap_image": s.ldap_image,
        "ldap_admin_image": s.ldap_admin_image,
    }
    return {
        **{f.name: getattr(s, f.name) for f in fields(s)},
        "instance": instance,
        "namespace": namespace,
        **{name: _image(s.registry, image) for name, image in images.items()},
        **_launcher_in_rsp(s),
        "session_image": sessions[0],
        "session_images": sessions,
        "session_distribution": distribution,
        "cran_url": releases.mirror(s.cran_url, distribution),
        "session_init_tag": release,
        "pull_secrets": [{"name": s.image_pull_secret}] if s.image_pull_secret else None,
        "license_key_optional": s.license_mode != "key",
        "license_file_optional": s.license_mode != "file",
        "callback_url": _callback(s, namespace),
        "nfs_mount_options": [o.strip() for o in s.nfs_mount_options.split(",") if o.strip()] or None,
        "ldap_base_dn": base_dn,
        "probe_dn": f"cn=bobo,dc=finance,{base_dn}",
        "seed_users": [{"name": n, "department": d, "uid": u} for n, d, u in SEED_USERS],
        "primary_group": PRIMARY_GROUP,
        "session_cpus": f"{s.session_cpus:g}",
        "session_max_cpus": f"{s.session_max_cpus:g}",
        "session_mem_mb": _megabytes(s.session_mem),
        "session_max_mem_mb": _megabytes(s.session_max_mem),
    }


def _license(s: Settings) -> Secret:
    key, *fallbacks = (
        ("rsp", "secrets/rsp", "../rsp")
        if s.license_mode == "key"
        else ("license.lic", "secrets/license.lic")
    )
    return Secret(
        "license",
        {
            key: Provided(
                env="RSP_LICENSE",
                file=s.license_file,
                fallbacks=tuple(fallbacks),
                evaluation=LICENSE_EVALUATION,
                help=f"Set RSP_LICENSE, give --license-file, or write it to k8s/rstudio/{fallbacks[0]}",
            )
        },
        help="RStudio's licence",
    )


def _ldap_tls(namespace: str, cluster_domain: str) -> dict[str, Tls]:
    service = "openldap"
    names = (
        service,
        f"{service}.{namespace}",
        f"{service}.{namespace}.svc",
        f"{service}.{namespace}.svc.{cluster_domain}",
    )
    return {
        "ldap.crt": Tls(bundle="ldap", part="certificate", dns_names=names),
        "ldap.key": Tls(bundle="ldap", part="private-key", dns_names=names),
        "ca.crt": Tls(bundle="ldap", part="ca-certificate", dns_names=names),
    }


def _image(registry: str, image: str) -> str:
    return str(Reference.parse(image).under(registry))


def _megabytes(memory: Quantity) -> int:
    """The launcher counts memory in units of 10^6 bytes (it writes them with the suffix M)."""
    return int(Quantity(memory).amount // 10**6)
