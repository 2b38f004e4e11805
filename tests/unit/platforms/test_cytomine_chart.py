"""The values.yaml that init.sh left, taken as settings and Secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from allup.chartvalues import ChartValues, read
from allup.errors import InputError
from allup.settings import resolve
from k8s.cytomine import chart
from k8s.cytomine.platform import platform
from k8s.cytomine.settings import Settings

PORTS: dict[str, dict[str, Any]] = {
    "memcached": {"port": 11211},
    "rabbitmq": {"port": 5672, "managementPort": 15672, "username": "router", "password": "router"},
    "mongodb": {"port": 27017, "statusPort": 28017},
    "iip_off": {"port": 8083},
    "iip_cyto": {"port": 8084},
    "bioformat": {"port": 4321},
    "ims": {"port": 8081},
    "web_ui": {"port": 8080},
    "slurm": {"port": 8000, "sshPort": 22},
    "nginx": {"port": 80, "serverID": "canary-server-id"},
    "core": {
        "port": 8001,
        "adminPassword": "canary-admin-password",
        "adminPrivKey": "canary-admin-private",
        "adminPubKey": "canary-admin-public",
        "superAdminPrivKey": "canary-super-private",
        "superAdminPubKey": "canary-super-public",
        "imsPrivKey": "canary-ims-private",
        "imsPubKey": "canary-ims-public",
        "rabbitmqPrivKey": "canary-router-private",
        "rabbitmqPubKey": "canary-router-public",
    },
    "k8s_software_router": {"github_username": "", "github_password": ""},
}
SMALL = {"requests": {"memory": "256Mi", "cpu": "100m"}, "limits": {"memory": "256Mi", "cpu": "200m"}}
MORE = {"memory": "1Gi", "cpu": "500m"}


def as_init_left_it() -> dict[str, Any]:
    """A file of the chart's shape, with every section and key it has, written anew."""

    def section(name: str, prefix: str) -> dict[str, Any]:
        repository, _, tag = getattr(Settings(), f"{prefix}_image").rpartition(":")
        made: dict[str, Any] = {
            "deploy": name not in ("software_router", "slurm"),
            "image": {"pullPolicy": "IfNotPresent", "repository": repository, "tag": tag},
            **PORTS.get(name, {}),
        }
        if name not in ("software_router", "slurm"):
            made["resources"] = SMALL
        return made

    made: dict[str, Any] = {
        "serverName": "cytomine.test",
        "protocol": "http",
        "readOnceStorageClass": "",
        "readManyStorageClass": "",
        "singularityStorage": "10Gi",
        "tempImageStorage": "1Gi",
        "imageStorage": "4Gi",
        "mongodbStorage": "1Gi",
        "postgresStorage": "3Gi",
        "adminEmail": "admin@example.org",
        "emailSender": "sender@example.org",
        "emailReceiver": "receiver@example.org",
        "smtpPass": "canary-smtp",
        "smtpHost": "smtp.example.org",
        "smtpPort": 587,
        "ingress": {"annotations": {}},
        "serviceAccount": {"create": True, "annotations": {}, "name": ""},
        **{name: section(name, prefix) for name, prefix in chart.PARTS.items()},
    }
    made["core"]["resources"] = {"requests": MORE, "limits": MORE}
    made["ims"]["resources"] = {"requests": {"memory": "768Mi"}, "limits": {"memory": "768Mi", "cpu": "200m"}}
    made["slurm"]["resources"] = {}
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "values.yaml"


def taken(file: Path, values: dict[str, Any]) -> ChartValues:
    file.write_text(yaml.safe_dump(values, sort_keys=False))
    return read(file, "values.yaml", chart.VALUES, chart.REFUSED, chart.UNUSED)


def settings(found: ChartValues, **flags: object) -> Settings:
    made = resolve(
        Settings, flags=flags, environ={}, files=(), platform_names=("cytomine",), chart=found.settings
    )
    assert isinstance(made.values, Settings)
    return made.values


def test_the_charts_own_file_is_taken_and_gives_the_same_system(file: Path) -> None:
    found = taken(file, as_init_left_it())
    made = settings(found)
    assert (made.image_storage, made.admin_email, made.smtp_host) == (
        "4Gi",
        "admin@example.org",
        "smtp.example.org",
    )
    assert made.read_many_storage_class is None
    assert (made.core_image, made.core_mem, made.core_mem_limit) == ("cytomine/core:v3.0.3", "1Gi", "1Gi")
    assert (made.rabbitmq_cpu, made.rabbitmq_mem_limit) == ("100m", "256Mi")
    assert made.deploy_k8s_router  # as the chart has it
    assert not made.deploy_slurm
    (warning,) = platform(made).warnings
    assert "k8s-software-router:latest may be another one tomorrow" in warning


def test_every_key_of_the_chart_is_known(file: Path) -> None:
    leaves = {
        f"{section}.{key}.{inner}.{last}"
        for section in chart.PARTS
        for key, inner, last in (
            *(("resources", inner, last) for inner in ("requests", "limits") for last in ("cpu", "memory")),
        )
    }
    assert leaves <= {*chart.VALUES, *chart.UNUSED}
    names = {f.lstrip(":") for f in chart.VALUES.values() if not f.isupper()}
    assert names <= set(Settings.__dataclass_fields__)


def test_keys_and_passwords_become_the_secrets_that_the_database_knows(file: Path) -> None:
    found = taken(file, as_init_left_it())
    definition = platform(settings(found))
    variables = {
        str(getattr(key, "env", "")): f"{secret.name} {name}"
        for component in definition.components
        for secret in component.secrets
        for name, key in secret.keys.items()
    }
    assert {variables[name]: value for name, value in found.variables.items()} == {
        "cytomine-secrets ADMIN_PASSWORD": "canary-admin-password",
        "cytomine-secrets ADMIN_PUBLIC_KEY": "canary-admin-public",
        "cytomine-secrets ADMIN_PRIVATE_KEY": "canary-admin-private",
        "cytomine-secrets SUPER_ADMIN_PUBLIC_KEY": "canary-super-public",
        "cytomine-secrets SUPER_ADMIN_PRIVATE_KEY": "canary-super-private",
        "cytomine-secrets SERVER_ID": "canary-server-id",
        "cytomine-api-keys IMAGE_SERVER_PUBLIC_KEY": "canary-ims-public",
        "cytomine-api-keys IMAGE_SERVER_PRIVATE_KEY": "canary-ims-private",
        "cytomine-api-keys RABBITMQ_PUBLIC_KEY": "canary-router-public",
        "cytomine-api-keys RABBITMQ_PRIVATE_KEY": "canary-router-private",
        "cytomine-mail password": "canary-smtp",
    }
    assert "canary" not in repr(found)
    assert "canary" not in "".join(found.warnings)


def test_what_is_not_used_is_said_once_for_each_reason(file: Path) -> None:
    said = taken(file, as_init_left_it()).warnings
    assert len(said) == 6
    assert any("rabbitmq.password. The broker's password is generated" in one for one in said)
    assert any("core.resources.limits.cpu" in one and "ims.resources.limits.cpu" in one for one in said)


def test_a_file_that_init_did_not_fill_in_leaves_the_keys_to_be_made(file: Path) -> None:
    values = as_init_left_it()
    values["core"] |= {
        key: "" for key in values["core"] if key.startswith(("admin", "super", "ims", "rabbitmq"))
    }
    values["nginx"]["serverID"] = ""
    assert taken(file, values).variables == {"CYTOMINE_SMTP_PASSWORD": "canary-smtp"}


def test_a_flag_wins_over_the_file(file: Path) -> None:
    found = taken(file, as_init_left_it())
    assert settings(found, image_storage="9Gi", no_deploy_k8s_router=True).image_storage == "9Gi"
    assert not settings(found, no_deploy_k8s_router=True).deploy_k8s_router


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"serverNme": "x"}, "values.yaml:1: there is no value 'serverNme' (did you mean 'serverName'?)"),
        ({"core": {"deplyo": True}}, "did you mean 'core.deploy'"),
        ({"nameOverride": "x"}, "nameOverride is not taken. Parts find each other by fixed names"),
        ({"ims": {"deploy": "perhaps"}}, "deploy_ims takes true or false, not 'perhaps'"),
    ],
)
def test_what_the_chart_does_not_have_is_refused(file: Path, values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        settings(taken(file, values))
    assert words in str(error.value)
