"""What a person reads once a run is ready."""

import os
from pathlib import Path

from fairlead_operator.cli.banner import program_of


def test_a_program_on_the_path_is_called_by_its_name() -> None:
    assert program_of("/usr/local/bin/fairlead", "/usr/bin/python3") == "fairlead"


def test_a_program_beside_python_is_called_by_its_path_from_here(tmp_path: Path) -> None:
    (tmp_path / "fairlead").touch()
    assert program_of(None, str(tmp_path / "python")) == os.path.relpath(tmp_path / "fairlead")


def test_where_there_is_no_program_python_calls_the_module(tmp_path: Path) -> None:
    python = str(tmp_path / "my env" / "python")
    assert program_of(None, python) == f"'{python}' -m fairlead_operator.cli.main"
