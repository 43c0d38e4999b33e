"""Files: found, read again when they change, and held at their last good content when they break."""

from pathlib import Path

import pytest

from fairlead_operator.cluster.local_files import LocalFiles, PathMissing
from fairlead_operator.cluster.local_objects import fault_of

NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"


def names(files: LocalFiles) -> list[str]:
    return [document.content["metadata"]["name"] for document in files.documents()]


def loaded(*paths: Path | str, stdin: str = "") -> LocalFiles:
    files = LocalFiles([str(path) for path in paths], fault_of, stdin)
    files.load()
    return files


def save(path: Path, *objects: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("---\n".join(NAMESPACE.format(name=name) for name in objects))
    return path


def test_a_directory_is_read_recursively_in_order_without_what_is_hidden(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "below/c.json", ".hidden.yaml", ".git/d.yaml", "e.txt"):
        save(tmp_path / name, name.partition(".")[0].rpartition("/")[2] or "hidden")
    (tmp_path / "below/c.json").write_text('{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "c"}}')
    assert names(loaded(tmp_path)) == ["a", "b", "c"]


def test_standard_input_is_read_after_the_files(tmp_path: Path) -> None:
    assert names(loaded("-", save(tmp_path / "a.yaml", "a"), stdin=NAMESPACE.format(name="in"))) == ["a", "in"]


def test_a_path_that_does_not_exist_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(PathMissing, match="no such file or directory; give -f a file, a directory or -"):
        loaded(tmp_path / "nowhere")


def test_a_change_is_read_once_it_has_come_to_rest(tmp_path: Path) -> None:
    path = save(tmp_path / "a.yaml", "a")
    files = loaded(path)
    save(path, "a", "b")
    assert [files.refresh(), files.refresh(), files.refresh()] == [False, True, False]
    assert names(files) == ["a", "b"]


def test_a_file_that_an_editor_replaces_does_not_vanish_in_between(tmp_path: Path) -> None:
    path = save(tmp_path / "a.yaml", "a")
    files = loaded(tmp_path)
    path.rename(tmp_path / "a.yaml~")
    assert not files.refresh()
    save(path, "a", "b")
    assert not files.refresh()
    assert names(files) == ["a"]
    assert files.refresh()
    assert names(files) == ["a", "b"]


def test_a_file_that_is_gone_takes_its_objects_with_it(tmp_path: Path) -> None:
    save(tmp_path / "a.yaml", "a")
    path = save(tmp_path / "b.yaml", "b")
    files = loaded(tmp_path)
    path.unlink()
    assert [files.refresh(), files.refresh()] == [False, True]
    assert names(files) == ["a"]


def test_a_new_file_in_a_directory_is_found(tmp_path: Path) -> None:
    save(tmp_path / "a.yaml", "a")
    files = loaded(tmp_path)
    save(tmp_path / "b.yaml", "b")
    assert [files.refresh(), files.refresh()] == [False, True]
    assert names(files) == ["a", "b"]


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (b"kind: [", "not valid YAML"),
        (b"kind: Namespace\n", "a.yaml:1: apiVersion: missing"),
        (b"apiVersion: v1\nkind: Namespace\nmetadata: {name: ../../up}\n", "is not a name"),
        (b"apiVersion: fairlead.dev/v9\nkind: RoutePolicy\nmetadata: {name: a}\n", "write fairlead.dev/v1alpha1"),
        (b"apiVersion: fairlead.dev/v1alpha1\nkind: Route\nmetadata: {name: a}\n", "kind: Route is not known"),
        (b"\xff\xfe\x00", "not UTF-8 text"),
    ],
)
def test_a_broken_file_keeps_its_last_good_objects_and_says_why(tmp_path: Path, broken: bytes, problem: str) -> None:
    path = save(tmp_path / "a.yaml", "a")
    files = loaded(path)
    path.write_bytes(broken)
    assert [files.refresh(), files.refresh()] == [False, True]
    assert names(files) == ["a"]
    assert len(files.problems()) == 1
    assert problem in str(files.problems()[0])
    assert "\n" not in str(files.problems()[0])


def test_a_file_that_is_mended_is_in_force_again(tmp_path: Path) -> None:
    path = save(tmp_path / "a.yaml", "a")
    files = loaded(path)
    path.write_text("kind: [")
    assert [files.refresh(), files.refresh()] == [False, True]
    save(path, "c")
    assert [files.refresh(), files.refresh()] == [False, True]
    assert (names(files), files.problems()) == (["c"], [])
