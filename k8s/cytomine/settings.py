"""What a person may set for Cytomine: five settings for each part, and those of the whole."""

from __future__ import annotations

from dataclasses import dataclass

from allup import PlatformSettings, Quantity, setting
from k8s.cytomine.versions import IMAGES

IMAGE = "its image"
CPU = "CPU it requests"
MEM = "memory it requests"
LIMIT = "memory at which it is ended"


@dataclass(frozen=True, kw_only=True)
class Settings(PlatformSettings):
    """What a person may set for Cytomine. What the chart's values are among them says chart.py."""

    server_name: str = setting(
        "cytomine.test", env="CYTOMINE_SERVER_NAME", help="host name of all public URLs"
    )
    protocol: str = setting(
        "http", choices=("http", "https"), help="of all public URLs; https makes a certificate"
    )
    front: str = setting(
        "nginx",
        choices=("nginx", "ingress"),
        help="the Ingress leads to nginx, which passes requests on; or straight to each part",
    )
    ingress: bool = setting(True, help="an Ingress for the public name")
    ingress_class: str | None = setting("nginx", help="class of the Ingress (empty: the cluster's default)")
    ingress_annotations: str = setting("", help="more annotations of the Ingress, as a JSON object")
    ingress_controller: str = setting(
        "ingress-nginx/ingress-nginx-controller",
        help="namespace/Service of the Ingress controller: where pods find the public name",
    )
    tls_secret: str = setting("", help="an existing TLS Secret for the Ingress instead of one made here")

    registry: str = setting("", help="prefix of every image that names no registry of its own")
    image_pull_policy: str = setting(
        "IfNotPresent", choices=("IfNotPresent", "Always", "Never"), help="when nodes pull images"
    )
    image_pull_secret: str | None = setting(None, help="name of an existing pull Secret for all pods")
    mixed_images: bool = setting(False, help="take images of several releases")
    allow_privileged: bool = setting(False, help="run the parts that rule their node: software_router, slurm")

    network_policies: bool = setting(True, help="only the ways between parts that are needed are open")
    read_once_storage_class: str | None = setting(None, help="class of the databases' claims")
    read_many_storage_class: str | None = setting(None, help="class of the claims that several pods share")
    image_storage: Quantity = setting("3Gi", help="disk for images")
    temp_image_storage: Quantity = setting("1Gi", help="disk for uploads under way")
    singularity_storage: Quantity = setting("10Gi", help="disk for images of software")
    postgres_storage: Quantity = setting("3Gi", help="disk for PostgreSQL")
    mongodb_storage: Quantity = setting("1Gi", help="disk for MongoDB")
    rabbitmq_storage: Quantity = setting("1Gi", help="disk for RabbitMQ")

    admin_email: str = setting("info@cytomine.coop", help="the administrator's address")
    email_sender: str = setting(
        "", help="address that mail is sent from; its password is CYTOMINE_SMTP_PASSWORD"
    )
    smtp_host: str = setting("smtp.gmail.com", help="mail server")
    smtp_port: int = setting(587, help="its port")

    core_probe: str = setting(
        "http", choices=("http", "tcp"), help="core is asked for /server/ping.json, or its port tried"
    )
    rabbitmq_username: str = setting("router", help="name that core and the routers log in with")
    rabbitmq_uid: int = setting(106, help="user that RabbitMQ runs as: that of its image")
    postgis_style: str = setting(
        "cytomine",
        choices=("cytomine", "official"),
        help="what the image is: Cytomine's own, or one with the official image's entry point",
    )
    postgis_uid: int = setting(105, help="user that PostgreSQL runs as: that of its image")
    postgis_extensions: str = setting("postgis,ltree", help="extensions made in an official image")
    memcached_uid: int = setting(497, help="user that memcached runs as")
    service_account: str = setting("", help="ServiceAccount of k8s-software-router (default: one made here)")
    github_username: str = setting("", help="k8s-software-router's name at GitHub; its token is GITHUB_TOKEN")

    deploy_memcached: bool = setting(True, help="run memcached")
    memcached_image: str = setting(IMAGES["memcached"], help=IMAGE)
    memcached_cpu: Quantity = setting("50m", help=CPU)
    memcached_mem: Quantity = setting("96Mi", help=MEM)
    memcached_mem_limit: Quantity = setting("256Mi", help=LIMIT)

    deploy_rabbitmq: bool = setting(True, help="run RabbitMQ")
    rabbitmq_image: str = setting(IMAGES["rabbitmq"], help=IMAGE)
    rabbitmq_cpu: Quantity = setting("100m", help=CPU)
    rabbitmq_mem: Quantity = setting("256Mi", help=MEM)
    rabbitmq_mem_limit: Quantity = setting("512Mi", help=LIMIT)

    deploy_postgis: bool = setting(True, help="run PostgreSQL")
    postgis_image: str = setting(IMAGES["postgis"], help=IMAGE)
    postgis_cpu: Quantity = setting("50m", help=CPU)
    postgis_mem: Quantity = setting("512Mi", help=MEM)
    postgis_mem_limit: Quantity = setting("1Gi", help=LIMIT)

    deploy_mongodb: bool = setting(True, help="run MongoDB")
    mongodb_image: str = setting(IMAGES["mongodb"], help=IMAGE)
    mongodb_cpu: Quantity = setting("50m", help=CPU)
    mongodb_mem: Quantity = setting("256Mi", help=MEM)
    mongodb_mem_limit: Quantity = setting("512Mi", help=LIMIT)

    deploy_bioformat: bool = setting(True, help="run Bio-Formats")
    bioformat_image: str = setting(IMAGES["bioformat"], help=IMAGE)
    bioformat_cpu: Quantity = setting("100m", help=CPU)
    bioformat_mem: Quantity = setting("128Mi", help=MEM)
    bioformat_mem_limit: Quantity = setting("512Mi", help=LIMIT)

    deploy_iip_official: bool = setting(True, help="run the tile server for common formats")
    iip_official_image: str = setting(IMAGES["iip_official"], help=IMAGE)
    iip_official_cpu: Quantity = setting("100m", help=CPU)
    iip_official_mem: Quantity = setting("256Mi", help=MEM)
    iip_official_mem_limit: Quantity = setting("512Mi", help=LIMIT)

    deploy_iip_cyto: bool = setting(True, help="run the tile server for whole slides")
    iip_cyto_image: str = setting(IMAGES["iip_cyto"], help=IMAGE)
    iip_cyto_cpu: Quantity = setting("100m", help=CPU)
    iip_cyto_mem: Quantity = setting("256Mi", help=MEM)
    iip_cyto_mem_limit: Quantity = setting("512Mi", help=LIMIT)

    deploy_core: bool = setting(True, help="run core")
    core_image: str = setting(IMAGES["core"], help=IMAGE)
    core_cpu: Quantity = setting("500m", help=CPU)
    core_mem: Quantity = setting("1536Mi", help=MEM)
    core_mem_limit: Quantity = setting("2560Mi", help=LIMIT)

    deploy_ims: bool = setting(True, help="run the image server")
    ims_image: str = setting(IMAGES["ims"], help=IMAGE)
    ims_cpu: Quantity = setting("100m", help=CPU)
    ims_mem: Quantity = setting("1Gi", help=MEM)
    ims_mem_limit: Quantity = setting("2Gi", help=LIMIT)

    deploy_web_ui: bool = setting(True, help="run the web pages")
    web_ui_image: str = setting(IMAGES["web_ui"], help=IMAGE)
    web_ui_cpu: Quantity = setting("50m", help=CPU)
    web_ui_mem: Quantity = setting("64Mi", help=MEM)
    web_ui_mem_limit: Quantity = setting("256Mi", help=LIMIT)

    deploy_nginx: bool = setting(True, help="run nginx, which takes uploads")
    nginx_image: str = setting(IMAGES["nginx"], help=IMAGE)
    nginx_cpu: Quantity = setting("100m", help=CPU)
    nginx_mem: Quantity = setting("64Mi", help=MEM)
    nginx_mem_limit: Quantity = setting("256Mi", help=LIMIT)

    deploy_k8s_router: bool = setting(False, help="run k8s-software-router, which makes Jobs")
    k8s_router_image: str = setting(IMAGES["k8s_router"], help=IMAGE)
    k8s_router_cpu: Quantity = setting("100m", help=CPU)
    k8s_router_mem: Quantity = setting("128Mi", help=MEM)
    k8s_router_mem_limit: Quantity = setting("256Mi", help=LIMIT)

    deploy_software_router: bool = setting(False, help="run software_router; it needs allow_privileged")
    software_router_image: str = setting(IMAGES["software_router"], help=IMAGE)
    software_router_cpu: Quantity = setting("100m", help=CPU)
    software_router_mem: Quantity = setting("512Mi", help=MEM)
    software_router_mem_limit: Quantity = setting("1Gi", help=LIMIT)

    deploy_slurm: bool = setting(False, help="run slurm; it needs allow_privileged")
    slurm_image: str = setting(IMAGES["slurm"], help=IMAGE)
    slurm_cpu: Quantity = setting("200m", help=CPU)
    slurm_mem: Quantity = setting("512Mi", help=MEM)
    slurm_mem_limit: Quantity = setting("2Gi", help=LIMIT)
