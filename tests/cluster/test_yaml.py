"""The table of odd YAML scalars that our own reader is held to says what kubectl really makes of them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.kubectl import Kubectl

CASES = Path(__file__).parents[1] / "cases" / "yaml"


@pytest.fixture
def words(kubectl: Kubectl) -> Iterator[None]:
    """A kind that takes whatever it is given, for as long as the test lasts."""
    definition = str(CASES / "crd.yaml")
    kubectl("apply", "-f", definition)
    kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", definition)
    yield
    kubectl("delete", "-f", definition)


@pytest.mark.usefixtures("words")
def test_kubectl_reads_odd_words_as_the_table_says(kubectl: Kubectl, namespace: str) -> None:
    created = kubectl.read("create", "--dry-run=server", "-n", namespace, "-f", str(CASES / "words.in.yaml"))
    assert created["spec"] == json.loads((CASES / "words.out.json").read_text())
