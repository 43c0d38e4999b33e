"""A whole proxy: everything wired, started, and brought to an orderly end."""

import asyncio
import gc
import logging
import os
import signal
import ssl
import time
from collections.abc import Coroutine
from random import Random
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, disable_created_metrics

from fairlead_proxy.config_source import ConfigSource, Loaded
from fairlead_proxy.contract.config import Egress
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import Operation
from fairlead_proxy.contract.report import Duties, ProbeResult, Refusal
from fairlead_proxy.exchange.errors import Answer
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.gateway import Gateway
from fairlead_proxy.gear import Gear
from fairlead_proxy.governance.duties import DutiesHolder
from fairlead_proxy.governance.identity import Identity
from fairlead_proxy.health.observer import HealthObserver
from fairlead_proxy.resilience.breaker import Breakers
from fairlead_proxy.server.address import Address, ListenError
from fairlead_proxy.server.admin import ADMIN_LIMITS, Admin
from fairlead_proxy.server.certificates import Certificates
from fairlead_proxy.server.client_server import ClientServer
from fairlead_proxy.server.descriptors import fit, raise_descriptor_limit
from fairlead_proxy.server.limits import Limits
from fairlead_proxy.server.listener import Listener
from fairlead_proxy.server.memory import give_back_now_and_then
from fairlead_proxy.server.parent import die_with_parent
from fairlead_proxy.server.process_log import LineWriter
from fairlead_proxy.server.report import News, Reporter
from fairlead_proxy.server.service import Service
from fairlead_proxy.server.serving import Serving
from fairlead_proxy.server.settings import Settings, StartRefused
from fairlead_proxy.server.steady_clock import steady_clock
from fairlead_proxy.server.tenant import Tenant
from fairlead_proxy.telemetry.access_log import LINE_FORMATS, AccessLog
from fairlead_proxy.telemetry.booking import Booking
from fairlead_proxy.telemetry.day import DayOfUse
from fairlead_proxy.telemetry.decisions import DecisionRing
from fairlead_proxy.telemetry.journal import Journal, Reader
from fairlead_proxy.telemetry.metrics import Metrics
from fairlead_proxy.telemetry.spool import NoSpool, Spool, open_spool
from fairlead_proxy.telemetry.spool_figures import SpoolFigures
from fairlead_proxy.upstream.probe_budget import ProbeBudget
from fairlead_proxy.upstream.prober import Prober
from fairlead_proxy.upstream.signing.signers import Signers
from fairlead_proxy.upstream.transports import Transports

GC_THRESHOLDS = 5_000, 20, 20
"""A call leaves nothing that refers back to itself, so the collector need not look after each seven hundred objects."""
LAST_WORDS_SECONDS = 2.0
"""How long calls that were cut off get to tell their clients so."""

log = logging.getLogger(__name__)


async def serve(settings: Settings) -> None:
    """Serve until told to end by SIGTERM or SIGINT; raise StartRefused where that cannot be begun."""
    try:
        os.listdir(settings.config)
    except OSError as error:
        raise StartRefused(
            f"--config {settings.config}: {os.strerror(error.errno or 0)}; give a directory that can be read"
        ) from error
    await Proxy(settings).run()


class Proxy:
    """The parts of one process and their life."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limits = fit(settings.limits, raise_descriptor_limit())
        self._clock = steady_clock()
        self._news = News()
        self._serving = Serving()
        self._serving.listening = False
        self._complete = asyncio.Event()
        self._told_to_end = asyncio.Event()
        self._told_to_hurry = asyncio.Event()
        self._retired = asyncio.Event()
        self._certificates = Certificates(name for name, _ in settings.listen_tls)
        self._duties = DutiesHolder()
        self._lines = LineWriter(1)
        self._journal = Journal()
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library gives it no types
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self._metrics = Metrics(registry, self._journal.catch_up)
        self._decisions = DecisionRing(0)  # a configuration says how many, and no call comes before one
        rng = Random()
        self._breakers = Breakers(rng, self._news.tell, self._journal.catch_up)
        self._health = HealthObserver(self._breakers, self._news.tell, self._journal.catch_up)
        self._metrics.show_health(lambda: self._health.observations(self._clock()))
        self._metrics.show_tasks(lambda: len(asyncio.all_tasks()))
        access_log = AccessLog(self._lines.write, LINE_FORMATS[settings.log_format]())
        readers: list[Reader] = [
            self._breakers.after_calls,
            self._health.record_calls,
            self._metrics.count,
            access_log.tell,
        ]
        self._spool = _open_spool(settings, self._clock())
        booking = None
        if self._spool is not None:
            booking = Booking(self._spool, settings.name, self._gateway_id)
            readers.append(booking.book)
            registry.register(SpoolFigures(self._spool.counters, self._spool.root))
        self._journal.hand_to(*readers)
        self._source = ConfigSource(settings.config, on_swap=self._swapped, on_refused=self._refused)
        self._transports = Transports(self._egress)
        self._signers = Signers(self._transports.network, self._clock)
        gear = Gear(
            transports=self._transports,
            signers=self._signers,
            breakers=self._breakers,
            health=self._health,
            metrics=self._metrics,
            decisions=self._decisions,
            journal=self._journal,
            unix=self._clock,
            rng=rng,
            booking=booking,
        )
        self._gateway = Gateway(gear)
        self._probe_budget = ProbeBudget(f"{settings.name}-{int(self._clock() * 1000)}")
        self._prober = Prober(
            transports=self._transports,
            signers=self._signers,
            books=gear,
            budget=self._probe_budget,
            config=self._config_and_keys,
            duties=lambda: self._duties.probes(time.monotonic()),
            ailing=lambda: self._duties.ailing(time.monotonic()),
            observations=self._health.observations,
            probed=self._probed,
            clock=self._clock,
            steady=time.monotonic,
            rng=rng,
        )
        self._tenant = Tenant(
            self._source,
            self._gateway,
            self._serving,
            self._limits,
            open_standalone=settings.standalone,
            clock=time.time,
            record_refusal=self._record_refusal,
        )
        self._day = DayOfUse(self._metrics.used_so_far, self._clock())
        reporter = Reporter(
            settings.name,
            self._source,
            self._serving,
            self._health,
            self._news,
            self._clock,
            self._day.usage,
            gear.under_way,
            self._probe_budget.known,
            lambda: self._prober.limits,
        )
        self._admin = Admin(
            self._source, self._serving, reporter, self._news, self._decisions, registry, self._take_duties
        )
        self._listeners: list[Listener] = []
        self._tenant_listeners: list[Listener] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Serve until told to end. Whatever happens, everything that was started is ended."""
        self._hear_signals()
        if self._settings.die_with_parent:
            self._own(die_with_parent(), "watch the parent")
        try:
            await self._source.refresh()
            if self._settings.admin is not None:
                await self._listen(self._admin, self._settings.admin, ADMIN_LIMITS, "--admin")
            self._own(self._source.run(), "watch the configuration")
            self._own(give_back_now_and_then(), "give memory back")
            self._own(self._day.see_midnights(self._clock), "see midnights")
            await _first_of(self._complete.wait(), self._told_to_end.wait())
            if not self._told_to_end.is_set():
                await self._take_calls()
                await self._told_to_end.wait()
                await self._drain()
        finally:
            await self._end()

    async def _take_calls(self) -> None:
        # What is loaded by now stays for as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        for address in self._settings.listen:
            listener = await self._listen(self._tenant, address, self._limits, "--listen")
            self._tenant_listeners.append(listener)
        for name, address in self._settings.listen_tls:
            context = self._certificates.context(name)
            listener = await self._listen(self._tenant, address, self._limits, "--listen-tls", context)
            self._tenant_listeners.append(listener)
        self._prober.start()
        self._serving.listening = True
        self._news.tell()
        loaded = self._source.current()
        log.info("ready", extra={"proxy": self._settings.name, "revision": loaded.revision if loaded else ""})

    async def _drain(self) -> None:
        """Take calls for a while yet, of those who have not heard of our end; then serve the last ones out.

        The operator may know that nobody will come: the whole fleet goes, and its Service with it.
        """
        self._serving.draining = True
        self._news.tell()
        log.info("draining", extra={"proxy": self._settings.name, "in_flight": self._serving.in_flight})
        unheard = asyncio.sleep(self._settings.drain_delay_seconds)
        await _first_of(self._told_to_hurry.wait(), self._retired.wait(), unheard)
        log.info("takes no more calls", extra={"retired": self._retired.is_set()})
        await _first_of(self._stop_accepting(), self._told_to_hurry.wait())
        loaded = self._source.current()
        patience = loaded.config.gateway.drain_seconds if loaded else 0.0
        await _first_of(self._serving.idle(), self._told_to_hurry.wait(), asyncio.sleep(patience))
        if self._serving.in_flight:
            log.warning("calls are cut off, the time to drain is up", extra={"in_flight": self._serving.in_flight})
            self._tenant.end_calls()
            await _first_of(self._serving.idle(), asyncio.sleep(LAST_WORDS_SECONDS))

    async def _stop_accepting(self) -> None:
        await asyncio.gather(*(listener.stop_accepting() for listener in self._tenant_listeners))

    async def _end(self) -> None:
        await self._prober.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listener in reversed(self._listeners):
            await listener.close()
        await self._signers.close()
        await self._transports.close()
        self._journal.catch_up()
        await self._lines.close()
        if self._spool is not None:
            self._spool.close()

    async def _listen(
        self,
        service: Service,
        address: Address,
        limits: Limits,
        option: str,
        context: ssl.SSLContext | None = None,
    ) -> Listener:
        # The admin port answers until the end: of its connections none is told to go.
        serving = self._serving if service is self._tenant else Serving()
        server = ClientServer(service, limits, serving)
        reuse_port = self._settings.reuse_port and not address.path
        listener = Listener(server, address, reuse_port=reuse_port, context=context)
        try:
            in_use = await listener.start()
        except ListenError as error:
            raise StartRefused(f"{option} {error}; give an address that is free") from error
        self._listeners.append(listener)
        log.info("listening", extra={"proxy": self._settings.name, "option": option, "address": str(in_use)})
        return listener

    def _hear_signals(self) -> None:
        def told() -> None:
            (self._told_to_hurry if self._told_to_end.is_set() else self._told_to_end).set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told)

    def _own(self, work: Coroutine[None, None, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    def _swapped(self, loaded: Loaded) -> None:
        self._decisions.resize(loaded.config.gateway.decision_ring)
        self._gateway.adopt(loaded.config, loaded.keys)
        self._certificates.adopt(loaded.keys)
        self._serving.lacking = self._certificates.lacking
        self._metrics.certificates_shown(self._certificates.expiries)
        self._signers.keep(
            (provider, loaded.keys.credentials.get(f"{provider.id}/{credential.name}", ""))
            for provider in loaded.config.providers.values()
            for credential in provider.credentials
        )
        self._metrics.config_loaded(loaded.revision, time.time())
        if loaded.complete:
            self._complete.set()
        self._news.tell()

    def _refused(self, refused: tuple[Refusal, ...]) -> None:
        if refused:
            self._metrics.config_refused()
        self._news.tell()

    def _take_duties(self, duties: Duties) -> None:
        self._duties.give(duties, time.monotonic())
        (self._retired.set if duties.retired else self._retired.clear)()
        self._breakers.apply_cooldowns(duties.cooldowns, self._clock())
        self._probe_budget.learn(duties.probe_costs, self._clock())

    def _probed(self, result: ProbeResult) -> None:
        self._health.probe_recorded(result)
        self._breakers.probed(result)

    def _config_and_keys(self) -> tuple[GatewayConfig, KeyRing] | None:
        loaded = self._source.current()
        return None if loaded is None else (loaded.config, loaded.keys)

    def _gateway_id(self) -> str:
        loaded = self._source.current()
        return loaded.config.gateway.id if loaded else ""

    def _egress(self) -> Egress:
        loaded = self._source.current()
        return loaded.config.gateway.egress if loaded else Egress()

    def _record_refusal(
        self,
        call: str,
        request_id: str,
        operation: Operation,
        identity: Identity | None,
        loaded: Loaded | None,
        answer: Answer,
    ) -> None:
        """Book a call that was refused at the edge like any other call, but for the ring: refusals would flood it."""
        now = self._clock()
        record = CallRecord(
            call=call,
            request_id=request_id,
            tenant=identity.tenant if identity else "",
            caller=identity.key_name if identity else "",
            revision=loaded.revision if loaded else "",
            operation=operation,
            started_at=now,
            ended_at=now,
            code=answer.status,
            reason=answer.code,
        )
        self._journal.add(record)


def _open_spool(settings: Settings, now: float) -> Spool | NoSpool | None:
    if settings.spool is None:
        return None
    try:
        return open_spool(settings.spool, settings.name, int(now * 1000), settings.spool_limit_bytes)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise StartRefused(f"--spool {settings.spool}: {why}; give a directory that can be written") from error


async def _first_of(*waits: Coroutine[Any, Any, Any]) -> None:
    """Return once one of these has come about; the others are given up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
