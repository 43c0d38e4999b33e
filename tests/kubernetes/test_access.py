"""Finding the API server and an identity: kubeconfigs as they are in the wild, and a pod's service account."""

import base64
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from fairlead_operator.cluster.kubernetes_access import find_access, from_kubeconfig, in_cluster
from fairlead_operator.cluster.kubernetes_errors import AccessError


def kubeconfig(directory: Path, user: dict[str, Any], **cluster: Any) -> Path:
    path = directory / "config"
    content = {
        "current-context": "here",
        "contexts": [{"name": "other"}, {"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://api:6443/", **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def test_token_and_ca_may_stand_in_the_file(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, {"token": "t"}, **{"certificate-authority-data": base64.b64encode(b"PEM").decode()})
    access = from_kubeconfig(path)
    assert (access.server, access.bearer(), access.ca) == ("https://api:6443", "t", "PEM")


def test_files_are_found_beside_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    (tmp_path / "ca.crt").write_text("PEM")
    access = from_kubeconfig(kubeconfig(tmp_path, {"tokenFile": "token"}, **{"certificate-authority": "ca.crt"}))
    assert (access.bearer(), access.ca) == ("from-file", "PEM")


def test_client_certificate_can_be_used(tmp_path: Path) -> None:
    authority = trustme.CA()
    mine = authority.issue_cert("client.example")
    encoded = {
        "client-certificate-data": base64.b64encode(mine.cert_chain_pems[0].bytes()).decode(),
        "client-key-data": base64.b64encode(mine.private_key_pem.bytes()).decode(),
    }
    ca = {"certificate-authority-data": base64.b64encode(authority.cert_pem.bytes()).decode()}
    context = from_kubeconfig(kubeconfig(tmp_path, encoded, **ca)).ssl_context()
    assert len(context.get_ca_certs()) == 1


def test_certificate_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    access = from_kubeconfig(kubeconfig(tmp_path, {}, **{"certificate-authority-data": "bm9uZQ=="}))
    with pytest.raises(AccessError, match="https://api:6443"):
        access.ssl_context()


@pytest.mark.parametrize("user", [{"exec": {}}, {"auth-provider": {}}, {"username": "x"}])
def test_way_of_logging_in_that_is_not_supported_is_named(tmp_path: Path, user: dict[str, Any]) -> None:
    with pytest.raises(AccessError, match=f"{next(iter(user))} is not supported"):
        from_kubeconfig(kubeconfig(tmp_path, user))


@pytest.mark.parametrize("text", ["", "{}", "current-context: x", ": :", "[1]"])
def test_file_that_is_no_kubeconfig_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(AccessError, match="is not a kubeconfig with a current context"):
        from_kubeconfig(tmp_path / "config")


def test_pod_uses_its_service_account(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t1")
    (tmp_path / "ca.crt").write_text("PEM")
    environment = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    access = in_cluster(environment, tmp_path)
    (tmp_path / "token").write_text("t2")
    assert (access.server, access.ca, access.bearer()) == ("https://10.96.0.1:443", "PEM", "t2")


def test_ipv6_address_of_the_api_server_is_bracketed(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("PEM")
    assert in_cluster({"KUBERNETES_SERVICE_HOST": "fd00::1"}, tmp_path).server == "https://[fd00::1]:443"


def test_no_cluster_at_all_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="use --kubeconfig PATH"):
        find_access(None, {"HOME": str(tmp_path)})
