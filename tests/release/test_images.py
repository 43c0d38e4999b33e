"""The Containerfiles: what runs is no shell and no root, nothing unhashed is installed, and the base can be pinned."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from release.containerfile import CONTAINERFILES, ROOT, Containerfile, exec_form, read_containerfile

PINNED = re.compile(r"[a-z0-9.-]+/[a-z0-9./_-]+:[\w.-]+(@sha256:[0-9a-f]{64})?")
ALLOWED_IN_FINAL = {"COPY", "ENV", "USER", "ENTRYPOINT", "CMD"}
REQUIRE_PGO = ROOT / "images" / "require_pgo.py"


@pytest.fixture(params=CONTAINERFILES, ids=lambda path: path.stem)
def containerfile(request: pytest.FixtureRequest) -> Containerfile:
    return read_containerfile(request.param)


def test_both_images_are_looked_at() -> None:
    assert [path.stem for path in CONTAINERFILES] == ["operator", "proxy"]


def test_what_starts_is_named_word_by_word_so_that_no_shell_is_asked(containerfile: Containerfile) -> None:
    for instruction in ("ENTRYPOINT", "CMD"):
        (told,) = containerfile.final.all(instruction)
        words = exec_form(told)
        assert words, told
        assert not any(word.endswith(("/sh", "/bash")) for word in words)


def test_the_user_is_a_number_and_not_root(containerfile: Containerfile) -> None:
    """A number: the kubelet cannot tell of a name whether it is root, and refuses it under runAsNonRoot."""
    (user,) = containerfile.final.all("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_the_image_that_ships_is_only_copied_together(containerfile: Containerfile) -> None:
    """Nothing runs in it while it is built, neither as root nor after: no tool of a stage before can stay."""
    assert {instruction for instruction, _ in containerfile.final.steps} <= ALLOWED_IN_FINAL
    assert all(told.startswith("--from=") for told in containerfile.final.all("COPY"))


def test_every_base_is_the_one_that_can_be_pinned_by_digest(containerfile: Containerfile) -> None:
    assert list(containerfile.arguments) == ["BASE"]
    assert PINNED.fullmatch(containerfile.arguments["BASE"])
    known = {"${BASE}"}
    for stage in containerfile.stages:
        assert stage.base in known
        known.add(stage.name)


def test_what_is_installed_is_installed_by_hash_or_is_the_wheel_that_was_built_here(
    containerfile: Containerfile,
) -> None:
    installs = [command for command in containerfile.commands() if re.search(r"\bpip\b.* install\b", command)]
    assert len(installs) >= 3
    for command in installs:
        hashed = "--require-hashes" in command and re.fullmatch(r".* install( --\S+)*( -r requirements/\S+)+", command)
        built = command.endswith("--no-index --no-deps /wheel/*.whl")
        assert bool(hashed) != built, command


def test_nothing_else_fetches_anything_but_the_compiler_of_a_base_without_one(containerfile: Containerfile) -> None:
    fetching = re.compile(r"\b(curl|wget|git|npm|go|uv|easy_install|apt-get|apk|dnf)\b")
    found = [command for command in containerfile.commands() if fetching.search(command)]
    assert [command.removeprefix("then ").split()[:2] for command in found] in (
        [],
        [["apt-get", "update"], ["apt-get", "install"]],
    )
    assert all(stage.all("ADD") == [] for stage in containerfile.stages)


def test_a_python_without_profile_guided_optimisation_is_asked_about(containerfile: Containerfile) -> None:
    first = containerfile.stages[0]
    assert first.all("RUN")[0] == '[ "${ANY_PYTHON}" = 1 ] || python3 images/require_pgo.py'
    assert "ANY_PYTHON=0" in first.all("ARG")


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ("'--enable-shared' '--enable-optimizations' '--with-lto'", 0, ""),
        ("'--enable-shared'", 1, "--build-arg ANY_PYTHON=1"),
        (None, 1, "--build-arg ANY_PYTHON=1"),
    ],
    ids=["official", "plain", "silent"],
)
def test_a_base_is_judged_by_how_its_python_says_it_was_built(
    tmp_path: Path, options: str | None, status: int, said: str
) -> None:
    """The variable by which Python itself finds its account of its build names one of ours."""
    told = {} if options is None else {"CONFIG_ARGS": options}
    (tmp_path / "built.py").write_text(f"build_time_vars = {told!r}\n")
    environ = os.environ | {"PYTHONPATH": str(tmp_path), "_PYTHON_SYSCONFIGDATA_NAME": "built"}
    ran = subprocess.run([sys.executable, REQUIRE_PGO], env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == status, ran.stderr
    assert said in ran.stderr
