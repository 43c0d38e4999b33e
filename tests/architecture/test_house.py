"""The shape of the house: sizes, opening sentences, import contracts, and what must never exist."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSES = ("ledger", "operator", "proxy")
MODULES = sorted(path for folder in (*HOUSES, "bench") for path in ROOT.glob(f"{folder}/**/*.py"))
LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_module_has_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_module_opens_with_a_sentence(path: Path) -> None:
    opening = ast.get_docstring(ast.parse(path.read_text()))
    assert opening is not None
    assert opening.splitlines()[0].rstrip().endswith((".", ":"))


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=named)
def test_init_holds_its_sentence_and_nothing_else(path: Path) -> None:
    assert len(ast.parse(path.read_text()).body) == 1


@pytest.mark.parametrize("story", ["proxy/fairlead_proxy/gateway.py", "operator/fairlead_operator/reconciler.py"])
def test_the_two_stories_stay_under_200_lines(story: str) -> None:
    assert len((ROOT / story).read_text().splitlines()) < 200


@pytest.mark.parametrize("house", HOUSES)
def test_houses_are_plain_folders(house: str) -> None:
    assert not (ROOT / house / "__init__.py").exists()


def test_tests_have_no_packages() -> None:
    assert list((ROOT / "tests").glob("**/__init__.py")) == []


def test_import_contracts_hold() -> None:
    finished = subprocess.run([LINT_IMPORTS, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("proxy/fairlead_proxy/contract/config.py", "import fairlead_proxy.decision.plan"),
        ("proxy/fairlead_proxy/decision/match.py", "import time"),
        ("proxy/fairlead_proxy/exchange/call.py", "import fairlead_operator.verdict"),
        ("operator/fairlead_operator/verdict.py", "import fairlead_proxy.exchange.outcome"),
        ("operator/fairlead_operator/compiler/compile.py", "import fairlead_operator.status.conditions"),
        ("operator/fairlead_operator/helpers.py", "import json"),
        ("ledger/fairlead_ledger/store/schema.py", "import fairlead_proxy.telemetry.metrics"),
        ("proxy/fairlead_proxy/telemetry/metrics.py", "import fairlead_ledger.shipping"),
    ],
)
def test_a_planted_violation_is_caught(tmp_path: Path, module: str, line: str) -> None:
    for house in HOUSES:
        subprocess.run(["cp", "-r", str(ROOT / house), str(tmp_path)], check=True)
    subprocess.run(["cp", str(ROOT / "pyproject.toml"), str(tmp_path)], check=True)
    target = tmp_path / module
    target.write_text((target.read_text() if target.exists() else '"""Planted."""\n') + f"\n{line}\n")
    finished = subprocess.run(
        [LINT_IMPORTS, "--no-cache"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(str(tmp_path / house) for house in HOUSES), "PATH": "/usr/bin:/bin"},
    )
    assert finished.returncode == 1, finished.stdout
