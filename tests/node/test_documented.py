"""The node's tests type what stands in our documents: another text is another command, and none is an error."""

import shlex
from pathlib import Path

import pytest
from docs.fences import rows_below
from node.documented import CHARTS, GUIDE, README, Command, NotTold, commands_below, installing, removing

HEADING = "In a cluster"
VALUES = Path("/values.json")
PAGE = """
# Page

## Before

```sh
helm upgrade --install early charts/fairlead
```

## In a cluster

```sh
docker build -t REGISTRY/image . && docker push REGISTRY/image   # an image, and a push

helm upgrade --install definitions oci://registry.example/charts/fairlead-crds -n ours
helm upgrade --install us charts/fairlead -n ours \\
  --set operator.image.repository=REGISTRY/fairlead-operator --set 'note=two words'
```

```yaml
helm: no command
```
"""


def page(directory: Path, text: str) -> Path:
    """Return a document with this text."""
    file = directory / "page.md"
    file.write_text(text)
    return file


def charts(commands: list[Command]) -> list[str]:
    """Return the names of the charts of this tree that commands install."""
    return [Path(word).name for command in commands for word in command if Path(word).parent == CHARTS]


def test_blocks_are_taken_apart_as_a_shell_does(tmp_path: Path) -> None:
    [block] = commands_below(page(tmp_path, PAGE), HEADING)
    assert block[:2] == [("docker", "build", "-t", "REGISTRY/image", "."), ("docker", "push", "REGISTRY/image")]
    assert [command[:4] for command in block[2:]] == [
        ("helm", "upgrade", "--install", "definitions"),
        ("helm", "upgrade", "--install", "us"),
    ]
    assert block[3][-2:] == ("--set", "note=two words")


def test_what_only_a_test_can_give_is_put_into_the_commands_and_nothing_else(tmp_path: Path) -> None:
    definitions, us = installing(page(tmp_path, PAGE), HEADING, VALUES)
    crds, chart = str(CHARTS / "fairlead-crds"), str(CHARTS / "fairlead")
    assert definitions == ("helm", "upgrade", "--install", "definitions", crds, "-n", "ours")
    image = "operator.image.repository=localhost/fairlead-operator"
    assert us == (
        *("helm", "upgrade", "--install", "us", chart, "-n", "ours"),
        *("--set", image, "--set", "note=two words", "-f", str(VALUES)),
    )


@pytest.mark.parametrize(
    ("told", "instead"),
    [
        ("-n ours \\", "-n theirs \\"),
        ("--install us", "--install --atomic us"),
        ("--set 'note=two words'", "--set quickstart.enabled=true"),
    ],
)
def test_another_text_is_another_command(tmp_path: Path, told: str, instead: str) -> None:
    before = installing(page(tmp_path, PAGE), HEADING, VALUES)
    after = installing(page(tmp_path, PAGE.replace(told, instead)), HEADING, VALUES)
    (word,) = {word for command in after for word in command} - {word for command in before for word in command}
    assert word in instead


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# Page\n", "page.md: no ```sh or ```console block below 'In a cluster'; tell the commands there"),
        (PAGE.replace("```sh", "```text"), "page.md: no ```sh or ```console block below 'In a cluster'"),
        (PAGE.replace("helm ", "helmet "), "page.md: no command below 'In a cluster' begins with helm"),
    ],
    ids=["no heading", "no block of a shell", "no helm"],
)
def test_a_document_that_does_not_tell_how_to_install_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(NotTold) as refused:
        installing(page(tmp_path, text), HEADING, VALUES)
    assert str(refused.value).startswith(said)


def test_a_document_that_does_not_tell_what_is_left_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotTold, match=r"page.md: 1 blocks below 'In a cluster', and not 2"):
        removing(page(tmp_path, PAGE), HEADING)


def test_the_readme_installs_both_charts_of_this_tree() -> None:
    assert charts(installing(README, HEADING, VALUES)) == ["fairlead-crds", "fairlead"]


def test_the_guide_and_the_readme_tell_the_same_way_in() -> None:
    assert installing(GUIDE, "With Helm", VALUES) == installing(README, HEADING, VALUES)


def test_the_guide_and_the_readme_tell_the_same_way_out() -> None:
    all_of_it, left = removing(GUIDE, "Remove")
    table = [tuple(shlex.split(row[0])) for row in rows_below("../../README", HEADING)]
    assert all_of_it[: len(table)] == table
    assert all_of_it[len(table) :] == [("kubectl", "delete", "namespace", "fairlead-system")]
    (command,) = left
    assert f"`{' '.join(command)}`" in README.read_text()
