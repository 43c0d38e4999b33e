"""The workflows for a public forge: valid, pinned, of least privilege, and every step that can run here does."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from release.containerfile import ROOT

FORGE = ROOT / ".github"
WORKFLOWS = sorted((FORGE / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+")


def steps(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each step with the name of its job."""
    for job, content in yaml.safe_load(path.read_text())["jobs"].items():
        for step in content["steps"]:
            yield job, step


def checked(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True, check=False)


def zizmor(path: Path) -> subprocess.CompletedProcess[str]:
    return checked(BIN / "zizmor", "--offline", "--no-config", "--persona", "auditor", path)


def test_the_linter_finds_nothing_even_as_an_auditor() -> None:
    told = zizmor(FORGE)
    assert told.returncode == 0, told.stdout
    assert "No findings" in told.stdout + told.stderr


def test_the_linter_finds_a_script_that_a_stranger_may_write_into(tmp_path: Path) -> None:
    text = (FORGE / "workflows" / "ci.yml").read_text()
    bad = text.replace('run: sudo env "PATH=$PATH" .ci/run', 'run: echo "${{ github.event.pull_request.title }}"')
    assert bad != text
    planted = tmp_path / ".github" / "workflows" / "ci.yml"
    planted.parent.mkdir(parents=True)
    planted.write_text(bad)
    told = zizmor(planted)
    assert told.returncode != 0
    assert "template-injection" in told.stdout


@pytest.mark.parametrize(
    ("schema", "paths"),
    [("vendor.github-workflows", WORKFLOWS), ("vendor.dependabot", [FORGE / "dependabot.yml"])],
    ids=["workflows", "dependabot"],
)
def test_each_file_is_valid_by_the_forges_schema(schema: str, paths: list[Path]) -> None:
    told = checked(BIN / "check-jsonschema", "--builtin-schema", schema, *paths)
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_its_commit_with_the_version_beside_it(path: Path) -> None:
    uses = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert uses
    assert [line for line in uses if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_script_holds_an_expression(path: Path) -> None:
    """Whatever stands in one is pasted into the script before a shell reads it: values come in by the environment."""
    scripts = [step["run"] for _, step in steps(path) if "run" in step]
    assert scripts
    assert [script for script in scripts if "${{" in script] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_nothing_and_each_job_what_it_names(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    assert content["permissions"] == {}
    assert all("permissions" in job and "timeout-minutes" in job for job in content["jobs"].values())


def test_only_the_jobs_that_publish_may_write_or_be_known_by_name() -> None:
    jobs = yaml.safe_load((FORGE / "workflows" / "release.yml").read_text())["jobs"]
    rights = {
        name: {right for right, kind in job["permissions"].items() if kind == "write"} for name, job in jobs.items()
    }
    assert rights == {
        "lanes": set(),
        "distributions": set(),
        "images": {"packages", "id-token", "attestations"},
        "charts": {"packages", "id-token", "attestations"},
        "pypi": {"id-token"},
        "forge": {"contents", "id-token", "attestations"},
    }


def test_nothing_is_built_before_every_lane_has_passed_and_nothing_is_announced_before_it_is_published() -> None:
    jobs = yaml.safe_load((FORGE / "workflows" / "release.yml").read_text())["jobs"]

    def before(name: str) -> set[str]:
        needs = jobs[name].get("needs", [])
        direct = {needs} if isinstance(needs, str) else set(needs)
        return direct.union(*(before(each) for each in direct))

    assert {name: before(name) for name in jobs} == {
        "lanes": set(),
        "distributions": {"lanes"},
        "images": {"lanes"},
        "charts": {"lanes", "distributions", "images"},
        "pypi": {"lanes", "distributions", "images", "charts"},
        "forge": {"lanes", "distributions", "images", "charts", "pypi"},
    }
    assert any(".ci/run" in step.get("run", "") for _, step in steps(FORGE / "workflows" / "release.yml"))


def test_a_release_is_made_by_a_tag_of_a_version_and_by_nothing_else() -> None:
    content = yaml.safe_load((FORGE / "workflows" / "release.yml").read_text())
    assert content[True] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}, "YAML 1.1 reads the key `on` as true"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_program_of_the_tree_that_a_step_starts_is_there(path: Path) -> None:
    scripts = "\n".join(step.get("run", "") for _, step in steps(path))
    named = set(re.findall(r"(?:packaging/release/|\.ci/)[\w.-]+", scripts))
    assert named
    for each in named:
        program = ROOT / each
        assert program.is_file(), each
        assert program.suffix == ".py" or program.stat().st_mode & 0o111, f"{each}: cannot be started"


def test_every_program_of_a_release_is_used_by_its_workflow_or_by_another_of_them() -> None:
    """A script that nothing starts would rot."""
    programs = [path for path in (ROOT / "packaging" / "release").iterdir() if path.is_file()]
    readers = [*WORKFLOWS, *programs, *(ROOT / "images").iterdir()]
    texts = {path: path.read_text() for path in readers if path.is_file()}
    for program in programs:
        # By its own path, or as a neighbour.
        calls = (f"packaging/release/{program.name}", f'$here/{program.name}"')
        assert any(call in text for path, text in texts.items() for call in calls if path != program), program.name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_script_is_one_that_a_shell_can_read(path: Path) -> None:
    for _, step in steps(path):
        told = subprocess.run(["bash", "-n"], input=step.get("run", ""), capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr


def test_what_the_platforms_of_an_image_are() -> None:
    built = [
        step["with"] for _, step in steps(FORGE / "workflows" / "release.yml") if "build-push" in step.get("uses", "")
    ]
    assert [each["file"] for each in built] == ["images/operator.Containerfile", "images/proxy.Containerfile"]
    for each in built:
        assert each["platforms"] == "linux/amd64,linux/arm64"
        assert each["build-args"] == "BASE=${{ steps.base.outputs.image }}"
        assert each["provenance"] == "mode=max"
        assert each["tags"].endswith(":${{ steps.base.outputs.version }}"), "as charts name it where no digest is given"
