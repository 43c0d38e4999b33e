"""One scripted provider for the tests of this folder; each test scripts it anew."""

from collections.abc import Iterator

import pytest
from doubles.processes import ScriptedUpstream, scripted_upstream


@pytest.fixture(scope="session")
def running() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(running: ScriptedUpstream) -> ScriptedUpstream:
    running.obey()
    return running
