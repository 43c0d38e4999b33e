"""A whole gateway over scripted providers, in virtual time."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from doubles.memory_records import MemoryRecords
from doubles.recording_sink import RecordingSink
from doubles.scripted_transport import Answer, ScriptedTransport
from doubles.virtual_time import unix_now
from prometheus_client import CollectorRegistry

from fairlead_proxy.contract.config import (
    ANONYMOUS,
    Credential,
    Model,
    PassiveHealth,
    Policy,
    Provider,
    Resilience,
    Rule,
    Target,
)
from fairlead_proxy.contract.config import (
    Gateway as GatewayDocument,
)
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.contract.price import NANO, Price, Rates
from fairlead_proxy.contract.usage_record import UsageRecord
from fairlead_proxy.dialects.dialect import CallerDialect
from fairlead_proxy.dialects.registry import OPENAI_CHAT
from fairlead_proxy.exchange.call import ClientCall, Named
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.gateway import Gateway, LiveCall
from fairlead_proxy.gear import Gear
from fairlead_proxy.health.observer import HealthObserver
from fairlead_proxy.resilience.breaker import Breakers
from fairlead_proxy.telemetry.access_log import LINE_FORMATS, AccessLog
from fairlead_proxy.telemetry.booking import Booking
from fairlead_proxy.telemetry.decisions import DecisionRecord, DecisionRing
from fairlead_proxy.telemetry.journal import Journal
from fairlead_proxy.telemetry.metrics import Metrics

TENANT = "team"
PRICE = Price(rates=Rates(input=1 * NANO, output=10 * NANO))


def provider(
    name: str,
    *,
    credentials: Sequence[str] = (),
    passive: PassiveHealth | None = None,
    price: Price | None = PRICE,
    context_window: int | None = None,
    type_: ProviderType = ProviderType.OPENAI_COMPATIBLE,
) -> Provider:
    """Return a provider of the tenant's own namespace with one model `m`, which it calls `m-upstream`."""
    return Provider(
        id=f"{TENANT}/{name}",
        type=type_,
        url=f"https://{name}.example/v1",
        credentials=tuple(Credential(name=credential) for credential in credentials) or (ANONYMOUS,),
        models=(Model(name="m", upstream_name="m-upstream", price=price, context_window=context_window),),
        passive=passive or PassiveHealth(),
    )


def config(
    providers: Sequence[Provider], *, resilience: Resilience | None = None, max_attempts: int = 4, revision: str = "r-1"
) -> GatewayConfig:
    """Return a configuration whose one rule tries the providers in the order given."""
    targets = tuple(Target(provider=one.id, model="m", priority=place) for place, one in enumerate(providers))
    rule = Rule(name="main", targets=targets, resilience=resilience or Resilience())
    policy = Policy(id=f"{TENANT}/policy", models=("smart",), rules=(rule,))
    gateway = GatewayDocument(id=f"{TENANT}/gateway", max_attempts=max_attempts)
    return GatewayConfig.of(revision, gateway, providers, [policy])


class _Ring(DecisionRing):
    """Tells when a call has been booked."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._keep, self.add = self.add, self._tell
        self._awaited: dict[str, asyncio.Future[None]] = {}

    def await_record(self, call: str) -> "asyncio.Future[None]":
        awaited = self._awaited[call] = asyncio.get_running_loop().create_future()
        return awaited

    def _tell(self, record: CallRecord) -> None:
        self._keep(record)
        self._awaited.pop(record.call).set_result(None)


class NoSigners:
    """Every key is simply a header."""

    def of(self, provider: Provider, key: str) -> None:
        return None


@dataclass
class Rig:
    """Make it inside `run_virtual`."""

    config: GatewayConfig
    scripts: dict[str, list[Answer]]
    keys: KeyRing = field(default_factory=KeyRing)
    log_format: str = "json"

    def __post_init__(self) -> None:
        self.transport = ScriptedTransport({f"{TENANT}/{name}": answers for name, answers in self.scripts.items()})
        self.journal = Journal()
        self.breakers = Breakers(Random(1), catch_up=self.journal.catch_up)
        self.health = HealthObserver(self.breakers, catch_up=self.journal.catch_up)
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry, self.journal.catch_up)
        self.decisions = _Ring(100)
        self.lines: list[bytes] = []
        self.outcomes: list[Outcome] = []
        log = AccessLog(self._write, LINE_FORMATS[self.log_format]())
        self.spool = MemoryRecords()
        booking = Booking(self.spool, "proxy-1", lambda: self.config.gateway.id)
        self.journal.hand_to(
            self.breakers.after_calls, self.health.record_calls, self.metrics.count, log.tell, booking.book
        )
        self.gear = Gear(
            transports=self.transport,
            signers=NoSigners(),
            breakers=self.breakers,
            health=self.health,
            metrics=self.metrics,
            decisions=self.decisions,
            journal=self.journal,
            unix=unix_now,
            rng=Random(2),
            booking=booking,
        )
        self.gateway = Gateway(self.gear)
        self.under_way: LiveCall | None = None
        """The last call, while it lasts."""
        self._calls = 0

    async def call(self, *, stream: bool = False, sink: RecordingSink | None = None, **request: Any) -> RecordingSink:
        """Make one call and return what the caller got."""
        asked = {"model": "smart", "messages": [{"role": "user", "content": "12345678"}], "stream": stream} | request
        return await self.raw_call(json.dumps(asked).encode(), sink=sink)

    async def raw_call(
        self,
        body: bytes,
        *,
        sink: RecordingSink | None = None,
        dialect: CallerDialect = OPENAI_CHAT,
        headers: Mapping[str, str] | None = None,
        named: Named | None = None,
    ) -> RecordingSink:
        self._calls += 1
        caller = sink or RecordingSink()
        call = ClientCall(
            f"d-{self._calls}",
            TENANT,
            dialect.operation,
            headers or {},
            body,
            request_id="from-the-client",
            dialect=dialect.name,
            named=named,
        )
        self.gateway.adopt(self.config, self.keys)
        over = self.decisions.await_record(call.id)
        self.under_way = self.gateway.begin(self.config, self.keys, dialect, call, caller)
        try:
            await over
        finally:
            self.under_way = None
            self.journal.catch_up()
        return caller

    def record(self, number: int = 1) -> DecisionRecord:
        """Return the decision record of a call, counted from 1."""
        found = self.decisions.get(f"d-{number}")
        assert found is not None
        return found

    def booked(self, number: int = 1) -> list[UsageRecord]:
        """Return what the ledger has of a call, counted from 1."""
        return [record for record in self.spool.records if record.call == f"d-{number}"]

    def line(self, number: int = 1) -> dict[str, Any]:
        """Return the log line of a call, counted from 1."""
        found: dict[str, Any] = json.loads(self.lines[number - 1])
        return found

    def outcomes_of(self, number: int = 1) -> list[str]:
        """Return what came of each attempt of a call, in order."""
        return [attempt.outcome for attempt in self.record(number).attempts]

    def sample(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with this name and these labels."""
        return sum(
            sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def _write(self, batch: bytes, _: int) -> None:
        self.lines += batch.splitlines(keepends=True)
