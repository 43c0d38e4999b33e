"""Every case on disk as a real API server takes it: with every field known, and every object valid."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.charts.release import CRD_RELEASE, OPS, Ground
from cluster.charts.rendered import CRD_CHART, render_case
from cluster.helm import Helm
from doubles.case_files import case_names, input_of


@pytest.fixture(scope="module")
def with_definitions(ground: Ground) -> Iterator[Ground]:
    """Our kinds are installed, and no operator."""
    ground.namespace(OPS)
    ground.helm("install", CRD_RELEASE, str(CRD_CHART), "-n", OPS, "--wait")
    try:
        yield ground
    finally:
        ground.uninstall()


@pytest.mark.parametrize("name", case_names("charts"))
def test_every_object_is_admitted_with_strict_validation(
    name: str, with_definitions: Ground, offline_helm: Helm, tmp_path: Path
) -> None:
    rendered = render_case(offline_helm, input_of("charts", name), tmp_path).objects
    # The pods of `helm test` run as accounts that a dry run does not make: test_api_servers.py has them, too. Of the
    # Prometheus operator's kinds no API server knows of itself.
    objects = [
        each
        for each in rendered
        if each["metadata"].get("annotations", {}).get("helm.sh/hook") != "test"
        and not each["apiVersion"].startswith("monitoring.coreos.com/")
    ]
    for namespace in {each["metadata"]["namespace"] for each in objects if "namespace" in each["metadata"]}:
        with_definitions.namespace(namespace)
    admitted = with_definitions.kubectl(
        "apply", "--server-side", "--dry-run=server", "--validate=strict", "-o", "name", "-f", "-",
        stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
    )  # fmt: skip
    assert len(admitted.split()) == len(objects)
