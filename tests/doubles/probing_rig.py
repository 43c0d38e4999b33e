"""A gateway over scripted providers that is also their elected prober, in virtual time."""

import asyncio
from collections.abc import Sequence
from random import Random

import msgspec
from doubles.gateway_rig import NoSigners, Rig, config, provider
from doubles.scripted_transport import Answer
from doubles.virtual_time import unix_now

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.config import ActiveHealth, Model, PassiveHealth, Provider
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.names import Mode, ProbeMode
from fairlead_proxy.contract.price import NANO, Price, Rates
from fairlead_proxy.contract.report import ProbeResult
from fairlead_proxy.contract.usage_record import UsageRecord
from fairlead_proxy.upstream.chat_probe import PROBE_CALLER
from fairlead_proxy.upstream.probe_budget import ProbeBudget
from fairlead_proxy.upstream.prober import Prober

CHAT, LIST = "POST /chat/completions", "GET /models"
"""The two kinds of probes, as `ProbingRig.paths` has them."""

MODELS = Answer(body=[b'{"object": "list", "data": []}'])
COST = 10 * 1_000 + 5 * 10_000
"""Of the answer `plain()`, in nano-units: 10 tokens in at 1 a million, 5 out at 10."""

PLAIN_CELL = Cell("team/a", "anonymous", "m", Mode.PLAIN)
_SENSITIVE = PassiveHealth(consecutive=1, base_cooldown_seconds=60.0)


def probed_provider(*models: Model, interval_seconds: float = 30.0, max_cost_nano: int = NANO) -> Provider:
    """Return `team/a`, probed by real calls; one failure opens its breakers for a minute. `models`: in place of `m`."""
    found = provider("a", passive=_SENSITIVE)
    if models:
        found = msgspec.structs.replace(found, models=models)
    return by_chat(found, interval_seconds=interval_seconds, max_cost_nano=max_cost_nano)


def priced_model(name: str, nano: int | None) -> Model:
    """Return a model whose tokens cost so much a million, in and out; None: nobody knows."""
    price = None if nano is None else Price(rates=Rates(input=nano, output=nano))
    return Model(name=name, upstream_name=name, price=price)


def by_chat(provider: Provider, *, interval_seconds: float = 30.0, max_cost_nano: int = NANO) -> Provider:
    """Return it as one that is probed by real calls."""
    active = ActiveHealth(mode=ProbeMode.CHAT, interval_seconds=interval_seconds, max_cost_nano=max_cost_nano)
    return msgspec.structs.replace(provider, active=active)


class ProbingRig:
    """Make it inside `run_virtual`. `rig` is the gateway; its providers are this proxy's to probe."""

    def __init__(
        self, providers: Sequence[Provider], *answers: Answer, keys: KeyRing | None = None, life: str = "proxy-1"
    ) -> None:
        scripts = {provider.id.partition("/")[2]: list(answers) for provider in providers}
        self.rig = Rig(config(providers), scripts, keys or KeyRing())
        self.rig.gateway.adopt(self.rig.config, self.rig.keys)
        self.results: list[ProbeResult] = []
        self.duties = frozenset(provider.id for provider in providers)
        self.ailing: frozenset[str] = frozenset()
        self.budget = ProbeBudget(life)
        self.prober = Prober(
            transports=self.rig.transport,
            signers=NoSigners(),
            books=self.rig.gear,
            budget=self.budget,
            config=lambda: (self.rig.config, self.rig.keys),
            duties=lambda: self.duties,
            ailing=lambda: self.ailing,
            observations=self.rig.health.observations,
            probed=self._probed,
            clock=unix_now,
            steady=asyncio.get_running_loop().time,
            rng=Random(1),
        )

    async def run(self, seconds: float) -> None:
        self.prober.start()
        await asyncio.sleep(seconds)
        await self.prober.stop()

    @property
    def paths(self) -> list[str]:
        """What was asked, in order, by method and path."""
        return [f"{request.lane.method} {request.lane.path}" for request in self.rig.transport.requests]

    @property
    def booked(self) -> list[UsageRecord]:
        """What the ledger has of probes."""
        return [record for record in self.rig.spool.records if record.caller == PROBE_CALLER]

    def _probed(self, result: ProbeResult) -> None:
        self.results.append(result)
        self.rig.health.probe_recorded(result)
        self.rig.breakers.probed(result)
