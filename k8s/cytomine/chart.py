"""The values.yaml of Cytomine's Helm chart: which setting each key is today."""

from __future__ import annotations

from collections.abc import Mapping

PARTS: Mapping[str, str] = {
    "memcached": "memcached",
    "rabbitmq": "rabbitmq",
    "postgresql": "postgis",
    "mongodb": "mongodb",
    "iip_off": "iip_official",
    "iip_cyto": "iip_cyto",
    "bioformat": "bioformat",
    "core": "core",
    "ims": "ims",
    "web_ui": "web_ui",
    "nginx": "nginx",
    "k8s_software_router": "k8s_router",
    "software_router": "software_router",
    "slurm": "slurm",
}
"""The chart's section of a part to the prefix of its settings."""

_OF_A_PART = {
    "deploy": "deploy_{}",
    "image.repository": "{}_image",
    "image.tag": ":{}_image",
    "resources.requests.cpu": "{}_cpu",
    "resources.requests.memory": "{}_mem",
    "resources.limits.memory": "{}_mem_limit",
}

VALUES: Mapping[str, str] = {
    "serverName": "server_name",
    "protocol": "protocol",
    "readOnceStorageClass": "read_once_storage_class",
    "readManyStorageClass": "read_many_storage_class",
    "singularityStorage": "singularity_storage",
    "tempImageStorage": "temp_image_storage",
    "imageStorage": "image_storage",
    "mongodbStorage": "mongodb_storage",
    "postgresStorage": "postgres_storage",
    "adminEmail": "admin_email",
    "emailSender": "email_sender",
    "smtpHost": "smtp_host",
    "smtpPort": "smtp_port",
    "smtpPass": "CYTOMINE_SMTP_PASSWORD",
    "ingress.annotations": "ingress_annotations",
    "rabbitmq.username": "rabbitmq_username",
    "core.adminPassword": "CYTOMINE_ADMIN_PASSWORD",
    "core.adminPubKey": "CYTOMINE_ADMIN_PUBLIC_KEY",
    "core.adminPrivKey": "CYTOMINE_ADMIN_PRIVATE_KEY",
    "core.superAdminPubKey": "CYTOMINE_SUPER_ADMIN_PUBLIC_KEY",
    "core.superAdminPrivKey": "CYTOMINE_SUPER_ADMIN_PRIVATE_KEY",
    "core.imsPubKey": "CYTOMINE_IMAGE_SERVER_PUBLIC_KEY",
    "core.imsPrivKey": "CYTOMINE_IMAGE_SERVER_PRIVATE_KEY",
    "core.rabbitmqPubKey": "CYTOMINE_RABBITMQ_PUBLIC_KEY",
    "core.rabbitmqPrivKey": "CYTOMINE_RABBITMQ_PRIVATE_KEY",
    "nginx.serverID": "CYTOMINE_SERVER_ID",
    "k8s_software_router.github_username": "github_username",
    "k8s_software_router.github_password": "GITHUB_TOKEN",
    "serviceAccount.name": "service_account",
    **{
        f"{section}.{key}": pattern.format(prefix)
        for section, prefix in PARTS.items()
        for key, pattern in _OF_A_PART.items()
    },
}
"""Dotted key to the setting; capitals are the variable of a Secret."""

_PORTS = (
    *("memcached.port", "rabbitmq.port", "rabbitmq.managementPort", "mongodb.port", "mongodb.statusPort"),
    *("iip_off.port", "iip_cyto.port", "bioformat.port", "core.port", "ims.port", "web_ui.port"),
    *("nginx.port", "slurm.port", "slurm.sshPort"),
)

UNUSED: Mapping[str, str] = {
    **dict.fromkeys(_PORTS, "Ports inside the cluster are fixed: images and configuration rely on them"),
    **{
        f"{section}.resources.limits.cpu": "Pods have no CPU limit: Java that is slowed down starts late"
        for section in PARTS
    },
    **{
        f"{section}.image.pullPolicy": "All images are pulled alike: --image-pull-policy" for section in PARTS
    },
    "rabbitmq.password": "The broker's password is generated, and known only to who needs it",
    "emailReceiver": "The chart never read it either",
    "serviceAccount.create": "k8s-software-router's account is made here unless serviceAccount.name is set",
}
"""Keys that may stand there, and why nothing follows from them."""

_NAMES = "Parts find each other by fixed names; --instance makes a second installation"

REFUSED: Mapping[str, str] = {
    "nameOverride": _NAMES,
    "fullnameOverride": _NAMES,
    "serviceAccount.annotations": "Name an account of your own that has them: serviceAccount.name",
}
"""Keys that are known and not taken, and why."""
