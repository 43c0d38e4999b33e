"""The page on prices: its objects are valid, and `fairlead prices` prints for them what stands there."""

from pathlib import Path

from docs.fences import read_fences, rows_below
from doubles.command_line import invoke

from fairlead_operator.resources.price import PerMillionTokens
from fairlead_proxy.contract.names import ProviderType

OBJECTS, PRINTED = (fence.text for fence in read_fences("prices"))


def test_the_objects_are_priced_as_the_page_says(tmp_path: Path) -> None:
    file = tmp_path / "objects.yaml"
    file.write_text(OBJECTS)
    assert invoke("prices", "-f", file, environ={"XDG_CACHE_HOME": str(tmp_path)}).stdout == PRINTED
    assert invoke("validate", "-f", file).exit_code == 0


def test_every_kind_of_tokens_is_explained() -> None:
    explained = [row[0] for row in rows_below("prices", "Writing a price")]
    assert explained == [field.alias for field in PerMillionTokens.model_fields.values()]


def test_every_type_of_provider_has_its_list_explained() -> None:
    explained = [
        name for row in rows_below("prices", "What the book is asked") for name in row[0].replace("`", "").split(", ")
    ]
    assert sorted(explained) == sorted(ProviderType)
