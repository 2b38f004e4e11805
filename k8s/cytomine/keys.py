"""The Secrets: what init.sh made anew at every run is made once here, and kept."""

from __future__ import annotations

from collections.abc import Sequence

from allup import Password, Provided, RsaPrivateKey, RsaPublicKey, Secret, Uuid, tls_secret

LOGIN = "cytomine-secrets"
DATABASE = "cytomine-database"
BROKER = "cytomine-rabbitmq"

TOGETHER = "Core and whoever signs with them restart together; until both have, they refuse each other"


def secrets() -> Sequence[Secret]:
    """Those every installation has. A variable gives a key that an existing database knows already."""
    return (
        Secret(
            LOGIN,
            {
                "ADMIN_PASSWORD": Password(length=32, env="CYTOMINE_ADMIN_PASSWORD"),
                "ADMIN_PUBLIC_KEY": Uuid(env="CYTOMINE_ADMIN_PUBLIC_KEY"),
                "ADMIN_PRIVATE_KEY": Uuid(env="CYTOMINE_ADMIN_PRIVATE_KEY"),
                "SUPER_ADMIN_PUBLIC_KEY": Uuid(env="CYTOMINE_SUPER_ADMIN_PUBLIC_KEY"),
                "SUPER_ADMIN_PRIVATE_KEY": Uuid(env="CYTOMINE_SUPER_ADMIN_PRIVATE_KEY"),
                "SERVER_ID": Uuid(env="CYTOMINE_SERVER_ID"),
            },
            help="the administrators' password and keys",
            rotation="core writes them into an empty database only: one with users keeps the old ones, and "
            "nobody gets in with the new. Change the password in Cytomine, or rotate together with "
            "postgis-down --purge, which loses all projects",
        ),
        Secret(
            "cytomine-api-keys",
            {
                "IMAGE_SERVER_PUBLIC_KEY": Uuid(env="CYTOMINE_IMAGE_SERVER_PUBLIC_KEY"),
                "IMAGE_SERVER_PRIVATE_KEY": Uuid(env="CYTOMINE_IMAGE_SERVER_PRIVATE_KEY"),
                "RABBITMQ_PUBLIC_KEY": Uuid(env="CYTOMINE_RABBITMQ_PUBLIC_KEY"),
                "RABBITMQ_PRIVATE_KEY": Uuid(env="CYTOMINE_RABBITMQ_PRIVATE_KEY"),
            },
            help="what ims and the routers sign their requests to core with; core writes them into its "
            "database at every start",
            rotation=TOGETHER,
        ),
        Secret(
            DATABASE,
            {"password": Password(length=32)},
            help="core's password at PostgreSQL, set anew whenever that starts",
            rotation="PostgreSQL and core restart; until both have, core does not reach its data",
        ),
        Secret(
            BROKER,
            {"password": Password(length=32)},
            help="the password of core and the routers at RabbitMQ",
            rotation="the broker makes its user with an empty disk only, so it keeps the old one. Rotate "
            "together with rabbitmq-down --purge, which loses messages under way",
        ),
    )


def ssh() -> Secret:
    """How the older software router logs in to slurm."""
    return Secret(
        "cytomine-ssh",
        {"id_rsa": RsaPrivateKey(), "authorized_keys": RsaPublicKey(of="id_rsa", form="openssh")},
        help="how software_router logs in to slurm",
        rotation="both restart; jobs that run are lost",
    )


def mail() -> Secret:
    """The password of the address that mail is sent from."""
    return Secret(
        "cytomine-mail",
        {
            "password": Provided(
                env="CYTOMINE_SMTP_PASSWORD",
                help="Set CYTOMINE_SMTP_PASSWORD, or leave email_sender empty: then no mail is sent",
            )
        },
    )


def github() -> Secret:
    """The token with which k8s-software-router asks GitHub."""
    return Secret(
        "cytomine-github",
        {"token": Provided(env="GITHUB_TOKEN", help="Set GITHUB_TOKEN, or leave github_username empty")},
    )


def certificate(server_name: str) -> Secret:
    """A certificate for the public name, with a CA of its own that core and ims trust."""
    return tls_secret(
        "cytomine-ingress-tls",
        bundle="ingress",
        dns_names=(server_name,),
        help="the Ingress' certificate, with a CA of its own",
        rotation="core and ims restart, and browsers that trusted the old CA ask again",
    )
