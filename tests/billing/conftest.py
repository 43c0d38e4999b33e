"""One proxy over scripted providers for the tests of the rules in this folder; each test scripts them anew."""

from collections.abc import Iterator

import pytest
from billing.house import House, billing_house

pytest.register_assert_rewrite("billing.demands")


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with billing_house(tmp_path_factory.mktemp("billing")) as house:
        yield house


@pytest.fixture
def house(running: House) -> House:
    running.upstream.obey()
    running.backup.obey(behaviour={"text": "from the backup"})
    return running
