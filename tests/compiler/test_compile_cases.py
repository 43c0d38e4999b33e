"""Every case in tests/cases/compile: configuration, verdicts and the statuses that follow from them."""

import pytest
from doubles.case_files import case_names, expected_output, input_of
from doubles.compiled import read_case, statuses, written

from fairlead_operator.compiler.compile import compile_inventory


@pytest.mark.parametrize("name", case_names("compile"))
def test_case_compiles_to_its_output(name: str) -> None:
    compilation = compile_inventory(*read_case(input_of("compile", name)))
    actual = {**written(compilation), "statuses": statuses(compilation)}
    assert actual == expected_output("compile", name, actual)
