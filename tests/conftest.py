"""What holds for every test: its lane, and the figures that a session has seen, shown at its end."""

from pathlib import Path

import pytest
from doubles.figures import Figures

LANES = ("cluster", "node")
"""The folders whose tests need more than this machine's Python; each has a marker of the same name."""

_FIGURES = pytest.StashKey[Figures]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = Figures()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what stands in the folder of a lane."""
    for item in items:
        for lane in LANES:
            if Path(__file__).parent / lane in item.path.parents:
                item.add_marker(lane)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures; each stands beside what was promised."""
    seen = terminalreporter.config.stash[_FIGURES].seen
    if seen:
        terminalreporter.section("figures")
        for line in seen:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> Figures:
    """Where a test notes what it measured beside what was promised."""
    return pytestconfig.stash[_FIGURES]
