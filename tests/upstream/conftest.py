"""What the tests of the transport share: the transport, on either event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
from doubles.http_calls import LOOPBACK
from doubles.loops import LOOPS

from fairlead_proxy.upstream.http_transport import HttpTransport


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run what is about sockets on both loops, everything else on the usual one."""
    return LOOPS if item.path.name.startswith("test_http_") else {"asyncio": LOOPS["asyncio"]}


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    made = HttpTransport(lambda: LOOPBACK)
    yield made
    await made.close()
