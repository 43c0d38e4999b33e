"""The operator's own port: whether it lives, whether it is ready, and its metrics."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fairlead_operator.handlers.watch_age import END_AFTER_SECONDS

log = logging.getLogger(__name__)

TEXT = "text/plain; version=0.0.4; charset=utf-8"


def _no_age() -> float:
    return 0.0


def _no_objects() -> Mapping[str, int]:
    return {}


@dataclass(slots=True)
class OperatorHealth:
    """What the operator knows of itself; whoever learns something writes it here.

    A standby is ready as well: it is there to take over, and a rollout must not wait for it to lead.
    """

    reached: bool = False
    leading: bool = False
    synced: bool = False
    watch_age: Callable[[], float] = _no_age
    objects: Callable[[], Mapping[str, int]] = _no_objects
    counts: list[Counter[str]] = field(default_factory=list)

    @property
    def ready(self) -> bool:
        return self.synced if self.leading else self.reached

    @property
    def alive(self) -> bool:
        return self.watch_age() < END_AFTER_SECONDS


class HealthServer:
    """Serves /healthz, /readyz and /metrics, which need no token: they hold no names but our own."""

    def __init__(self, health: OperatorHealth, host: str, port: int) -> None:
        self._health = health
        self._host, self._port = host, port
        self._registry = CollectorRegistry()
        self._registry.register(_HealthCollector(health))
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Raises OSError where the port is taken."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    @property
    def port(self) -> int:
        """The port that is listened on; differs from the wanted one where that was 0."""
        assert self._runner is not None
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return _plain(self._health.alive, "the watches are behind")

    async def _readyz(self, _: web.Request) -> web.Response:
        return _plain(self._health.ready, "not every kind is listed" if self._health.leading else "no API server yet")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"content-type": TEXT})


class _HealthCollector(Collector):
    """Names every metric of the operator, and reads it when it is asked for."""

    def __init__(self, health: OperatorHealth) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        health = self._health
        yield GaugeMetricFamily(
            "fairlead_operator_leading", "1 while this operator acts, 0 while it stands by.", float(health.leading)
        )
        yield GaugeMetricFamily(
            "fairlead_operator_watch_age_seconds",
            "For how long something is held otherwise than the API server lists it.",
            health.watch_age(),
        )
        objects = GaugeMetricFamily("fairlead_operator_objects", "Objects that are held, by kind.", labels=["kind"])
        for kind, number in health.objects().items():
            objects.add_metric([kind], number)
        yield objects
        events = CounterMetricFamily("fairlead_operator_actions", "What the operator did.", labels=["action"])
        for action, number in sum(health.counts, Counter[str]()).items():
            events.add_metric([action], number)
        yield events


def _plain(good: bool, otherwise: str) -> web.Response:
    return web.Response(text="ok\n" if good else f"{otherwise}\n", status=200 if good else 503)
