"""Where the fields of a JSON document stand: as YAML, which JSON is too, has them."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_operator.resources.documents import read_documents

names = st.text(st.sampled_from('ab"\\:,{}[] é'), min_size=1, max_size=4)
leaves = st.none() | st.booleans() | st.integers(-99, 99) | names
values = st.recursive(
    leaves, lambda below: st.lists(below, max_size=3) | st.dictionaries(names, below, max_size=3), max_leaves=10
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(names, values, max_size=3), st.sampled_from([None, 0, 2]))
def test_json_has_the_places_that_it_has_as_yaml(content: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(content, indent=indent, ensure_ascii=False)
    [as_json] = read_documents(text, "file.json")
    [as_yaml] = read_documents(f"---\n{text}\n", "file.yaml")
    assert as_json.marks == {path: (line - 1, column) for path, (line, column) in as_yaml.marks.items()}


def test_a_second_document_of_a_file_counts_on() -> None:
    first, second = read_documents('{"kind": "A"}\n{\n  "kind": "B",\n  "spec": [1,\n 2]\n}\n', "file.json")
    assert first.marks == {"kind": (1, 2)}
    assert second.marks == {"kind": (3, 3), "spec": (4, 3), "spec[0]": (4, 12), "spec[1]": (5, 2)}


def test_the_items_of_a_list_have_their_own_places() -> None:
    text = '{"kind": "List",\n"items": [{"kind": "A"},\n{"kind": "B",\n"spec": {}}]}'
    assert [each.mark_of("spec") for each in read_documents(text, "file.json")] == [(2, 0), (4, 1)]
