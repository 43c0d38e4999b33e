"""An SBOM names what is installed, no more and no less; it is valid, and the same bytes each time."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name
from release.containerfile import CONTAINERFILES, ROOT, read_containerfile

SBOM = ROOT / "packaging" / "release" / "sbom"
BUILD_SBOMS = ROOT / "packaging" / "release" / "build-sboms"
LISTED = """
import importlib.metadata as m, json
print(json.dumps([[each.metadata["Name"], each.version] for each in m.distributions()]))
"""
INSTALLATIONS = {
    "operator": "requirements/operator.txt",
    "proxy": "requirements/proxy.txt",
    "fairlead": "requirements/run.txt",
}
"""What is released, with what it is installed from."""
OURS = ("fairlead", tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
Installed = set[tuple[str, str]]


@dataclass(frozen=True)
class Environment:
    """A Python with what an installation and the wheel put there, made past the scripts of the release."""

    name: str
    python: Path

    def installed(self) -> Installed:
        """Return what this Python itself finds, but for the project, which is what the SBOM is of."""
        told = subprocess.run([self.python, "-I", "-c", LISTED], capture_output=True, text=True, check=True).stdout
        return {(str(canonicalize_name(name)), version) for name, version in json.loads(told)} - {OURS}

    def described(self, out: Path) -> bytes:
        ran = subprocess.run(
            [str(SBOM), sys.executable, str(self.python), str(out)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return out.read_bytes()


@pytest.fixture(scope="module")
def released(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the one command has written the SBOMs of all that is released."""
    directory = tmp_path_factory.mktemp("sboms")
    command = [str(BUILD_SBOMS), sys.executable, str(wheel), str(directory)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return directory


@pytest.fixture(scope="module", params=INSTALLATIONS)
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Environment:
    directory = tmp_path_factory.mktemp(request.param)
    python = directory / "bin" / "python"
    install = [sys.executable, "-m", "uv", "--quiet", "pip", "install", "--python", str(python)]
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", str(directory)],
        [*install, "--require-hashes", "-r", str(ROOT / INSTALLATIONS[request.param])],
        [*install, "--no-index", "--no-deps", str(wheel)],
    ):
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
    return Environment(request.param, python)


@pytest.fixture
def sbom(environment: Environment, released: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads((released / f"{environment.name}.cdx.json").read_bytes())
    return content


def named(sbom: Mapping[str, Any]) -> Installed:
    return {(canonicalize_name(each["name"]), each["version"]) for each in sbom["components"]}


def test_one_command_writes_those_of_all_that_is_released(released: Path) -> None:
    assert {path.name for path in released.iterdir()} == {f"{name}.cdx.json" for name in INSTALLATIONS}


def test_it_names_what_is_installed_and_nothing_else(environment: Environment, sbom: Mapping[str, Any]) -> None:
    installed = environment.installed()
    assert len(installed) > 20
    assert named(sbom) == installed
    assert len(sbom["components"]) == len(installed)
    root = sbom["metadata"]["component"]
    assert (root["name"], root["version"]) == OURS


def test_every_component_can_be_looked_up_by_its_package_url(sbom: Mapping[str, Any]) -> None:
    for each in sbom["components"]:
        assert each["purl"].startswith(f"pkg:pypi/{canonicalize_name(each['name'])}@{each['version']}"), each


def test_it_is_valid_by_the_strict_schema(sbom: Mapping[str, Any]) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(sbom)) is None
    broken = {**sbom, "components": [{"type": "library"}]}
    assert validator.validate_str(json.dumps(broken)) is not None


def test_it_is_the_same_bytes_wherever_and_whenever_it_is_made(
    environment: Environment, released: Path, tmp_path: Path
) -> None:
    again = environment.described(tmp_path / "sbom.cdx.json")
    assert again == (released / f"{environment.name}.cdx.json").read_bytes()
    content = json.loads(again)
    assert "serialNumber" not in content
    assert "timestamp" not in content["metadata"]
    assert b"file://" not in again


def test_the_tool_itself_is_in_no_image(environment: Environment) -> None:
    """The standalone run's environment alone holds what builds: pip installs the project into it from its sources."""
    tools = {name for name, _ in environment.installed()} & {"cyclonedx-bom", "cyclonedx-python-lib", "hatchling"}
    assert tools == ({"hatchling"} if environment.name == "fairlead" else set())


def test_what_is_installed_beside_the_lock_shows(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    bare = Environment("bare", tmp_path / "bare" / "bin" / "python")
    (packages,) = (tmp_path / "bare").glob("lib/python3*/site-packages")
    record = packages / "stowaway-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: stowaway\nVersion: 1.0\n")
    assert named(json.loads(bare.described(tmp_path / "sbom.cdx.json"))) == {("stowaway", "1.0")}


@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.stem)
def test_an_image_holds_that_of_itself(path: Path) -> None:
    """Made by the same script in a stage of its own, which leaves nothing else behind."""
    containerfile = read_containerfile(path)
    (stage,) = (each for each in containerfile.stages if each.name == "sbom")
    assert stage.all("RUN")[-1] == "sh ./sbom /opt/build/bin/python3 /opt/fairlead/bin/python3 sbom.cdx.json"
    copied = [told for told in containerfile.final.all("COPY") if "--from=sbom" in told]
    assert copied == ["--from=sbom /src/sbom.cdx.json /opt/fairlead/share/sbom.cdx.json"]
