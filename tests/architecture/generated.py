"""Every generated file of the repository with what it must contain; run with --write to bring them up to date."""

import subprocess
import sys
from pathlib import Path

from architecture.argocd import argocd_files
from architecture.charts import chart_files
from architecture.dashboards import dashboard_files
from architecture.translation import translation_page

from fairlead_operator.resources.reference import reference_page
from fairlead_operator.resources.schema import crd_files

ROOT = Path(__file__).resolve().parents[2]

REQUIREMENTS = {
    "requirements/run.txt": ["--no-dev", "--group", "build", "--extra", "prices"],
    "requirements/proxy.txt": ["--no-dev"],
    "requirements/operator.txt": ["--no-dev", "--extra", "operator"],
    "requirements/build.txt": ["--only-group", "build", "--only-group", "sbom"],
    "requirements/compile.txt": ["--only-group", "build", "--only-group", "compile"],
    "requirements/dev.txt": ["--all-extras", "--group", "build"],
}
"""What `uv export` is asked for; the group build lets pip install this project without fetching anything more.

What an image runs on holds nothing that builds: ours comes to it as a wheel.
"""


def generated_files() -> dict[str, str]:
    """Return path (from the root) → text of every generated file."""
    crds = crd_files()
    files = {f"crds/{name}": text for name, text in crds.items()} | chart_files(crds)
    files |= argocd_files() | dashboard_files()
    files["docs/reference/resources.md"] = reference_page()
    files["docs/reference/translation.md"] = translation_page()
    files.update({path: _requirements(arguments) for path, arguments in REQUIREMENTS.items()})
    return files


def _requirements(arguments: list[str]) -> str:
    command = [str(Path(sys.executable).parent / "uv"), "export", "--quiet", "--offline", "--frozen", "--no-header"]
    command += ["--no-annotate", "--no-emit-project", "--format", "requirements.txt", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def main() -> None:
    if sys.argv[1:] != ["--write"]:
        raise SystemExit("usage: generated.py --write")
    for path, text in generated_files().items():
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


if __name__ == "__main__":
    main()
