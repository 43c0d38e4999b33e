"""The images that ship are built from their Containerfiles and start on a node, as restricted as a pod can be."""

import tomllib

import pytest
from cluster.kubectl import Kubectl
from node.containerfiles import FILES, build_with_buildah, build_with_docker, shipped_name
from node.kind_node import KindNode
from node.layers import ROOT
from node.node import Node
from node.once import run_to_its_end

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.fixture(scope="session")
def shipped(node: Node, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Both images, built and loaded."""
    directory = tmp_path_factory.mktemp("containerfiles") / "images"
    build = build_with_docker if isinstance(node, KindNode) else build_with_buildah
    for archive in build(directory):
        node.load(archive)
        archive.unlink()


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize(("image", "word"), [("proxy", "serve"), ("operator", "operator")])
def test_an_image_that_ships_starts(image: str, word: str, kubectl: Kubectl, namespace: str) -> None:
    assert word in run_to_its_end(kubectl, namespace, shipped_name(FILES[image]), args=["--help"])


@pytest.mark.usefixtures("shipped")
def test_the_proxy_that_ships_holds_nothing_of_the_operator_or_of_what_built_it(
    kubectl: Kubectl, namespace: str
) -> None:
    names = ("fairlead_operator", "kopf", "kubernetes", "hatchling", "editables", "mypy", "mypyc", "setuptools")
    look = f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])"
    printed = run_to_its_end(kubectl, namespace, shipped_name(FILES["proxy"]), command=["python3", "-c", look])
    assert printed == "[]\n"


SBOM = """
import importlib.metadata as m, json
told = json.load(open("/opt/fairlead/share/sbom.cdx.json"))
plain = lambda name, version: (name.lower().replace("_", "-").replace(".", "-"), version)
named = {plain(each["name"], each["version"]) for each in told["components"]}
there = {plain(each.metadata["Name"], each.version) for each in m.distributions()}
print(len(named) > 20, sorted(there - named), sorted(named - there))
"""
"""Looks from inside, where nothing is left of the tool that wrote the SBOM. The project is what it is of."""


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("image", sorted(FILES))
def test_the_sbom_in_an_image_names_what_is_in_that_image(image: str, kubectl: Kubectl, namespace: str) -> None:
    command = ["/opt/fairlead/bin/python3", "-I", "-c", SBOM]
    printed = run_to_its_end(kubectl, namespace, shipped_name(FILES[image]), command=command)
    assert printed == f"True [('fairlead', '{VERSION}')] []\n"
