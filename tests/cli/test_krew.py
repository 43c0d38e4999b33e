"""The krew manifest and the plugin that it installs: by krew's rules, and at the version of the project."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
KREW = ROOT / "packaging" / "krew"
PLUGIN = KREW / "kubectl-fairlead"
ARCHIVE = re.compile(r"""\{\{addURIAndSha "(?P<address>.+)" \.TagName \}\}""")


@pytest.fixture
def manifest() -> dict[str, Any]:
    """The manifest as a release fills it in."""
    filled = ARCHIVE.sub(
        lambda found: f"uri: {found['address']}\n    sha256: {'0' * 64}", (KREW / "fairlead.yaml").read_text()
    )
    content: dict[str, Any] = yaml.safe_load(filled.replace("{{ .TagName }}", "v0.1.0"))
    return content


def run(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the plugin with only these programs on the PATH."""
    environ = {"PATH": f"{path}{os.pathsep}/usr/bin{os.pathsep}/bin"}
    return subprocess.run(
        [str(PLUGIN), *arguments], capture_output=True, text=True, env=environ, timeout=20, check=False
    )


def program(directory: Path, name: str) -> None:
    """Put a program there that prints its name and what it was given."""
    file = directory / name
    file.write_text(f'#!/bin/sh\necho {name} "$@"\n')
    file.chmod(0o755)


def test_the_manifest_has_what_krew_demands(manifest: dict[str, Any]) -> None:
    assert manifest["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2"
    assert (manifest["kind"], manifest["metadata"]["name"]) == ("Plugin", "fairlead")
    spec = manifest["spec"]
    assert re.fullmatch(r"v\d+\.\d+\.\d+", spec["version"])
    assert len(spec["shortDescription"]) <= 50
    [platform] = spec["platforms"]
    assert platform["uri"].endswith("/v0.1.0/kubectl-fairlead.tar.gz")
    assert platform["bin"] in [file["from"] for file in platform["files"]]
    assert (KREW / platform["bin"]).stat().st_mode & 0o111


def test_the_plugin_is_of_the_projects_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"\nversion={project['version']}\n" in PLUGIN.read_text()


def test_the_fairlead_that_is_installed_is_run_with_everything_it_was_given(tmp_path: Path) -> None:
    for name in ("fairlead", "uvx"):
        program(tmp_path, name)
    assert run(tmp_path, "top", "teams", "-A").stdout == "fairlead top teams -A\n"


@pytest.mark.parametrize(
    ("runner", "said"),
    [
        ("uvx", "uvx --from fairlead==0.1.0 fairlead status"),
        ("pipx", "pipx run --spec fairlead==0.1.0 fairlead status"),
    ],
)
def test_without_one_a_runner_of_python_programs_is_asked(tmp_path: Path, runner: str, said: str) -> None:
    program(tmp_path, runner)
    assert run(tmp_path, "status").stdout == f"{said}\n"


def test_without_any_the_remedy_is_named(tmp_path: Path) -> None:
    ran = run(tmp_path, "status")
    assert (ran.returncode, "pip install fairlead==0.1.0" in ran.stderr) == (2, True)
