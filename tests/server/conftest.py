"""What these tests share: a proxy that is run, for those that leave it as it was."""

from collections.abc import Iterator

import pytest
from doubles.proxy_process import ProxyProcess, proxy_process


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    with proxy_process(tmp_path_factory.mktemp("proxy")) as running:
        yield running
