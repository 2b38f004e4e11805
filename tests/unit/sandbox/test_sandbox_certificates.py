"""The sandbox's own authority signs what its programs show each other."""

from __future__ import annotations

import datetime
import stat
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from allup.sandbox.certificates import CERTIFICATES, write_all
from allup.sandbox.kubeconfigs import kubeconfig

NOW = datetime.datetime(2030, 1, 2, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    write_all(folder, now=NOW, server_addresses=["127.0.0.1"])
    return folder


def load(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


@pytest.mark.parametrize("wanted", CERTIFICATES, ids=lambda wanted: wanted.file)
def test_every_certificate_is_signed_by_the_authority(pki: Path, wanted: object) -> None:
    file = getattr(wanted, "file", "")
    load(pki / f"{file}.crt").verify_directly_issued_by(load(pki / "ca.crt"))


def test_a_strict_client_accepts_the_server_at_the_loopback_address(pki: Path) -> None:
    import ipaddress

    verifier = (
        PolicyBuilder()
        .store(Store([load(pki / "ca.crt")]))
        .time(NOW)
        .build_server_verifier(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    )
    assert len(verifier.verify(load(pki / "apiserver.crt"), [])) == 2


def test_the_kubeconfigs_client_is_an_administrator_and_no_server(pki: Path) -> None:
    admin = load(pki / "admin.crt")
    groups = admin.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    uses = admin.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [group.value for group in groups] == ["system:masters"]
    assert list(uses) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_no_file_is_readable_by_others(pki: Path) -> None:
    assert {stat.S_IMODE(file.stat().st_mode) for file in pki.iterdir()} == {0o600}


def test_what_is_there_already_stays(pki: Path) -> None:
    before = {file.name: file.read_bytes() for file in pki.iterdir()}
    write_all(pki, now=NOW, server_addresses=["127.0.0.1"])
    assert {file.name: file.read_bytes() for file in pki.iterdir()} == before


def test_the_kubeconfig_trusts_the_authority_only_and_names_its_context(pki: Path) -> None:
    text = kubeconfig(context="allup-sandbox", server="https://127.0.0.1:1", pki=pki, client="admin")
    content = yaml.safe_load(text)
    assert content["current-context"] == "allup-sandbox"
    assert set(content["clusters"][0]["cluster"]) == {"server", "certificate-authority-data"}
    assert "insecure" not in text
