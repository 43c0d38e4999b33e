"""Reads a Containerfile as its builder does: stages, each with its instructions in order."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTAINERFILES = sorted((ROOT / "images").glob("*.Containerfile"))
_FROM = re.compile(r"(?P<base>\S+)(?: AS (?P<name>\S+))?")


@dataclass
class Stage:
    """`steps`: (instruction, what follows it on its logical line)."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        return [told for each, told in self.steps if each == instruction]


@dataclass
class Containerfile:
    """`arguments`: those before the first stage, by name, with their defaults."""

    arguments: dict[str, str]
    stages: list[Stage]

    @property
    def final(self) -> Stage:
        return self.stages[-1]

    def commands(self) -> list[str]:
        """Return every single command of every RUN of every stage."""
        runs = [run for stage in self.stages for run in stage.all("RUN")]
        return [command.strip() for run in runs for command in re.split(r"&&|\|\||;", run)]


def read_containerfile(path: Path) -> Containerfile:
    found = Containerfile({}, [])
    for line in _logical_lines(path.read_text()):
        instruction, _, told = line.partition(" ")
        if instruction == "FROM":
            match = _FROM.fullmatch(told)
            assert match, line
            found.stages.append(Stage(match["base"], match["name"] or ""))
        elif found.stages:
            found.stages[-1].steps.append((instruction, told))
        else:
            assert instruction == "ARG", line
            name, _, default = told.partition("=")
            found.arguments[name] = default
    return found


def exec_form(told: str) -> list[str] | None:
    """Return the words of an instruction in exec form; None where a shell would be asked."""
    try:
        words = json.loads(told)
    except ValueError:
        return None
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def _logical_lines(text: str) -> list[str]:
    bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return [line.strip() for line in re.sub(r"\\\n\s*", "", bare).splitlines() if line.strip()]
