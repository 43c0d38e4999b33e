"""Laws of reading that hold for any content at all."""

import copy
import json
import re
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_operator.resources.documents import DocumentError, read_documents
from fairlead_operator.resources.meta import API_VERSION, Kind
from fairlead_operator.resources.parse import parse_resource

CASES = Path(__file__).parents[1] / "cases" / "crds" / "accept"
GOOD = [read_documents(path.read_text(), path.name)[0].content for path in sorted(CASES.glob("*-whole.yaml"))]

texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
leaves = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | texts
)
values = st.recursive(
    leaves, lambda below: st.lists(below, max_size=4) | st.dictionaries(texts, below, max_size=4), max_leaves=12
)


def spread(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of everything below, also of what has something below itself."""
    entries = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [place for key, each in entries for place in ((*path, key), *spread(each, (*path, key)))]


@st.composite
def nearly_good(draw: st.DrawFn) -> dict[str, Any]:
    """A whole object of ours, with one thing somewhere below spec replaced by any value."""
    content: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(GOOD)))
    *above, last = draw(st.sampled_from(spread(content["spec"])))
    node = content["spec"]
    for key in above:
        node = node[key]
    node[last] = draw(values)
    return content


@settings(max_examples=60, deadline=None)
@given(nearly_good() | st.fixed_dictionaries({"kind": st.sampled_from(Kind), "metadata": values, "spec": values}))
def test_any_content_is_either_a_spec_or_has_problems_of_one_line_each(content: dict[str, Any]) -> None:
    found = parse_resource({"apiVersion": API_VERSION, **content})
    assert (found.spec is None) == bool(found.problems)
    assert all(line and "\n" not in line and ": " in line for line in found.problems)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(texts, values, max_size=4))
def test_json_reads_the_same_as_the_yaml_that_it_also_is(content: dict[str, Any]) -> None:
    text = json.dumps(content)
    [as_json] = read_documents(text, "file.json")
    [as_yaml] = read_documents(f"--- {text}\n", "file.yaml")
    assert as_json.content == as_yaml.content


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    assert re.fullmatch(r"(file\.yaml:[0-9]+: .+)?", error_of(text), re.DOTALL)


def error_of(text: str) -> str:
    try:
        read_documents(text, "file.yaml")
    except DocumentError as error:
        return str(error)
    return ""
