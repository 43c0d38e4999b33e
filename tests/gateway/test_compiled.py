"""What is tested is what the lane says: compiled where FAIRLEAD_COMPILED=1 asks for it, interpreted everywhere else."""

import importlib
import os
import tomllib
from pathlib import Path

import pytest

PROJECT = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())
MODULES: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["modules"]
ENDING = ".so" if os.environ.get("FAIRLEAD_COMPILED") == "1" else ".py"


@pytest.mark.parametrize("path", MODULES)
def test_module_is_what_the_lane_says(path: str) -> None:
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    assert module.__file__ is not None
    assert module.__file__.endswith(ENDING)
