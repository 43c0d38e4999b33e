"""What a release is made of, made by the programs that the release workflow starts."""

import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from release.containerfile import ROOT

RELEASE = ROOT / "packaging" / "release"
VERSION = "0.1.0"
DIGEST = f"sha256:{'5' * 64}"


def started(*command: object, **environ: str) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, env=os.environ | environ, check=False, timeout=120
    )


def krew(directory: Path, tag: str = "v0.1.0") -> subprocess.CompletedProcess[str]:
    return started(sys.executable, RELEASE / "krew.py", tag, directory)


def test_the_wheel_holds_the_three_houses_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        roots = {name.split("/")[0] for name in archive.namelist()}
    assert roots == {"fairlead_ledger", "fairlead_operator", "fairlead_proxy", f"fairlead-{VERSION}.dist-info"}


def test_the_source_distribution_can_be_built_from(distributions: Path, tmp_path: Path) -> None:
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path / "again")],
        cwd=tmp_path / f"fairlead-{VERSION}",
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (again,) = (tmp_path / "again").glob("*.whl")
    (first,) = distributions.glob("*.whl")
    with zipfile.ZipFile(again) as ours, zipfile.ZipFile(first) as theirs:
        assert ours.namelist() == theirs.namelist()


def test_the_krew_manifest_names_the_sum_of_its_archive(tmp_path: Path) -> None:
    assert krew(tmp_path).returncode == 0
    manifest = yaml.safe_load((tmp_path / "fairlead.yaml").read_text())
    (platform,) = manifest["spec"]["platforms"]
    archive = tmp_path / platform["uri"].rpartition("/")[2]
    assert platform["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert platform["uri"].split("/")[-2] == manifest["spec"]["version"] == "v0.1.0"
    with tarfile.open(archive) as opened:
        assert {each["from"] for each in platform["files"]} == set(opened.getnames())
        assert opened.getmember(platform["bin"]).mode == 0o755


def test_the_krew_archive_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("once", "twice"):
        krew(tmp_path / name)
    once, twice = ((tmp_path / name / "kubectl-fairlead.tar.gz").read_bytes() for name in ("once", "twice"))
    assert once == twice


@pytest.mark.parametrize("tag", ["0.1.0", "v1", "v0.1.0 && true"])
def test_a_tag_that_is_none_is_refused(tmp_path: Path, tag: str) -> None:
    refused = krew(tmp_path, tag)
    assert (refused.returncode, "v1.2.3" in refused.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


def tree(directory: Path, *, changelog: str, plugin: str = VERSION) -> Path:
    """Return the program that writes the notes, in a tree of its own."""
    places = ("pyproject.toml", "charts/fairlead/Chart.yaml", "charts/fairlead-crds/Chart.yaml")
    for place in (*places, "packaging/release/notes.py"):
        (directory / place).parent.mkdir(parents=True, exist_ok=True)
        (directory / place).write_bytes((ROOT / place).read_bytes())
    (directory / "CHANGELOG.md").write_text(changelog)
    krew_plugin = directory / "packaging/krew/kubectl-fairlead"
    krew_plugin.parent.mkdir(parents=True)
    krew_plugin.write_text(f"#!/bin/sh\nversion={plugin}\n")
    return directory / "packaging/release/notes.py"


CHANGELOG = "# Changelog\n\n## 0.1.0 (2026-12-01)\n\n### Added\n\n- A gateway.\n\n## 0.0.9 (2026-11-01)\n\n- Less.\n"


def test_the_notes_are_what_the_changelog_says_of_this_version_alone(tmp_path: Path) -> None:
    told = started(sys.executable, tree(tmp_path, changelog=CHANGELOG), "v0.1.0")
    assert (told.returncode, told.stdout) == (0, "### Added\n\n- A gateway.\n")


@pytest.mark.parametrize(
    ("tag", "plugin", "changelog", "said"),
    [
        ("v0.2.0", VERSION, CHANGELOG, "pyproject.toml: names version 0.1.0, the tag 0.2.0"),
        ("v0.1.0", "0.0.9", CHANGELOG, "packaging/krew/kubectl-fairlead: names version 0.0.9, the tag 0.1.0"),
        ("v0.1.0", VERSION, "# Changelog\n", "run make changelog VERSION=0.1.0"),
    ],
    ids=["another tag", "an old plugin", "nothing said"],
)
def test_a_tree_that_is_not_ready_for_its_tag_is_refused(
    tmp_path: Path, tag: str, plugin: str, changelog: str, said: str
) -> None:
    refused = started(sys.executable, tree(tmp_path, changelog=changelog, plugin=plugin), tag)
    assert refused.returncode == 1
    assert said in refused.stderr


def test_the_places_of_the_version_agree_in_this_tree() -> None:
    """So only the changelog, which a release writes, can be what is missing."""
    told = started(sys.executable, RELEASE / "notes.py", f"v{VERSION}")
    assert "names version" not in told.stderr


def stand_in(directory: Path, name: str, script: str) -> None:
    """Put a program there that notes what it was started with, and does as the script says."""
    program = directory / name
    program.write_text(f'#!/bin/sh\necho {name} "$@" >>"$STARTED"\n{script}\n')
    program.chmod(0o755)


@pytest.fixture
def stand_ins(tmp_path: Path) -> dict[str, str]:
    """An environment with registry, signer and builder that only note what was asked of them."""
    programs = tmp_path / "programs"
    programs.mkdir()
    index = (
        '{"manifests":[{"digest":"sha256:one","platform":{"os":"linux"}},{"digest":"x","platform":{"os":"unknown"}}]}'
    )
    stand_in(programs, "helm", f'printf "Pushed: it\\nDigest: {DIGEST}\\n" >&2')
    stand_in(programs, "cosign", "")
    stand_in(programs, "docker", f"case $1 in create) echo box ;; buildx) echo '{index}' ;; esac")
    stand_in(programs, "jq", "echo sha256:one")
    return {"PATH": f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin", "STARTED": str(tmp_path / "started")}


def test_a_chart_is_signed_by_the_digest_that_was_pushed(tmp_path: Path, stand_ins: dict[str, str]) -> None:
    for name in ("fairlead-0.1.0.tgz", "fairlead-crds-0.1.0.tgz"):
        (tmp_path / name).touch()
    told = started(RELEASE / "push-charts", "helm", "ghcr.io/x", tmp_path, **stand_ins)
    assert told.returncode == 0, told.stderr
    signed = [line for line in Path(stand_ins["STARTED"]).read_text().splitlines() if line.startswith("cosign")]
    assert signed == [f"cosign sign --yes ghcr.io/x/charts/{name}@{DIGEST}" for name in ("fairlead", "fairlead-crds")]


def test_a_push_that_tells_no_digest_is_not_taken_for_one(tmp_path: Path, stand_ins: dict[str, str]) -> None:
    (tmp_path / "fairlead-0.1.0.tgz").touch()
    stand_in(tmp_path / "programs", "helm", "echo Pushed: it")
    told = started(RELEASE / "push-charts", "helm", "ghcr.io/x", tmp_path, **stand_ins)
    assert (told.returncode, "no digest" in told.stderr) == (1, True)
    assert "cosign" not in Path(stand_ins["STARTED"]).read_text()


def test_an_image_is_signed_and_its_own_sbom_attested(stand_ins: dict[str, str]) -> None:
    told = started(RELEASE / "sign-images", f"ghcr.io/x/fairlead-proxy@{DIGEST}", **stand_ins)
    assert told.returncode == 0, told.stderr
    lines = Path(stand_ins["STARTED"]).read_text().splitlines()
    assert lines[0] == f"cosign sign --yes --recursive ghcr.io/x/fairlead-proxy@{DIGEST}"
    (copied,) = [line for line in lines if line.startswith("docker cp")]
    assert "box:/opt/fairlead/share/sbom.cdx.json" in copied
    assert lines[-1].startswith("cosign attest --yes --type cyclonedx --predicate ")
    assert lines[-1].endswith(" ghcr.io/x/fairlead-proxy@sha256:one")


def test_an_image_without_a_digest_is_not_signed(stand_ins: dict[str, str]) -> None:
    told = started(RELEASE / "sign-images", "ghcr.io/x/fairlead-proxy:v0.1.0", **stand_ins)
    assert (told.returncode, "names no digest" in told.stderr) == (2, True)
    assert not Path(stand_ins["STARTED"]).exists()
