"""What a proxy and an operator show at /metrics: each name with its labels, parsed from the text that they answer."""

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec
from aiohttp import ClientSession
from doubles.gateway_rig import Rig, config, provider
from doubles.scripted_transport import error, stream
from doubles.virtual_time import EPOCH, run_virtual
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from fairlead_operator.handlers.health import HealthServer, OperatorHealth
from fairlead_proxy.contract.usage_record import SHIP_FILE, ShipReport, SinkReport
from fairlead_proxy.telemetry.spool_figures import SpoolFigures

Shown = Mapping[str, frozenset[str]]
"""Name of a sample → names of its labels."""


def shown_by_proxy(directory: Path) -> Shown:
    """Return what a proxy shows that has a ledger and TLS, fell back, and used tokens with and without a price."""
    sinks = {"sqlite": SinkReport(up=True, unshipped=3, lost={"killed": 2})}
    (directory / SHIP_FILE).write_bytes(msgspec.json.encode(ShipReport(at=time.time(), sinks=sinks)))

    async def main() -> str:
        providers = [provider("a"), provider("b"), provider("free", price=None)]
        answers = {"a": [error(500), error(500)], "b": [stream(), error(500)], "free": [stream()]}
        rig = Rig(config(providers), answers)
        rig.metrics.config_loaded("r-1", EPOCH)
        rig.metrics.certificates_shown({"https": EPOCH})
        rig.metrics.show_health(lambda: rig.health.observations(EPOCH))
        rig.metrics.show_tasks(lambda: 7)
        rig.registry.register(SpoolFigures(memoryview(bytearray(24)).cast("Q"), directory))
        await rig.call(stream=True)
        await rig.call(stream=True)
        return generate_latest(rig.registry).decode()

    return parsed(run_virtual(main()))


async def shown_by_operator() -> Shown:
    """Return what an operator shows that holds something and has done something."""
    health = OperatorHealth(leading=True, objects=lambda: {"RoutePolicy": 3}, counts=[Counter({"publishes": 2})])
    server = HealthServer(health, "127.0.0.1", 0)
    await server.start()
    try:
        async with ClientSession() as session, session.get(f"http://127.0.0.1:{server.port}/metrics") as answer:
            return parsed(await answer.text())
    finally:
        await server.close()


def parsed(text: str) -> Shown:
    """Return the names and labels of an exposition in the text format."""
    found: dict[str, frozenset[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, frozenset()) | frozenset(sample.labels)
    return found
