"""Builds and installs what is measured and what measures, once, into the cache; versions and hashes are pinned."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from fairlead_bench.places import BENCH, ROOT, cache_directory

REQUIREMENTS = BENCH / "requirements"
DEBIAN_PYTHON = "/usr/bin/python3"
OLDEST_PYTHON = (3, 11)
INSTALL_SECONDS = 900


class NotInstalled(Exception):
    """A program that could not be built or installed here; the message says why, in one line."""


def interpreter() -> str:
    """Return the Python that runs every Python target: FAIRLEAD_BENCH_PYTHON, or the system's, or our own.

    The system's is preferred because distributions build theirs with profile-guided and link-time optimisation.
    """
    chosen = os.environ.get("FAIRLEAD_BENCH_PYTHON")
    if chosen:
        return chosen
    if Path(DEBIAN_PYTHON).exists() and _version_of(DEBIAN_PYTHON) >= OLDEST_PYTHON:
        return DEBIAN_PYTHON
    return sys.executable


def go_programs() -> Path:
    """Build the mock, the generator and the gauge; return the directory that holds them."""
    sources = sorted((BENCH / "load").glob("**/*.go"))
    target = cache_directory("go-" + _digest(*sources, BENCH / "load" / "go.mod"))
    if not (target / "mock").exists():
        _run(["go", "build", "-o", str(target), "./cmd/..."], cwd=BENCH / "load")
    return target


def python_environment(*requirements: Path, wheel: Path | None = None) -> Path:
    """Return the bin directory of an environment that holds these requirements, and this wheel."""
    python = interpreter()
    digest = _digest(*requirements, extra=f"{python}{_version_of(python)}{wheel or ''}")
    directory = cache_directory() / f"{requirements[0].stem}-{digest}"
    if (directory / "complete").exists():
        return directory / "bin"
    shutil.rmtree(directory, ignore_errors=True)
    _run([python, "-m", "venv", "--without-pip", str(directory)])
    install = [_uv(), "pip", "install", "--quiet", "--python", str(directory / "bin" / "python")]
    for each in requirements:
        _run([*install, "--require-hashes", "-r", str(each)])
    if wheel is not None:
        _run([*install, "--no-deps", str(wheel)])
    (directory / "complete").touch()
    return directory / "bin"


def compiled_wheel() -> Path:
    """Return a wheel of this tree as images hold it: with the hot path compiled, for the targets' interpreter."""
    sources = [path for house in ("proxy", "ledger", "operator") for path in sorted((ROOT / house).glob("**/*.py"))]
    python = interpreter()
    digest = _digest(*sources, ROOT / "pyproject.toml", ROOT / "hatch_build.py", extra=f"{python}{_version_of(python)}")
    directory = cache_directory(f"wheel-{digest}")
    if not any(directory.glob("*.whl")):
        tools = python_environment(ROOT / "requirements" / "compile.txt", ROOT / "requirements" / "run.txt")
        build = [_uv(), "build", "--quiet", "--wheel", "--no-build-isolation", "--out-dir", str(directory)]
        environ = os.environ | {"FAIRLEAD_COMPILED": "1", "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
        _run([*build, "--python", str(tools / "python"), str(ROOT)], environ=environ)
    return next(directory.glob("*.whl"))


def node_packages(lock: Path) -> Path:
    """Return the node_modules that this lock file describes."""
    directory = cache_directory("node-" + _digest(lock, lock.with_name("package.json")))
    if not (directory / "complete").exists():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(lock.with_name(name), directory)
        _run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=directory)
        (directory / "complete").touch()
    return directory / "node_modules"


def revision() -> str:
    """Return which commit of this project is measured, and whether anything differs from it."""
    try:
        return _output(["git", "-C", str(ROOT), "describe", "--always", "--dirty=, changed"]).strip()
    except (OSError, subprocess.CalledProcessError):
        return "an unknown revision"


def interpreter_facts() -> str:
    """Return what the Python of the targets is, with how it says that it was built."""
    script = (
        "import json, platform as p, sysconfig as s;"
        "print(json.dumps([p.python_version(), p.python_compiler(), s.get_config_var('CONFIG_ARGS') or '']))"
    )
    python = interpreter()
    version, compiler, arguments = json.loads(_output([python, "-c", script]))
    optimised = [word for word in ("--enable-optimizations", "--with-lto") if word in arguments]
    if optimised:
        return f"CPython {version} ({compiler}), built with {' '.join(optimised)}"
    if python == DEBIAN_PYTHON:
        return f"CPython {version} ({compiler}), the distribution's build (Debian's has PGO and LTO without saying so)"
    return f"CPython {version} ({compiler}), built with neither --enable-optimizations nor --with-lto"


def _version_of(python: str) -> tuple[int, int]:
    major, minor = json.loads(_output([python, "-c", "import sys; print(list(sys.version_info[:2]))"]))
    return int(major), int(minor)


def _digest(*files: Path, extra: str = "") -> str:
    digest = hashlib.sha256(extra.encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise NotInstalled("uv was not found: run ./test once, it makes the environment that holds it")
    return found


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _run(command: Sequence[str], cwd: Path | None = None, environ: Mapping[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"{command[0]}: {error}") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no word why").splitlines()[-1]
        raise NotInstalled(f"{Path(command[0]).name} failed: {last}")
