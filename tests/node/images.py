"""The images of a test node: our two, made from the source tree as it is, and what the node itself needs.

Ours hold plain Python: an edit of the source is in them at once, with no compiler.
"""

import platform
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from node.layers import (
    PACKAGES,
    PYTHON,
    ROOT,
    interpreter_layer,
    packages_layer,
    program_layer,
    sources_layer,
)
from node.node_files import PAUSE_IMAGE
from node.oci_image import Image, write_image

PROXY_IMAGE = "localhost/fairlead-proxy:dev"
OPERATOR_IMAGE = "localhost/fairlead-operator:dev"
ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), "amd64")
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LD_LIBRARY_PATH": "/usr/local/lib",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "LANG": "C.UTF-8",
    "HOME": "/tmp",
}
"""What a process needs where this machine's Python was moved."""


def build_images(programs: Mapping[str, Path], directory: Path) -> Sequence[Path]:
    """Write all images as archives and return their paths."""
    directory.mkdir(parents=True)
    return [*build_own_images(directory), *_build_node_images(programs, directory)]


def build_own_images(directory: Path) -> Sequence[Path]:
    """Write the images of proxy and operator as archives and return their paths.

    The proxy's holds nothing of the operator: a proxy that imported it would not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    python, packages, extra = (directory / f"{name}.layer" for name in ("python", "packages", "operator-packages"))
    proxy, ledger, operator = (directory / f"{name}.layer" for name in ("proxy", "ledger", "operator"))
    with ThreadPoolExecutor() as pool:
        for work in (
            pool.submit(interpreter_layer, python),
            pool.submit(packages_layer, packages),
            pool.submit(packages_layer, extra, extra="operator", without=""),
            pool.submit(sources_layer, proxy, ROOT / "proxy" / "fairlead_proxy"),
            pool.submit(sources_layer, ledger, ROOT / "ledger" / "fairlead_ledger", program="fairlead-ledger"),
            pool.submit(sources_layer, operator, ROOT / "operator" / "fairlead_operator"),
        ):
            work.result()
    environment = ENVIRONMENT | {"PYTHONPATH": f"/{PACKAGES}"}
    images = [
        Image(PROXY_IMAGE, [python, packages, proxy, ledger], [PYTHON, "-m", "fairlead_proxy.cli"], environment),
        Image(
            OPERATOR_IMAGE,
            [python, packages, extra, proxy, ledger, operator],
            [PYTHON, "-m", "fairlead_operator.cli.main"],
            environment,
        ),
    ]
    return [_write(image, directory) for image in images]


def _build_node_images(programs: Mapping[str, Path], directory: Path) -> Sequence[Path]:
    images = []
    for name, image_name in (("pause", PAUSE_IMAGE), ("coredns", "localhost/coredns:dev")):
        layer = directory / f"{name}.layer"
        program_layer(layer, programs[name])
        user = "0:0" if name == "coredns" else "65532:65532"
        images.append(Image(image_name, [layer], [f"/{name}"], user=user))
    return [_write(image, directory) for image in images]


def _write(image: Image, directory: Path) -> Path:
    archive = directory / f"{image.name.split('/')[1].split(':')[0]}.tar"
    write_image(image, archive, architecture=ARCHITECTURE)
    return archive
