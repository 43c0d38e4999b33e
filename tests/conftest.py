"""What every test may use: the figures that a session has seen, shown at its end."""

import pytest
from doubles.figures import Figures

_FIGURES = pytest.StashKey[Figures]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = Figures()


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
