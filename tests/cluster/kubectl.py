"""The real kubectl, as tests call it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml


class KubectlFailed(Exception):
    """kubectl ended with an error; the text is what it wrote to stderr."""


class Kubectl:
    """Runs kubectl as one user, against one API server."""

    def __init__(self, program: Path, kubeconfig: Path) -> None:
        self.program = program
        self.kubeconfig = kubeconfig

    def __call__(self, *arguments: str, stdin: str = "", timeout_seconds: float = 60.0) -> str:
        """Return what it writes to stdout; raise KubectlFailed when it ends with an error."""
        finished = subprocess.run(
            [str(self.program), "--kubeconfig", str(self.kubeconfig), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            # A home of its own keeps its discovery cache apart from other API servers' at the same port.
            env={"HOME": str(self.kubeconfig.parent), "PATH": "/usr/bin:/bin"},
            check=False,
        )
        if finished.returncode != 0:
            raise KubectlFailed(finished.stderr.strip() or finished.stdout.strip())
        return finished.stdout

    def read(self, *arguments: str) -> Any:
        """Return the object that a command such as `get` prints."""
        return json.loads(self(*arguments, "-o", "json"))

    def apply(self, *objects: Any, server_side: bool = False) -> None:
        """Apply these objects, each a mapping or YAML text."""
        texts = [each if isinstance(each, str) else yaml.safe_dump(each) for each in objects]
        flags = ["--server-side"] if server_side else []
        self("apply", *flags, "-f", "-", stdin="\n---\n".join(texts))

    def refusal(self, *arguments: str, stdin: str = "") -> str:
        """Return the error of a command that must be refused; raise AssertionError when it is not."""
        try:
            output = self(*arguments, stdin=stdin)
        except KubectlFailed as error:
            return str(error)
        raise AssertionError(f"kubectl {' '.join(arguments)} was not refused: {output}")
