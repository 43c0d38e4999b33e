"""Files are read as kubectl reads them; tests/cases/yaml holds the table that tests/cluster compares with kubectl."""

import json
import os
from pathlib import Path

import pytest

from fairlead_operator.resources.documents import MAX_DEPTH, DocumentError, read_documents

YAML_CASES = Path(__file__).parents[1] / "cases" / "yaml"


def spec_of(text: str) -> object:
    [document] = read_documents(f"spec:\n  {text}\n", "file.yaml")
    return document.content["spec"]


def error_of(text: str) -> str:
    with pytest.raises(DocumentError) as caught:
        read_documents(text, "file.yaml")
    return str(caught.value)


def test_odd_words_mean_what_kubectl_takes_them_for() -> None:
    [document] = read_documents((YAML_CASES / "words.in.yaml").read_text(), "words.in.yaml")
    read = json.dumps(document.content["spec"], indent=1, ensure_ascii=False) + "\n"
    expected = YAML_CASES / "words.out.json"
    if os.environ.get("UPDATE_CASES"):
        expected.write_text(read)
    assert read == expected.read_text()


def test_keys_are_texts() -> None:
    assert spec_of("{90: a, on: b, 1.5: c, 012: d, 1:30: e}") == {
        "90": "a",
        "true": "b",
        "1.5": "c",
        "10": "d",
        "1:30": "e",
    }


def test_a_file_holds_several_documents_and_empty_ones_are_left_out() -> None:
    documents = read_documents("kind: A\n---\n# nothing\n---\nkind: B\n...\n", "file.yaml")
    assert [(each.content["kind"], each.line) for each in documents] == [("A", 1), ("B", 5)]


def test_a_list_is_unfolded_and_its_items_keep_their_lines() -> None:
    text = "kind: List\nitems:\n- kind: A\n  spec:\n    a: 1\n- kind: BList\n  items:\n  - kind: B\n    spec: {}\n"
    documents = read_documents(text, "file.yaml")
    assert [(each.content["kind"], each.line, each.line_of("spec.a")) for each in documents] == [
        ("A", 3, 5),
        ("B", 8, 9),
    ]


def test_json_objects_may_follow_each_other() -> None:
    documents = read_documents('{"kind": "A", "n": 1e3}\n{"kind": "B"}\n', "file.json")
    assert [(each.content, each.line) for each in documents] == [({"kind": "A", "n": 1000}, 1), ({"kind": "B"}, 2)]


def test_yaml_may_begin_with_a_brace() -> None:
    [document] = read_documents("{kind: A, on: 012}", "file.yaml")
    assert document.content == {"kind": "A", "true": 10}


def test_a_byte_order_mark_is_ignored() -> None:
    [document] = read_documents("\ufeffkind: A", "file.yaml")
    assert document.content == {"kind": "A"}


def test_the_line_of_a_field_is_that_of_the_nearest_one_around_it() -> None:
    [document] = read_documents("kind: A\nspec:\n  rules:\n  - name: a\n    route: {}\n", "file.yaml")
    lines = [document.line_of(path) for path in ("spec.rules[0].route", "spec.rules[0].match.x", "spec.no", "no")]
    assert lines == [5, 4, 2, 1]


def test_an_alias_is_a_copy() -> None:
    [document] = read_documents("a: &x {size: 1}\nb: *x\n", "file.yaml")
    document.content["a"]["size"] = 2
    assert document.content["b"] == {"size": 1}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("kind: A\nspec:\n  a: 1\n  a: 2\n", "file.yaml:4: the key 'a' stands twice; remove one of them"),
        ("spec: {1: a, '1': b}", "file.yaml:1: the key '1' stands twice; remove one of them"),
        ('{"kind": "A",\n "kind": "B"}', "file.yaml:1: the key 'kind' stands twice; remove one of them"),
        ('{"kind": "A",\n "a": 1}}', "file.yaml:2: not valid JSON: Expecting value"),
        ('{"a": 1e400}', "file.yaml:1: 1e400 is too great for a number"),
        ('{"a": NaN}', "file.yaml:1: NaN is not a number that JSON has"),
        ("kind: A\na: [\n", "file.yaml:3: not valid YAML: "),
        ("kind: A\n\tb: 1\n", "file.yaml:2: not valid YAML: "),
        ("kind: A\nb: \x01\n", "file.yaml:1: not valid YAML: "),
        ("kind: A\n---\n- b\n", "file.yaml:3: not an object; write apiVersion, kind and metadata"),
        ("[1, 2]", "file.yaml:1: not an object; write apiVersion, kind and metadata"),
        ("kind: List\nitems:\n- a\n", "file.yaml:3: items[0] is not an object; write apiVersion, kind and metadata"),
        ("a: .inf", "file.yaml:1: .inf is not a number that JSON has; write it in quotes if it is a text"),
        ("~: a", "file.yaml:1: None cannot be a key; write it in quotes"),
        ("1e30: a", "file.yaml:1: 1e+30 cannot be a key; write it in quotes"),
        ("[a]: b", "file.yaml:1: a key is a plain word or a quoted text, not a list or a mapping"),
        ("a: !env HOME", "file.yaml:1: the tag !env is not known here; remove it"),
        ("a: !!set {b}", "file.yaml:1: the tag tag:yaml.org,2002:set is not known here; remove it"),
        ("a: !!int x", "file.yaml:1: 'x' is not of the type int that its tag says"),
        ("a: !!int yes", "file.yaml:1: 'yes' is not of the type int that its tag says"),
        ("a: !!binary '*'", "file.yaml:1: !!binary takes text in base64"),
        ("a: *b", "file.yaml:1: there is no anchor 'b' before this alias"),
        ("a: &a [*a]", "file.yaml:1: the anchor 'a' contains itself"),
        ("a:\n  <<: b\n", "file.yaml:2: << takes a mapping or a list of mappings"),
        ("a: \ud800", "file.yaml:1: not text in UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(text: str, error: str) -> None:
    assert error_of(text).startswith(error)


def test_deep_nesting_is_refused() -> None:
    assert error_of("a: " + "[" * 100_000) == f"file.yaml:1: nested more than {MAX_DEPTH} levels deep"
    assert error_of('{"a":' * 100_000) == "file.yaml:1: nested too deeply"


def test_aliases_that_unfold_without_end_are_refused() -> None:
    lines = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12)]
    assert error_of("\n".join(lines)) == "file.yaml:6: the aliases of this document unfold to more than 100000 values"
