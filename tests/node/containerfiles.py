"""Builds the images that ship, from `images/*.Containerfile`, with no daemon and no image registry.

Their base is made here, as an archive: this machine's Python with pip, a shell and what else the files call. Packages
come from the package index that pip is set to, by the locked hashes, as they do wherever these files are built. No C
compiler is in it, so the proxy is built as plain Python here: `./test --compiled` tries the form that ships, out of the
same kind of wheel. With Docker the images are built from the base that their files name.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from node.images import ARCHITECTURE, ENVIRONMENT, OPERATOR_IMAGE, PROXY_IMAGE
from node.layers import PYTHON, ROOT, interpreter_layer, staged, write_libraries, write_programs
from node.oci_image import Image, write_image

BASE = "localhost/python-base:dev"
FILES = {"proxy": PROXY_IMAGE, "operator": OPERATOR_IMAGE}
BUILD_ARGUMENTS = {"proxy": ["--build-arg", "COMPILED=0"], "operator": []}
"""Beside BASE and ANY_PYTHON, on the base that is made here: this machine's Python may be of any build."""
_PIP = "usr/local/lib/pip"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_INDEX_SETTINGS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT")


class CannotBuild(Exception):
    """The images that ship cannot be built here; the text says why."""


def shipped_name(image: str) -> str:
    """Return the name under which an image built from its Containerfile is loaded, beside the one made for tests."""
    return image.replace(":dev", ":shipped")


def build_with_buildah(directory: Path) -> Sequence[Path]:
    """Build both images without privileges beyond root's and without a daemon; return their archives."""
    if shutil.which("buildah") is None:
        raise CannotBuild("buildah not found; on Debian: apt-get install --no-install-recommends buildah")
    base = _write_base(directory)
    storage = ["--root", str(directory / "storage"), "--runroot", str(directory / "run"), "--storage-driver", "overlay"]
    # In a mount namespace of its own: buildah leaves its storage mounted, and nobody could delete it.
    buildah = ["unshare", "--mount", "buildah", *storage]
    _run(*buildah, "pull", f"oci-archive:{base}")
    archives = []
    for name, image in FILES.items():
        # Isolation by chroot needs neither a network plug-in nor a control group; the base is looked for nowhere else.
        flags = [
            "--isolation",
            "chroot",
            "--network",
            "host",
            "--pull-never",
            "--layers",
            "--build-arg",
            f"BASE={BASE}",
            "--build-arg",
            "ANY_PYTHON=1",
            *BUILD_ARGUMENTS[name],
        ]
        file = ROOT / "images" / f"{name}.Containerfile"
        _run(*buildah, "build", *flags, "-t", shipped_name(image), "-f", str(file), str(ROOT))
        archive = directory / f"{name}.tar"
        _run(*buildah, "push", shipped_name(image), f"docker-archive:{archive}:{shipped_name(image)}")
        archives.append(archive)
    shutil.rmtree(directory / "storage")
    return archives


def build_with_docker(directory: Path) -> Sequence[Path]:
    """Build both images with Docker, on the base that the files name; return their archives."""
    directory.mkdir(parents=True)
    archives = []
    for name, image in FILES.items():
        _run(
            "docker",
            "build",
            "-t",
            shipped_name(image),
            "-f",
            str(ROOT / "images" / f"{name}.Containerfile"),
            str(ROOT),
        )
        archives.append(directory / f"{name}.tar")
        _run("docker", "save", "-o", str(archives[-1]), shipped_name(image))
    return archives


def _write_base(directory: Path) -> Path:
    """Write an image with what the Containerfiles ask of their base, and with this machine's package index."""
    directory.mkdir(parents=True)
    python, tools = directory / "python.layer", directory / "tools.layer"
    interpreter_layer(python)
    with staged(tools) as stage:
        shutil.copytree(_pip(), stage / _PIP / "pip", ignore=shutil.ignore_patterns("__pycache__"))
        write_programs(stage, "sh", "rm")
        write_libraries(stage, "operator")  # as any base has them
        certificates = stage / _CERTIFICATES.relative_to("/")
        certificates.parent.mkdir(parents=True)
        shutil.copy2(_CERTIFICATES.resolve(), certificates)
    index = {name: os.environ[name] for name in _INDEX_SETTINGS if name in os.environ}
    environment = ENVIRONMENT | {"PYTHONPATH": f"/{_PIP}", "PIP_CERT": str(_CERTIFICATES)} | index
    base = directory / "base.tar"
    write_image(Image(BASE, [python, tools], [PYTHON], environment, user="0:0"), base, architecture=ARCHITECTURE)
    return base


def _pip() -> Path:
    """Return where pip is in the Python that this environment was made from."""
    python = Path(sys.base_prefix, "bin", "python3")
    look = "import pip; print(pip.__path__[0])"
    found = subprocess.run([python, "-c", look], capture_output=True, text=True, check=False, env={})
    if found.returncode != 0:
        raise CannotBuild(f"{python} has no pip; on Debian: apt-get install python3-pip")
    return Path(found.stdout.strip())


def _run(*command: str) -> None:
    finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if finished.returncode != 0:
        raise CannotBuild(f"{' '.join(command)}\n{finished.stdout[-4000:]}")
