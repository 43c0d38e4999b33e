"""The layers of our test images, made from this machine: its Python, the packages of its environment, the source tree.

Nothing is downloaded: a node can be tried where no registry is. What ships is built from `images/*.Containerfile`.
"""

import compileall
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PACKAGES = "opt/fairlead"
"""Where packages lie in an image, to be named by PYTHONPATH."""
_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
PYTHON = f"/usr/local/bin/{_VERSION}"
_UNNEEDED = shutil.ignore_patterns(
    "test",
    "tests",
    "idlelib",
    "turtledemo",
    "tkinter",
    "ensurepip",
    "lib2to3",
    "config-*",
    "site-packages",
    "_tkinter*",
    "*.a",
)
_PASSWD = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"
_LIBRARY_PATH = re.compile(r"(/\S+) \(0x")


@contextmanager
def staged(archive: Path) -> Iterator[Path]:
    """Give an empty directory, and write what was put there as the layer."""
    with tempfile.TemporaryDirectory() as scratch:
        stage = Path(scratch, "stage")
        stage.mkdir()
        yield stage
        with tarfile.open(archive, "w") as tar:
            for path in sorted(stage.rglob("*")):
                tar.add(path, path.relative_to(stage).as_posix(), recursive=False, filter=_anonymous)


def interpreter_layer(archive: Path) -> None:
    """Write this machine's Python, moved to /usr/local, with every shared library that it and its extensions load."""
    with staged(archive) as stage:
        base = Path(sys.base_prefix)
        program = stage / PYTHON.lstrip("/")
        program.parent.mkdir(parents=True)
        shutil.copy2(base / "bin" / _VERSION, program)
        (program.parent / "python3").symlink_to(_VERSION)
        library = stage / "usr" / "local" / "lib" / _VERSION
        shutil.copytree(sysconfig.get_path("stdlib"), library, ignore=_UNNEEDED, symlinks=True)
        _copy_libraries(stage, _loaded([program, *library.rglob("*.so")]))
        _write(stage / "etc" / "passwd", _PASSWD)
        _write(stage / "etc" / "group", "root:x:0:\nnonroot:x:65532:\n")
        _write(stage / "etc" / "nsswitch.conf", "hosts: files dns\n")
        (stage / "tmp").mkdir(mode=0o1777)
        (stage / "tmp").chmod(0o1777)


def packages_layer(archive: Path, *, extra: str = "", without: str | None = None) -> None:
    """Write the packages that fairlead, with an extra, needs; leaving out those of another extra's layer below."""
    names = closure(extra) - (closure(without) if without is not None else set())
    with staged(archive) as stage:
        target = stage / PACKAGES
        target.mkdir(parents=True)
        for name in sorted(names):
            _copy_distribution(metadata.distribution(name), target)
        _compile(target)
        _copy_libraries(stage, _loaded(target.rglob("*.so")))


def sources_layer(archive: Path, *packages: Path, program: str = "") -> None:
    """Write packages of the source tree as they are now, and one of the programs that the project's metadata names."""
    with staged(archive) as stage:
        for package in packages:
            shutil.copytree(package, stage / PACKAGES / package.name, ignore=shutil.ignore_patterns("__pycache__"))
        distribution = metadata.distribution("fairlead")
        record = stage / PACKAGES / f"fairlead-{distribution.version}.dist-info" / "METADATA"
        _write(record, f"Metadata-Version: 2.1\nName: fairlead\nVersion: {distribution.version}\n")
        _compile(stage / PACKAGES)
        if program:
            (entry,) = metadata.entry_points(group="console_scripts", name=program)
            start = (stage / PYTHON.lstrip("/")).with_name(program)
            _write(
                start, f"#!{PYTHON}\nimport sys\nfrom {entry.module} import {entry.attr}\nsys.exit({entry.attr}())\n"
            )
            start.chmod(0o755)


def program_layer(archive: Path, program: Path) -> None:
    """Write one statically linked program at the root."""
    with staged(archive) as stage:
        shutil.copy2(program, stage / program.name)


def write_programs(stage: Path, *names: str) -> None:
    """Put programs of this machine, with the libraries they load, into a layer's `/bin`."""
    directory = stage / "bin"
    directory.mkdir(exist_ok=True)
    for name in names:
        found = shutil.which(name)
        if found is None:
            raise RuntimeError(f"this machine has no {name}")
        shutil.copy2(Path(found).resolve(), directory / name)
        _copy_libraries(stage, _loaded([Path(found).resolve()]))


def write_libraries(stage: Path, extra: str) -> None:
    """Put the shared libraries that the packages which fairlead with this extra needs load into a layer."""
    distributions = [metadata.distribution(name) for name in closure(extra)]
    files = [each.locate_file(file) for each in distributions for file in each.files or [] if file.suffix == ".so"]
    _copy_libraries(stage, _loaded(Path(str(file)) for file in files))


def closure(extra: str) -> set[str]:
    """Return the names of all distributions that fairlead with this extra needs, itself left out."""
    found: set[str] = set()
    wanted = [("fairlead", extra)]
    while wanted:
        name, chosen = wanted.pop()
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": chosen})
            needed = canonicalize_name(requirement.name)
            if applies and needed not in found:
                found.add(needed)
                wanted += [(needed, each) for each in (requirement.extras or {""})]
    return found - {"fairlead"}  # one extra of its own may ask for another


def _copy_distribution(distribution: metadata.Distribution, target: Path) -> None:
    for file in distribution.files or []:
        if not (file.parts[0] == ".." or "__pycache__" in file.parts):
            there = target / Path(*file.parts)
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(Path(str(distribution.locate_file(file))), there)


def _compile(directory: Path) -> None:
    """Compile ahead, as a read-only image cannot: an interpreter that compiles at each start is seconds late."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(directory, quiet=1, invalidation_mode=mode):
        raise RuntimeError(f"not everything in {directory} compiles")


def _loaded(programs: Iterable[Path]) -> set[Path]:
    """Return the shared libraries that these programs load, as the dynamic linker finds them here."""
    found: set[Path] = set()
    for program in programs:
        listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
        found |= {Path(path) for path in _LIBRARY_PATH.findall(listed)}
    return found


def _copy_libraries(stage: Path, libraries: set[Path]) -> None:
    """Put libraries where the linker of the image looks, and its own program where every program names it."""
    for library in libraries:
        own = "/ld-linux" in str(library)
        there = stage / "lib64" / library.name if own else stage / "usr" / "local" / "lib" / library.name
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(library.resolve(), there)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
