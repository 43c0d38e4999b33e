"""The charts as a release packs them: by both Helms, with the images of that release by digest, and else unchanged."""

import subprocess
from pathlib import Path

import pytest
from cluster.binaries import locate
from cluster.helm import Helm

ROOT = Path(__file__).parents[3]
CHARTS = ROOT / "packaging" / "release" / "charts"
REGISTRY = "registry.example/models"
OPERATOR, PROXY = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def packed(directory: Path, helm: str, *digests: str) -> subprocess.CompletedProcess[str]:
    command = [CHARTS, locate(helm)[helm], REGISTRY, *digests, directory]
    return subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"HOME": str(directory), "PATH": "/usr/bin:/bin"},
        check=False,
    )


@pytest.fixture(scope="module", params=["helm", "helm4"])
def charts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp(request.param)
    told = packed(directory, request.param, OPERATOR, PROXY)
    assert told.returncode == 0, told.stderr
    return directory


@pytest.fixture
def helm(tmp_path: Path) -> Helm:
    return Helm(locate("helm")["helm"], tmp_path / "none.kubeconfig")


def test_both_are_packed_at_the_version_of_the_project(charts: Path) -> None:
    assert {path.name for path in charts.glob("*.tgz")} == {"fairlead-0.1.0.tgz", "fairlead-crds-0.1.0.tgz"}


def test_what_is_packed_names_the_images_of_the_release_by_digest_alone(charts: Path, helm: Helm) -> None:
    rendered = helm("template", "ops", str(charts / "fairlead-0.1.0.tgz"))
    assert f"{REGISTRY}/fairlead-operator@{OPERATOR}" in rendered
    assert f"{REGISTRY}/fairlead-proxy@{PROXY}" in rendered
    assert "localhost/" not in rendered


def test_but_for_the_images_it_renders_as_the_chart_in_the_tree_does(charts: Path, helm: Helm) -> None:
    ours = helm("template", "ops", str(ROOT / "charts" / "fairlead"))
    for name, digest in (("operator", OPERATOR), ("proxy", PROXY)):
        ours = ours.replace(f"localhost/fairlead-{name}:0.1.0", f"{REGISTRY}/fairlead-{name}@{digest}")
    assert helm("template", "ops", str(charts / "fairlead-0.1.0.tgz")) == ours


def test_the_definitions_are_those_of_the_tree(charts: Path, helm: Helm) -> None:
    ours = helm("template", "crds", str(ROOT / "charts" / "fairlead-crds"))
    assert helm("template", "crds", str(charts / "fairlead-crds-0.1.0.tgz")) == ours


@pytest.mark.parametrize("digest", ["", "v0.1.0", "sha256:abc"])
def test_an_image_that_is_named_by_no_digest_is_refused(tmp_path: Path, digest: str) -> None:
    refused = packed(tmp_path, "helm", OPERATOR, digest)
    assert (refused.returncode, "no digest" in refused.stderr) == (2, True)
    assert list(tmp_path.glob("*.tgz")) == []
