"""What rules and dashboards are held against."""

import asyncio

import pytest
from monitoring.exposition import Shown, shown_by_operator, shown_by_proxy
from monitoring.expressions import with_recordings
from monitoring.promtool import recordings


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Every metric that can be asked for: what proxies and operator show, and what the rules record."""
    proxy = shown_by_proxy(tmp_path_factory.mktemp("spool"))
    return with_recordings({**proxy, **asyncio.run(shown_by_operator())}, recordings())
