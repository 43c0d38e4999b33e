"""The operator's own port: alive, ready, and what it counts."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from fairlead_operator.handlers.health import HealthServer, OperatorHealth


@asynccontextmanager
async def serving(health: OperatorHealth) -> AsyncIterator[str]:
    server = HealthServer(health, "127.0.0.1", 0)
    await server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        await server.close()


async def status_of(url: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status


async def text_of(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


@pytest.mark.parametrize(
    ("health", "ready"),
    [
        (OperatorHealth(), 503),
        (OperatorHealth(reached=True), 200),
        (OperatorHealth(reached=True, leading=True), 503),
        (OperatorHealth(reached=True, leading=True, synced=True), 200),
    ],
    ids=["starting", "standing by", "leading but not synced", "acting"],
)
async def test_readiness(health: OperatorHealth, ready: int) -> None:
    async with serving(health) as url:
        assert await status_of(f"{url}/readyz") == ready


@pytest.mark.parametrize(("age", "status"), [(0.0, 200), (179.0, 200), (180.0, 503)])
async def test_liveness_ends_with_the_truth_of_the_watches(age: float, status: int) -> None:
    async with serving(OperatorHealth(watch_age=lambda: age)) as url:
        assert await status_of(f"{url}/healthz") == status


async def test_metrics_show_what_is_held_and_done() -> None:
    health = OperatorHealth(
        leading=True, objects=lambda: {"RoutePolicy": 3}, counts=[Counter({"publishes": 2}), Counter({"nudges": 4})]
    )
    async with serving(health) as url:
        shown = await text_of(f"{url}/metrics")
    assert "fairlead_operator_leading 1.0" in shown
    assert 'fairlead_operator_objects{kind="RoutePolicy"} 3.0' in shown
    assert 'fairlead_operator_actions_total{action="publishes"} 2.0' in shown
    assert 'fairlead_operator_actions_total{action="nudges"} 4.0' in shown
