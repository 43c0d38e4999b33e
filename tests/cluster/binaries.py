"""Finds the Kubernetes programs the tests start, and builds them from their Go modules where they are not there yet.

Looked up in this order: the directory `KUBEBUILDER_ASSETS` (as `setup-envtest` fills it); a cache under
`${XDG_CACHE_HOME:-~/.cache}/fairlead/kubernetes`, keyed, build by build, by the module's files, the version of Go and
the flags; otherwise they are built, once, under a file lock. Standard library only, so that a build can start before
anything is installed:

    python3 tests/cluster/binaries.py control-plane helm --marker-dir DIR
"""

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MODULES = Path(__file__).parent / "kubernetes"
GO_ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -trimpath", "GOWORK": "off"}


class BinariesMissing(Exception):
    """A program is neither found nor can it be built; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Build:
    """One `go build`: which packages of which module become which programs."""

    module: str
    packages: Mapping[str, str]
    """Program name to Go package."""
    stamp: str = ""
    """The Go module whose version the programs tell as their own; empty: they tell none."""


_KUBERNETES = "k8s.io/kubernetes"
_HELM_3 = "helm.sh/helm/v3"
_HELM_4 = "helm.sh/helm/v4"
_HELM_ASSUMES = {_HELM_3: ("pkg/lint/rules", "pkg/chartutil"), _HELM_4: ("pkg/chart/v2/lint/rules", "pkg/chart/common")}
"""The packages of Helm that are told which Kubernetes to assume."""
TIERS: Mapping[str, tuple[Build, ...]] = {
    "control-plane": (
        Build("control-plane", {"etcd": "go.etcd.io/etcd/server/v3"}),
        Build(
            "control-plane",
            {name: f"{_KUBERNETES}/cmd/{name}" for name in ("kube-apiserver", "kubectl", "kube-controller-manager")},
            stamp=_KUBERNETES,
        ),
    ),
    "node": (
        Build(
            "control-plane",
            {name: f"{_KUBERNETES}/cmd/{name}" for name in ("kubelet", "kube-scheduler", "kube-proxy")},
            stamp=_KUBERNETES,
        ),
        Build("node", {"coredns": "./coredns", "pause": "./pause"}),
    ),
    "helm": (Build("helm", {"helm": f"{_HELM_3}/cmd/helm"}, stamp=_HELM_3),),
    "helm4": (Build("helm4", {"helm4": f"{_HELM_4}/cmd/helm"}, stamp=_HELM_4),),
    "api-server-other": (
        Build("api-server-other", {"kube-apiserver-other": f"{_KUBERNETES}/cmd/kube-apiserver"}, stamp=_KUBERNETES),
    ),
}


def locate(*tiers: str) -> Mapping[str, Path]:
    """Return the path of every program of these tiers, building what is missing; raise BinariesMissing."""
    found: dict[str, Path] = {}
    for build in (build for tier in tiers for build in TIERS[tier]):
        given = {name: path for name in build.packages if (path := _given(name)) is not None}
        if len(given) < len(build.packages):
            kept = cache_directory(build)
            _build_missing(build, kept, [name for name in build.packages if name not in given])
            given = {name: kept / "bin" / name for name in build.packages} | given
        found |= given
    return found


def cache_directory(build: Build) -> Path:
    """Return where the programs of a build are kept; raise BinariesMissing without Go."""
    digest = hashlib.sha256()
    module = MODULES / build.module
    for file in sorted(file for file in module.rglob("*") if file.is_file()):
        digest.update(file.relative_to(module).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    digest.update(_go_version().encode())
    digest.update(repr(sorted(GO_ENVIRONMENT.items())).encode())
    digest.update(repr((sorted(build.packages.items()), version_stamp(build))).encode())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "fairlead" / "kubernetes" / f"{build.module}-{digest.hexdigest()[:20]}"


def version_stamp(build: Build) -> str:
    """Return the linker flags that tell a program its version, as the official releases are told theirs."""
    if not build.stamp:
        return "-s -w"
    version = pinned_version(build.module, build.stamp)
    if build.stamp == _KUBERNETES:
        major, minor = version.removeprefix("v").split(".")[:2]
        package = "k8s.io/component-base/version"
        facts = {
            f"{package}.gitVersion": version,
            f"{package}.gitMajor": major,
            f"{package}.gitMinor": minor,
            f"{package}.gitTreeState": "clean",
            f"{package}.gitCommit": "module",
            f"{package}.buildDate": "1970-01-01T00:00:00Z",
        }
    else:
        # Without a cluster Helm takes it that there is one of this version.
        major, minor = pinned_version("control-plane", _KUBERNETES).removeprefix("v").split(".")[:2]
        facts = {f"{build.stamp}/internal/version.version": version}
        for package in _HELM_ASSUMES[build.stamp]:
            facts |= {
                f"{build.stamp}/{package}.k8sVersionMajor": major,
                f"{build.stamp}/{package}.k8sVersionMinor": minor,
            }
    return "-s -w " + " ".join(f"-X {name}={value}" for name, value in facts.items())


def pinned_version(module: str, dependency: str) -> str:
    """Return the version of a dependency that a module's go.mod pins."""
    text = (MODULES / module / "go.mod").read_text()
    match = re.search(rf"^(?:require)?\s+{re.escape(dependency)} (v\S+)", text, re.MULTILINE)
    if match is None:
        raise BinariesMissing(f"{module}/go.mod does not pin {dependency}")
    return match[1]


def main(arguments: Sequence[str]) -> int:
    """Build the tiers that are named and say where their programs are; return the exit code."""
    parser = argparse.ArgumentParser(description="Finds or builds the Kubernetes programs the tests start.")
    parser.add_argument("tiers", nargs="+", choices=sorted(TIERS), metavar="TIER", help=", ".join(sorted(TIERS)))
    parser.add_argument(
        "--marker-dir", type=Path, help="write TIER.done or TIER.failed there, for whoever waits for it"
    )
    options = parser.parse_args(arguments)
    failed = False
    for tier in options.tiers:
        try:
            found = locate(tier)
        except BinariesMissing as error:
            failed = True
            print(f"{tier}: {error}", file=sys.stderr, flush=True)
            _mark(options.marker_dir, f"{tier}.failed", f"{error}\n")
        else:
            lines = "".join(f"{name} {path}\n" for name, path in found.items())
            print(lines, end="", flush=True)
            _mark(options.marker_dir, f"{tier}.done", lines)
    return 1 if failed else 0


def _mark(directory: Path | None, name: str, text: str) -> None:
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


def _given(name: str) -> Path | None:
    directory = os.environ.get("KUBEBUILDER_ASSETS")
    path = Path(directory, name) if directory else None
    return path if path is not None and os.access(path, os.X_OK) else None


def _build_missing(build: Build, kept: Path, names: Sequence[str]) -> None:
    """Build what is missing of these; whoever comes second waits for the first and finds it done."""
    programs = kept / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    if all((programs / name).exists() for name in names):
        return
    with _locked(kept / "lock"):
        missing = {name: build.packages[name] for name in names if not (programs / name).exists()}
        if missing:
            _build(build, missing, kept)


def _build(build: Build, packages: Mapping[str, str], kept: Path) -> None:
    with tempfile.TemporaryDirectory(dir=kept) as scratch:
        # Of several packages Go names the programs itself; one alone is named here, as etcd's would be called "server".
        single = next(iter(packages)) if len(packages) == 1 else ""
        command = ["go", "build", "-ldflags", version_stamp(build), "-o", f"{scratch}/{single}"]
        log = kept / f"build-{'-'.join(packages)}.log"
        with log.open("wb") as output:
            finished = subprocess.run(
                [*command, *packages.values()],
                cwd=MODULES / build.module,
                env=os.environ | GO_ENVIRONMENT,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if finished.returncode != 0:
            tail = log.read_text(errors="replace")[-2000:]
            raise BinariesMissing(f"go build of {', '.join(packages)} failed; see {log}\n{tail}")
        for name in packages:
            os.rename(Path(scratch, name), kept / "bin" / name)


@cache
def _go_version() -> str:
    if shutil.which("go") is None:
        raise BinariesMissing(
            "there is no Go to build Kubernetes with: install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a"
            " directory that holds kube-controller-manager, too"
        )
    return subprocess.run(
        ["go", "env", "GOVERSION", "GOOS", "GOARCH"], cwd=MODULES, capture_output=True, text=True, check=True
    ).stdout


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
