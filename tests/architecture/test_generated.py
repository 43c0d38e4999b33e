"""Generated files equal what their sources say today."""

import pytest
from architecture.generated import ROOT, generated_files

GENERATED = generated_files()


@pytest.mark.parametrize("path", sorted(GENERATED))
def test_generated_file_is_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text() == GENERATED[path], f"{path} is out of date: run make generate"
