"""How to reach an API server, and who we are there: from a kubeconfig, or from a pod's service account."""

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fairlead_operator.cluster.kubernetes_errors import AccessError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Access:
    """One API server and one identity. `token_file` is read again for each use, since tokens are renewed in place.

    `ca`, `certificate` and `private_key` are PEM text. Its repr shows the server only.
    """

    server: str
    ca: str | None = field(default=None, repr=False)
    insecure: bool = False
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = field(default=None, repr=False)
    certificate: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)

    def bearer(self) -> str | None:
        """Return the bearer token of now; raise AccessError where its file cannot be read."""
        if self.token_file is None:
            return self.token
        return read_text(self.token_file).strip()

    def ssl_context(self) -> ssl.SSLContext:
        """Return the context for this server; raise AccessError for certificates that cannot be used."""
        try:
            context = ssl.create_default_context(cadata=self.ca)
            if self.insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if self.certificate and self.private_key:
                self._load_certificate(context)
        except ssl.SSLError as error:
            raise AccessError(f"the certificates for {self.server} cannot be used: {error.reason}") from error
        return context

    def _load_certificate(self, context: ssl.SSLContext) -> None:
        # The ssl module reads a key from files only; this one is readable by us alone and gone at once.
        with tempfile.NamedTemporaryFile(mode="w") as file:
            file.write(f"{self.certificate}\n{self.private_key}")
            file.flush()
            context.load_cert_chain(file.name)


def find_access(kubeconfig: str | None, environment: Mapping[str, str]) -> Access:
    """Return the given kubeconfig's access, else that of this pod, else of $KUBECONFIG or ~/.kube/config.

    Raise AccessError, in one line that names what to do, where none of them is there.
    """
    if kubeconfig:
        return from_kubeconfig(Path(kubeconfig))
    if "KUBERNETES_SERVICE_HOST" in environment and (SERVICE_ACCOUNT / "token").exists():
        return in_cluster(environment, SERVICE_ACCOUNT)
    path = Path(environment.get("KUBECONFIG") or Path(environment.get("HOME", "/")) / ".kube" / "config")
    if not path.exists():
        raise AccessError(f"no cluster: {path} is not there and this is not a pod; use --kubeconfig PATH")
    return from_kubeconfig(path)


def in_cluster(environment: Mapping[str, str], directory: Path) -> Access:
    """Return the access of the service account that is mounted at this directory."""
    host = environment["KUBERNETES_SERVICE_HOST"]
    port = environment.get("KUBERNETES_SERVICE_PORT", "443")
    host = f"[{host}]" if ":" in host else host
    return Access(f"https://{host}:{port}", ca=read_text(directory / "ca.crt"), token_file=directory / "token")


def from_kubeconfig(path: Path) -> Access:
    """Return the access of the current context; raise AccessError where a part of it is missing or not supported."""
    try:
        config = yaml.safe_load(read_text(path))
        current = config["current-context"]
        context = _named(config["contexts"], current)["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"] or {}
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise AccessError(f"{path} is not a kubeconfig with a current context: {type(error).__name__}") from error
    for unsupported in ("exec", "auth-provider", "username"):
        if unsupported in user:
            raise AccessError(f"{path}: users[].user.{unsupported} is not supported; use a token or a certificate")
    token_file = user.get("tokenFile")
    return Access(
        server=str(cluster["server"]).rstrip("/"),
        ca=pem_in(cluster, "certificate-authority", path),
        insecure=bool(cluster.get("insecure-skip-tls-verify", False)),
        token=user.get("token"),
        token_file=path.parent / token_file if token_file else None,
        certificate=pem_in(user, "client-certificate", path),
        private_key=pem_in(user, "client-key", path),
    )


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise KeyError(name)


def pem_in(section: Mapping[str, Any], name: str, path: Path) -> str | None:
    """Return what a section of this kubeconfig holds as `name-data`, or names as a file; raise AccessError."""
    data = section.get(f"{name}-data")
    if data:
        try:
            return base64.b64decode(data).decode()
        except (binascii.Error, UnicodeDecodeError, TypeError) as error:
            raise AccessError(f"{path}: {name}-data is not base64 of PEM") from error
    file = section.get(name)
    return read_text(path.parent / file) if file else None


def read_text(path: Path) -> str:
    """Raises AccessError, one line that names the file and why."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "it is not text"
        raise AccessError(f"cannot read {path}: {reason}") from error
