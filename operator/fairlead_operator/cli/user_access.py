"""A user's own way to a cluster: kubeconfigs merged as kubectl merges them, one context, and plugins that log in."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fairlead_operator.cluster.kubernetes_access import SERVICE_ACCOUNT, Access, in_cluster, pem_in, read_text
from fairlead_operator.cluster.kubernetes_errors import AccessError

Section = Mapping[str, Any]

LOGIN_SECONDS = 60.0
"""How long a plugin may take to log in: it may have a browser opened, and a human in it."""

_UNSUPPORTED_USER = ("auth-provider", "username", "as")
_UNSUPPORTED_CLUSTER = ("proxy-url", "tls-server-name")
_EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


@dataclass(frozen=True, slots=True)
class UserAccess:
    """A cluster, who the user is there, and the namespace that is meant where none is named."""

    access: Access
    namespace: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a kubeconfig says under one name; relative paths in it count from the directory of that file."""

    file: Path
    content: Section


@dataclass(slots=True)
class _Merged:
    """Several kubeconfigs as one: of two entries with the same name the first counts."""

    current: str = ""
    contexts: dict[str, _Entry] = field(default_factory=dict)
    clusters: dict[str, _Entry] = field(default_factory=dict)
    users: dict[str, _Entry] = field(default_factory=dict)


def find_user_access(kubeconfig: str | None, context: str | None, environ: Mapping[str, str]) -> UserAccess:
    """Return the access of a context of the given kubeconfig, else of $KUBECONFIG, else of ~/.kube/config.

    Where none of them is there, and this is a pod, it is the pod's account. Raises AccessError, one line with the
    remedy.
    """
    files = [Path(kubeconfig)] if kubeconfig else _known_files(environ)
    if files:
        return _access_of(_merge(files), context, environ, ", ".join(map(str, files)))
    if "KUBERNETES_SERVICE_HOST" in environ and (SERVICE_ACCOUNT / "token").exists():
        if context:
            raise AccessError(f"--context {context}: there is no kubeconfig here; leave it out, or give --kubeconfig")
        return UserAccess(in_cluster(environ, SERVICE_ACCOUNT), read_text(SERVICE_ACCOUNT / "namespace").strip())
    raise AccessError(
        "no cluster: neither $KUBECONFIG nor ~/.kube/config leads to one, and this is not a pod; "
        "use --kubeconfig PATH, or --state DIR for a standalone run"
    )


def _known_files(environ: Mapping[str, str]) -> list[Path]:
    named = environ.get("KUBECONFIG")
    if named:
        return [Path(each) for each in named.split(os.pathsep) if each and Path(each).exists()]
    usual = Path(environ.get("HOME", "/")) / ".kube" / "config"
    return [usual] if usual.exists() else []


def _merge(files: Sequence[Path]) -> _Merged:
    merged = _Merged()
    for file in files:
        try:
            content = yaml.safe_load(read_text(file)) or {}
            merged.current = merged.current or str(content.get("current-context") or "")
            for section, key, into in (
                ("contexts", "context", merged.contexts),
                ("clusters", "cluster", merged.clusters),
                ("users", "user", merged.users),
            ):
                for each in content.get(section) or []:
                    into.setdefault(each["name"], _Entry(file, each.get(key) or {}))
        except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            raise AccessError(f"{file} is not a kubeconfig: {type(error).__name__}") from error
    return merged


def _access_of(merged: _Merged, context: str | None, environ: Mapping[str, str], where: str) -> UserAccess:
    name = context or merged.current
    if not name:
        raise AccessError(f"{where}: no context is current; choose one: --context {_names(merged.contexts)}")
    if name not in merged.contexts:
        raise AccessError(f"{where}: there is no context {name!r}; there are: {_names(merged.contexts)}")
    chosen = merged.contexts[name].content
    cluster = merged.clusters.get(str(chosen.get("cluster")))
    if cluster is None or not cluster.content.get("server"):
        raise AccessError(f"{where}: the cluster {chosen.get('cluster')!r} of context {name!r} is not described there")
    user = merged.users.get(str(chosen.get("user")), _Entry(cluster.file, {}))
    for unsupported in _UNSUPPORTED_USER:
        if unsupported in user.content:
            raise AccessError(
                f"{user.file}: users[].user.{unsupported} is not supported; use a token, a certificate or exec"
            )
    for unsupported in _UNSUPPORTED_CLUSTER:
        if cluster.content.get(unsupported):
            raise AccessError(
                f"{cluster.file}: clusters[].cluster.{unsupported} is not supported; name a server that is reached "
                "without it"
            )
    login = _log_in(user, cluster, environ) if "exec" in user.content else _login_in(user)
    access = Access(
        server=str(cluster.content["server"]).rstrip("/"),
        ca=pem_in(cluster.content, "certificate-authority", cluster.file),
        insecure=bool(cluster.content.get("insecure-skip-tls-verify", False)),
        token=login.token,
        token_file=login.token_file,
        certificate=login.certificate,
        private_key=login.private_key,
    )
    return UserAccess(access, str(chosen.get("namespace") or "default"))


@dataclass(frozen=True, slots=True)
class _Login:
    """How the user shows who it is."""

    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    certificate: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)


def _login_in(user: _Entry) -> _Login:
    file = user.content.get("tokenFile")
    return _Login(
        token=user.content.get("token"),
        token_file=user.file.parent / str(file) if file else None,
        certificate=pem_in(user.content, "client-certificate", user.file),
        private_key=pem_in(user.content, "client-key", user.file),
    )


def _log_in(user: _Entry, cluster: _Entry, environ: Mapping[str, str]) -> _Login:
    """Have a plugin log in. Source: Kubernetes, client.authentication.k8s.io/v1, ExecCredential."""
    plugin = user.content["exec"] or {}
    version, command = str(plugin.get("apiVersion")), str(plugin.get("command") or "")
    where = f"{user.file}: users[].user.exec"
    if version not in _EXEC_VERSIONS:
        raise AccessError(f"{where}.apiVersion {version!r} is not supported; update the plugin to {_EXEC_VERSIONS[0]}")
    interactive = plugin.get("interactiveMode", "IfAvailable") != "Never" and sys.stdin.isatty()
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = {
            name: cluster.content[name]
            for name in ("server", "certificate-authority-data", "insecure-skip-tls-verify")
            if name in cluster.content
        }
    told = json.dumps({"apiVersion": version, "kind": "ExecCredential", "spec": spec})
    own = {each["name"]: str(each["value"]) for each in plugin.get("env") or []}
    # A command with a slash is a path, and counts from where the kubeconfig is, as for kubectl.
    program = str(user.file.parent / command) if os.sep in command else command
    arguments = [program, *map(str, plugin.get("args") or [])]
    try:
        ran = subprocess.run(  # noqa: S603 (the user's own kubeconfig names it, as it does for kubectl)
            arguments,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={**environ, **own, "KUBERNETES_EXEC_INFO": told},
            timeout=LOGIN_SECONDS,
            check=True,
        )
        status = json.loads(ran.stdout)["status"]
    except OSError as error:
        hint = str(plugin.get("installHint") or "install it, or use another context").strip()
        raise AccessError(f"{where}.command {command!r} cannot be run: {error.strerror}; {hint}") from error
    except subprocess.SubprocessError as error:
        raise AccessError(f"{where}.command {command!r} did not log in; run it yourself to see why") from error
    except (ValueError, KeyError, TypeError) as error:
        raise AccessError(f"{where}.command {command!r} printed no ExecCredential with a status") from error
    return _Login(
        token=status.get("token"),
        certificate=status.get("clientCertificateData"),
        private_key=status.get("clientKeyData"),
    )


def _names(entries: Mapping[str, _Entry]) -> str:
    return ", ".join(sorted(entries)) or "none"
