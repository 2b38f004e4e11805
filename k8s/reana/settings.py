"""What a person may set for REANA."""

from __future__ import annotations

from dataclasses import dataclass

from allup import PlatformSettings, Quantity, setting
from k8s.reana.layout import RELEASE

_ENGINES = "reanahub/reana-workflow-engine-"


@dataclass(frozen=True, kw_only=True)
class Settings(PlatformSettings):
    """What a person may set for REANA. What the reana-cluster.yaml says too is empty here: the file counts,
    unless the setting is given."""

    cluster_file: str = setting("", env="REANA_CLUSTER_FILE", help="a reana-cluster.yaml")
    strict_version: bool = setting(
        False, help="verify fails when the server is not of the Kubernetes version the file expects"
    )
    dev: bool | None = setting(
        None, help="development: sources mounted, live reload, wdb (default: the file)"
    )
    ui: bool | None = setting(None, help="run the web interface as well (default: the file)")

    server_image: str | None = setting(None, help="image of server and scheduler (default: the file)")
    workflow_controller_image: str | None = setting(None, help="image of the controller (default: the file)")
    message_broker_image: str | None = setting(None, help="image of the broker (default: the file)")
    db_image: str = setting("postgres:9.6.2", help="image of the database; has bash, so not Alpine's")
    cache_image: str = setting("redis:5.0.5", help="image of the cache")
    ui_image: str = setting("reanahub/reana-ui:0.7.0", help="image of the web interface")
    wdb_image: str = setting("kozea/wdb:3.2.5", help="image of the debugger")
    job_controller_image: str = setting(
        f"reanahub/reana-job-controller:{RELEASE}", help="image of the job controller in every run"
    )
    cwl_image: str = setting(f"{_ENGINES}cwl:{RELEASE}", help="image of the CWL engine")
    yadage_image: str = setting(f"{_ENGINES}yadage:{RELEASE}", help="image of the Yadage engine")
    serial_image: str = setting(f"{_ENGINES}serial:{RELEASE}", help="image of the serial engine")
    image_pull_policy: str = setting(
        "IfNotPresent", choices=("IfNotPresent", "Always", "Never"), help="when nodes pull images"
    )
    pull_secret: str | None = setting(None, help="name of an existing pull Secret for all pods")

    shared_storage: str = setting(
        "auto",
        choices=("auto", "claim", "host-path"),
        help="where workspaces lie; auto is host-path when the file says root_path, else claim",
    )
    shared_size: Quantity = setting("10Gi", help="disk for workspaces")
    shared_access: str = setting(
        "ReadWriteMany",
        choices=("ReadWriteOnce", "ReadWriteMany"),
        help="access mode of the workspaces' claim; runs on several nodes need ReadWriteMany",
    )
    shared_storage_class: str | None = setting(None, help="class of that claim (default: the cluster's)")
    db_storage: str = setting(
        "auto",
        choices=("auto", "claim", "host-path"),
        help="where the database lies; auto is host-path when the file says db_persistence_path, else claim",
    )
    db_size: Quantity = setting("5Gi", help="disk for the database")
    cache_size: Quantity = setting("1Gi", help="disk for the cache")
    broker_size: Quantity = setting("1Gi", help="disk for the broker")
    storage_class: str | None = setting(None, help="class of those claims (default: the cluster's)")
    volatile_paths: bool = setting(
        False, help="take folders of the node that a Minikube VM forgets when it stops"
    )

    reana_url: str = setting("", env="REANA_URL", help="host name that users go to, for an Ingress")
    ingress_class: str | None = setting(None, help="class of the Ingress (default: the cluster's)")
    ingress_tls: bool = setting(True, help="the Ingress has a certificate, made here, for a year")
    service_type: str = setting(
        "ClusterIP", choices=("ClusterIP", "NodePort"), help="type of the server's Service"
    )
    server_node_port: int | None = setting(None, help="its node port, such as 32767 (default: any)")
    network_policies: bool = setting(
        True, help="only who needs them reaches database, cache, broker and controller"
    )

    broker_login: str = setting(
        "fixed",
        choices=("fixed", "generated"),
        help="fixed is test/1234, which the engines of 0.6.1 have built in; generated needs engines that are "
        "told another",
    )
    cern_sso: bool = setting(False, help="log in by CERN: CERN_CONSUMER_KEY and CERN_CONSUMER_SECRET")
    gitlab_host: str = setting(
        "", help="a GitLab's host name: REANA_GITLAB_OAUTH_APP_ID, REANA_GITLAB_OAUTH_APP_SECRET"
    )
    eos: bool | None = setting(None, help="runs see the nodes' /var/eos (default: the file)")
    cvmfs: bool = setting(False, help="runs may have claims of CVMFS made for them")
    insecure_tls: bool = setting(
        False, help="in development: Git and requests take any certificate of a GitLab of your own"
    )

    server_mem: Quantity = setting("1Gi", help="memory limit of the server")
    controller_mem: Quantity = setting("1Gi", help="memory limit of the controller's REST API")
    worker_mem: Quantity = setting("512Mi", help="memory limit of scheduler and job-status-consumer, each")
    db_mem: Quantity = setting("512Mi", help="memory of the database, requested and limit")
    cache_mem: Quantity = setting("128Mi", help="memory of the cache, requested and limit")
    broker_mem: Quantity = setting("512Mi", help="memory limit of the broker, who asks for half of it")

    sources: str = setting(
        "~/reana/sources", env="REANA_SRCDIR", help="the checkouts on this machine, for development"
    )
    minikube_profile: str = setting(
        "", env="MINIKUBE_PROFILE", help="the minikube profile that hints and checks name"
    )
