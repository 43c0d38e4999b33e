"""What a container would run, told as a command of this machine: its arguments, environment and paths.

There is no image and no namespace here, so three things are put in the place of others, in arguments and in values of
the environment, at the borders of words only:
- an image becomes the command in `KubeletSettings.images` that does what its entry point does (a pod's own `command`
  replaces that, as ever);
- a `mountPath`, or a path below it, becomes the directory in which the volume really is: so a pod must **name** its
  mount paths in its arguments or environment, as ours do (`--config /etc/fairlead`);
- `0.0.0.0` and `[::]` become the pod's own loopback address, since all pods share one network here.
A pod with a service account token also gets `KUBECONFIG`: the fixed path of in-cluster credentials cannot be mounted.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.api_client import ApiClient
from cluster.pod_volumes import PodVolumes, SourceMissing, fetch_data, field_value

Json = Mapping[str, Any]
SERVICE_ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")
_ANY_ADDRESS = re.compile(r"(?<![\w.])(?:0\.0\.0\.0|\[::\])(?![\w.])")


@dataclass(frozen=True, slots=True)
class Image:
    """What stands for an image: the command of its entry point and the environment it sets."""

    entry_point: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContainerCommand:
    """A container, ready to be started as a process."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    working_directory: Path


async def container_command(
    api: ApiClient, pod: Json, container: Json, image: Image, volumes: PodVolumes, scratch: Path
) -> ContainerCommand:
    """Return the command of a container; raise SourceMissing for what its environment needs, or ApiFailed."""
    mounts = _mounts(pod, container, volumes)
    address = pod["status"]["podIP"]

    real_paths = {mount_path: str(directory) for mount_path, directory in mounts}

    def local(text: str) -> str:
        # In one pass: what was put in for one mount may itself lie below the path of another, such as /tmp.
        if mounts:
            text = _any_of(real_paths).sub(lambda match: real_paths[match[0]], text)
        return _ANY_ADDRESS.sub(address, text)

    declared = await _declared_environment(api, pod, container)
    environment = {name: local(value) for name, value in declared.items()}
    arguments = [expand(text, environment) for text in container.get("args", [])]
    command = [expand(text, environment) for text in container.get("command", [])]
    own = [] if command else list(image.entry_point)
    base = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(scratch), "LANG": "C.UTF-8", **image.environment}
    return ContainerCommand(
        arguments=(*own, *(local(text) for text in [*command, *arguments])),
        environment={**base, **_cluster_environment(api, pod, mounts, scratch), **environment},
        working_directory=Path(local(container["workingDir"])) if container.get("workingDir") else scratch,
    )


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Put `$(NAME)` in; `$$` is a dollar sign and an unknown name stays as it is, as the API reference has it."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else environment.get(match[1], match[0])

    return _REFERENCE.sub(value, text)


def _any_of(paths: Iterable[str]) -> re.Pattern[str]:
    """Return what finds any of these paths, the first in their order, at the borders of words."""
    return re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, paths))})(?=$|[/:;,\s\"'])")


def _mounts(pod: Json, container: Json, volumes: PodVolumes) -> Sequence[tuple[str, Path]]:
    """Return mount path and directory, the longest path first, so that a mount inside a mount is met first."""
    by_name = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
    mounts = []
    for mount in container.get("volumeMounts", []):
        directory = volumes.directory(by_name[mount["name"]]) / mount.get("subPath", "")
        mounts.append((mount["mountPath"].rstrip("/"), directory))
    return sorted(mounts, key=lambda mount: len(mount[0]), reverse=True)


async def _declared_environment(api: ApiClient, pod: Json, container: Json) -> Mapping[str, str]:
    environment: dict[str, str] = {}
    namespace = pod["metadata"]["namespace"]
    for source in container.get("envFrom", []):
        kind = "configMap" if "configMapRef" in source else "secret"
        reference = source[f"{kind}Ref"]
        data = await fetch_data(api, namespace, kind, reference["name"])
        if data is None and not reference.get("optional", False):
            raise SourceMissing(f'{kind.lower()} "{reference["name"]}" not found')
        prefix = source.get("prefix", "")
        environment |= {prefix + key: value.decode() for key, value in (data or {}).items()}
    for entry in container.get("env", []):
        value = await _value(api, pod, entry, environment)
        if value is not None:
            environment[entry["name"]] = value
    return environment


async def _value(api: ApiClient, pod: Json, entry: Json, before: Mapping[str, str]) -> str | None:
    """Return what a variable is set to, or None for an optional one whose source is not there."""
    source = entry.get("valueFrom")
    if source is None:
        return expand(entry.get("value", ""), before)
    if "fieldRef" in source:
        return field_value(pod, source["fieldRef"]["fieldPath"])
    for kind in ("configMap", "secret"):
        reference = source.get(f"{kind}KeyRef")
        if reference is not None:
            data = await fetch_data(api, pod["metadata"]["namespace"], kind, reference["name"])
            if data is not None and reference["key"] in data:
                return data[reference["key"]].decode()
            if reference.get("optional", False):
                return None
            raise SourceMissing(f'{kind.lower()} "{reference["name"]}" has no key "{reference["key"]}"')
    raise SourceMissing(f"the mini-kubelet knows no source {sorted(source)} of variable {entry['name']}")


def _cluster_environment(
    api: ApiClient, pod: Json, mounts: Sequence[tuple[str, Path]], scratch: Path
) -> Mapping[str, str]:
    """Return how a pod finds the API server: the usual two variables, and a kubeconfig where it has a token."""
    host, _, port = api.server.removeprefix("https://").partition(":")
    variables = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    directory = dict(mounts).get(SERVICE_ACCOUNT_PATH)
    if directory is None:
        return variables
    kubeconfig = scratch / "in-cluster.kubeconfig"
    kubeconfig.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: pod\n"
        f"clusters: [{{name: pod, cluster: {{server: '{api.server}', certificate-authority: '{directory}/ca.crt'}}}}]\n"
        f"users: [{{name: pod, user: {{tokenFile: '{directory}/token'}}}}]\n"
        f"contexts: [{{name: pod, context: {{cluster: pod, user: pod, namespace: {pod['metadata']['namespace']}}}}}]\n"
    )
    return variables | {"KUBECONFIG": str(kubeconfig)}
