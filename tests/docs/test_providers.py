"""Every document of the page on providers is one that `fairlead validate` has nothing to say against."""

from pathlib import Path

import pytest
import yaml
from docs.fences import Fence, read_fences
from doubles.command_line import invoke

from fairlead_proxy.contract.names import ProviderType

DOCUMENTS = [fence for fence in read_fences("providers") if fence.language == "yaml"]
EXPLAINED = [
    each["spec"]["type"]
    for fence in DOCUMENTS
    for each in yaml.safe_load_all(fence.text)
    if each["kind"] == "ModelProvider"
]


@pytest.mark.parametrize("fence", DOCUMENTS, ids=lambda fence: fence.id)
def test_a_document_is_valid_as_it_stands(fence: Fence, tmp_path: Path) -> None:
    file = tmp_path / "provider.yaml"
    file.write_text(fence.text)
    result = invoke("validate", "-f", file)
    assert (result.exit_code, result.stdout.partition(": ")[2]) == (0, "nothing to complain about\n"), result.output


@pytest.mark.parametrize("fence", DOCUMENTS, ids=lambda fence: fence.id)
def test_a_word_that_is_not_known_is_found(fence: Fence, tmp_path: Path) -> None:
    file = tmp_path / "provider.yaml"
    file.write_text(fence.text.replace("\nspec:\n", "\nspec:\n  unheard: of\n"))
    assert invoke("validate", "-f", file).exit_code == 1


def test_every_type_is_explained() -> None:
    assert set(EXPLAINED) == set(ProviderType) - {ProviderType.SIMULATED}
