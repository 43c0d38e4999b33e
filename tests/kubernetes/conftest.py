"""What these tests share: an API server in this process, and a client of it."""

from collections.abc import AsyncIterator

import pytest
from doubles.api_server import ApiServer, serving

from fairlead_operator.cluster.kubernetes_api import KubernetesApi


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with serving() as server:
        yield server


@pytest.fixture
async def api(server: ApiServer) -> AsyncIterator[KubernetesApi]:
    async with KubernetesApi(server.access) as api:
        yield api
