"""What the tests of signing share: a clock that they set, and the signers of a process."""

from collections.abc import AsyncIterator

import pytest
from doubles.signing_keys import Clock

from fairlead_proxy.upstream.http_transport import HttpTransport
from fairlead_proxy.upstream.signing.signers import Signers


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def signers(transport: HttpTransport, clock: Clock) -> AsyncIterator[Signers]:
    made = Signers(transport, clock)
    yield made
    await made.close()
