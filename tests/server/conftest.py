"""What these tests share: a proxy that is run, for those that leave it as it was."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest
from doubles.loops import LOOPS
from doubles.proxy_process import ProxyProcess, proxy_process

_ABOUT_SOCKETS = {
    "test_any_chunking.py",
    "test_draining.py",
    "test_known_heads.py",
    "test_large_bodies.py",
    "test_malformed_requests.py",
    "test_one_after_the_other.py",
    "test_streams_and_leaving.py",
    "test_surface.py",
}


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run what is about sockets on both loops, everything else on the usual one."""
    return LOOPS if item.path.name in _ABOUT_SOCKETS else {"asyncio": LOOPS["asyncio"]}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    with proxy_process(tmp_path_factory.mktemp("proxy")) as running:
        yield running
