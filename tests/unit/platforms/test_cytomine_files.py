"""The files and Secrets that Cytomine's parts read."""

from __future__ import annotations

import json
import re

import yaml

from k8s.cytomine.platform import platform
from k8s.cytomine.settings import Settings
from tests.unit.platforms.cytomine_for_tests import CANARIES, EVERYTHING, text, with_settings

# Generated files


def test_cores_configuration_has_every_key_in_groovys_single_quotes() -> None:
    groovy = text("cytomine-core-config", "cytomineconfig.groovy", admin_email=r"a'\b$c@example.org")
    said = dict(re.findall(r"^([\w.]+) ?= ?(.+)$", groovy, re.M))
    assert said["grails.admin.email"] == r"'a\'\\b$c@example.org'"
    assert '"' not in groovy
    assert said["dataSource.url"] == "'jdbc:postgresql://cytomine-postgis:5432/docker'"
    assert said["dataSource.password"] == "'canary-cytomine-database-password'"
    assert said["grails.imageServerURL"] == "['http://cytomine.test']"
    assert said["grails.notification.smtp.port"] == "'587'"
    assert said["cytomine.middleware.rabbitmq.password"] == "'canary-cytomine-rabbitmq-password'"
    keys = {k.partition(".")[2] for k in said if k.startswith("grails.") and "Key" in k}
    assert keys == {
        *("adminPrivateKey", "adminPublicKey", "superAdminPrivateKey", "superAdminPublicKey"),
        *("ImageServerPrivateKey", "ImageServerPublicKey", "rabbitMQPrivateKey", "rabbitMQPublicKey"),
    }
    # deploy.sh cuts the URL out of this one: quoted, right after the sign.
    assert re.search(r"^grails\.serverURL='http://cytomine\.test'$", groovy, re.M)


def test_ims_and_core_have_the_same_keys_and_ims_has_them_without_quotes() -> None:
    properties = dict(
        line.split("=", 1)
        for line in text("cytomine-ims-config", "imageserverconfig.properties").split("\n")
        if line
    )
    assert not [line for line in properties.items() if '"' in "".join(line) or "'" in "".join(line)]
    groovy = text("cytomine-core-config", "cytomineconfig.groovy")
    assert f"ImageServerPrivateKey = '{properties['cytomine.imageServerPrivateKey']}'" in groovy
    assert properties["cytomine.storageBufferPath"] == "/tmp/uploaded"
    assert properties["cytomine.iipImageServerCyto"].startswith("http://cytomine-iip-cyto:8084/")


def test_the_routers_sign_with_the_keys_that_core_knows_in_both_spellings() -> None:
    made = yaml.safe_load(text("cytomine-k8s-router-config", "settings.yaml", github_username="me"))
    api = CANARIES["cytomine-api-keys"]
    assert made["core"]["publicKey"] == made["core"]["public_key"] == api["RABBITMQ_PUBLIC_KEY"]
    assert made["core"]["privateKey"] == made["core"]["private_key"] == api["RABBITMQ_PRIVATE_KEY"]
    assert made["rabbitmq"]["password"] == CANARIES["cytomine-rabbitmq"]["password"]
    assert made["github"] == {"username": "me", "password": CANARIES["cytomine-github"]["token"]}
    assert yaml.safe_load(text("cytomine-k8s-router-config", "settings.yaml"))["github"]["password"] == ""
    assert api["RABBITMQ_PRIVATE_KEY"] in text("cytomine-software-router-config", "config.groovy")


def test_the_pages_are_told_the_public_address() -> None:
    made = json.loads(text("cytomine-web-ui-config", "configuration.json", server_name="slides.example.org"))
    assert made["CYTOMINE_CORE_HOST"] == made["CYTOMINE_UPLOAD_HOST"] == "http://slides.example.org"


def test_mail_has_its_port_and_its_password_from_a_secret_of_its_own() -> None:
    groovy = text(
        "cytomine-core-config", "cytomineconfig.groovy", email_sender="me@example.org", smtp_port=2525
    )
    assert "smtp.port = '2525'" in groovy
    assert "notification.password = 'canary-cytomine-mail-password'" in groovy
    assert not platform(Settings()).component("mail").enabled


# Secrets


def test_no_secret_is_anywhere_but_in_secrets() -> None:
    found = with_settings(**EVERYTHING)
    for name, body in found.items():
        if not name.startswith("Secret/"):
            assert "canary-" not in json.dumps(body), name
    secrets = json.dumps({n: o["metadata"] for n, o in found.items() if n.startswith("Secret/")})
    assert "canary-" not in secrets


def test_what_an_existing_database_knows_is_told_from_what_core_writes_anew() -> None:
    """BootStrap.groovy of Cytomine-core sets the keys of ImageServer1 and rabbitmq at every start."""
    made = {s.name: set(s.keys) for s in platform(Settings()).component("keys").secrets}
    assert made["cytomine-api-keys"] == {
        *(
            "IMAGE_SERVER_PUBLIC_KEY",
            "IMAGE_SERVER_PRIVATE_KEY",
            "RABBITMQ_PUBLIC_KEY",
            "RABBITMQ_PRIVATE_KEY",
        )
    }
    assert "ADMIN_PASSWORD" in made["cytomine-secrets"]
    assert platform(Settings()).component("postgis").initialised_by == {
        "cytomine-postgres-claim": "cytomine-secrets"
    }
    assert all(s.rotation for s in platform(Settings()).component("keys").secrets)
