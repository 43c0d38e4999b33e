"""What the guide on policy repositories shows is what happens."""

import re
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from doubles.command_line import invoke

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "policy-repositories.md").read_text()


def block(language: str, holding: str) -> str:
    """Return the one fenced block in this language that holds this text."""
    [found] = [text for text in re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL) if holding in text]
    return str(found)


COMMANDS = re.findall(r"^(?:    - run: )?fairlead ([^>\n]+)", GUIDE, re.MULTILINE)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Path]:
    """A tenant's repository beside the platform's and its own main branch, with the objects of the guide."""
    provider, policy = block("yaml", "kind: RoutePolicy").split("---\n")
    for folder, text in (
        ("main/policies", f"{provider}---\n{policy}"),
        ("platform", provider),
        ("own/policies", policy),
    ):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "objects.yaml").write_text(text)
    with chdir(tmp_path / "own"):
        yield tmp_path / "own"


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_guide_runs(command: str) -> None:
    result = invoke(*command.split())
    assert result.exit_code in (0, 1)
    assert "../platform/" not in command or "nothing to complain about" in result.stdout
    assert "--partial" not in command or "1 warning" in result.stdout


def test_the_guide_shows_every_command_that_it_is_about() -> None:
    assert {command.split()[0] for command in COMMANDS} == {"validate", "diff"}
    assert len(COMMANDS) == 5


def test_the_difference_that_the_guide_shows_is_the_one_that_diff_tells(tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(block("yaml", "kind: RoutePolicy"))
    provider, policy = old.read_text().split("---\n")
    edited = policy.replace("model: qwen", "model: llama").replace("priority: 0", "priority: 5")
    new.write_text(f"{provider}---\n{edited.replace('total: 5m', 'total: 1m')}")
    assert invoke("validate", old).exit_code == 0
    assert invoke("diff", old, new).stdout == block("text", "default/smart")
