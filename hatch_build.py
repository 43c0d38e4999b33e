"""Compiles the proxy's hot path to C where FAIRLEAD_COMPILED=1 asks for it; else a wheel holds plain Python alone."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_SETUP = """
from mypyc.build import mypycify
from setuptools import setup

setup(name="compiled", packages=[], ext_modules=mypycify({arguments!r}, opt_level="3", group_name="fairlead"))
"""


class CustomBuildHook(BuildHookInterface[Any]):
    """`modules`, in pyproject.toml, are what is compiled, as paths below `proxy/`; nothing is written there."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the compiled modules to the wheel, beside their sources, which stay for tracebacks and for reading."""
        if self.target_name != "wheel" or version == "editable" or os.environ.get("FAIRLEAD_COMPILED") != "1":
            return
        missing = _missing()
        if missing:
            sys.exit(
                f"FAIRLEAD_COMPILED=1 needs {' and '.join(missing)}; "
                "on Debian: apt-get install gcc libc6-dev, and python3-dev for Debian's own Python"
            )
        # Kept until the process ends: the wheel is written after this returns.
        self._directory = tempfile.TemporaryDirectory(prefix="fairlead-compiled-")
        built = Path(self._directory.name)
        sources = Path(self.root) / "proxy"
        setup = built / "setup.py"
        arguments = ["--config-file=", "--ignore-missing-imports", *self.config["modules"]]
        setup.write_text(_SETUP.format(arguments=arguments))
        command = [sys.executable, str(setup), "build_ext", "--build-lib", str(built / "lib")]
        command += ["--build-temp", str(built / "temp")]
        # mypyc keeps its C files in `build` below the working directory, and finds the sources from there.
        (built / "fairlead_proxy").symlink_to(sources / "fairlead_proxy")
        subprocess.run(command, cwd=built, check=True)  # noqa: S603 (our own words)
        for extension in (built / "lib").rglob("*.so"):
            build_data["force_include"][str(extension)] = str(extension.relative_to(built / "lib"))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def _missing() -> list[str]:
    """Return what is not there of what C is compiled with: the compiler that setuptools calls, Python's headers."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    header = Path(sysconfig.get_path("include"), "Python.h")
    return [what for what, there in ((compiler, shutil.which(compiler)), (str(header), header.exists())) if not there]
