"""The real Helm, as tests call it."""

import subprocess
from pathlib import Path


class HelmFailed(Exception):
    """Helm ended with an error; the text is what it wrote to stderr."""


class Helm:
    """Runs Helm as one user, against one API server, with no repositories and nothing of the user's own settings."""

    def __init__(self, program: Path, kubeconfig: Path) -> None:
        self._program = program
        self._kubeconfig = kubeconfig

    def __call__(self, *arguments: str, timeout_seconds: float = 180.0) -> str:
        """Return what it writes to stdout; raise HelmFailed when it ends with an error."""
        finished = subprocess.run(
            [str(self._program), "--kubeconfig", str(self._kubeconfig), *arguments],
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            env={"HOME": str(self._kubeconfig.parent), "PATH": "/usr/bin:/bin"},
            check=False,
        )
        if finished.returncode != 0:
            raise HelmFailed(finished.stderr.strip() or finished.stdout.strip())
        return finished.stdout
