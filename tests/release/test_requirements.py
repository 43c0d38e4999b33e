"""What is installed is locked: every requirement by version and hash, from an index, and as the lock has it."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from architecture.generated import REQUIREMENTS
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "requirements").glob("*.txt"))
UV = Path(sys.executable).parent / "uv"
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def entries(path: Path) -> Iterator[tuple[Requirement, list[str]]]:
    """Yield each requirement with its options."""
    text = re.sub(r"\\\n\s*", "", path.read_text())
    for line in text.splitlines():
        if line and not line.startswith("#"):
            named, *options = re.split(r"\s+(?=--)", line)
            yield Requirement(named), options


@pytest.fixture(scope="module")
def locked() -> Mapping[str, list[Mapping[str, Any]]]:
    """The packages of the lock, by name: one may stand there in several versions."""
    packages: dict[str, list[Mapping[str, Any]]] = {}
    for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]:
        packages.setdefault(package["name"], []).append(package)
    return packages


def test_every_file_of_requirements_is_made_from_the_lock() -> None:
    """That each equals what the lock says is shown by tests/architecture/test_generated.py."""
    assert [f"requirements/{path.name}" for path in FILES] == sorted(REQUIREMENTS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_requirement_names_one_version_and_nothing_but_hashes(path: Path) -> None:
    found = list(entries(path))
    assert len(found) > 10
    for requirement, options in found:
        assert requirement.url is None, f"{requirement}: from an address, not from an index"
        assert [each.operator for each in requirement.specifier] == ["=="], requirement
        assert "*" not in str(requirement.specifier)
        assert options, f"{requirement}: no hash"
        assert all(HASH.fullmatch(option) for option in options), requirement


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_hash_is_one_that_the_lock_has_for_that_version(
    path: Path, locked: Mapping[str, list[Mapping[str, Any]]]
) -> None:
    for requirement, options in entries(path):
        (pinned,) = requirement.specifier
        (package,) = [each for each in locked[canonicalize_name(requirement.name)] if each["version"] == pinned.version]
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert {option.removeprefix("--hash=") for option in options} <= {file["hash"] for file in files}


def test_the_lock_takes_everything_but_ourselves_from_an_index(
    locked: Mapping[str, list[Mapping[str, Any]]],
) -> None:
    sources = {name: [set(each["source"]) for each in packages] for name, packages in locked.items()}
    assert sources.pop("fairlead") == [{"editable"}]
    assert {kind for kinds in sources.values() for each in kinds for kind in each} == {"registry"}


def test_the_lock_fits_what_the_project_asks_for() -> None:
    """Only a lock that is out of date makes uv look anything up; and that it may not do here."""
    command = [str(UV), "lock", "--check", "--offline", "--no-cache"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("name", ["operator", "proxy"])
def test_what_an_image_runs_on_holds_nothing_that_builds_or_tests(name: str) -> None:
    names = {requirement.name for requirement, _ in entries(ROOT / "requirements" / f"{name}.txt")}
    assert not names & {"hatchling", "editables", "mypy", "setuptools", "pip", "wheel", "pytest", "cyclonedx-bom"}


def test_a_line_without_a_hash_and_one_from_an_address_are_found(tmp_path: Path) -> None:
    file = tmp_path / "bad.txt"
    file.write_text(
        f"a==1 \\\n    --hash=sha256:{'0' * 64}\nb==2\nc @ git+https://example.com/c ; python_version > '3'\n"
    )
    (_, hashed), (_, bare), (linked, _) = entries(file)
    assert (len(hashed), bare, linked.url) == (1, [], "git+https://example.com/c")
