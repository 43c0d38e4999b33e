"""Probes idle and ailing providers, as the duties ask for: by their list of models, or by the smallest real call."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from random import Random

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.config import ANONYMOUS, Credential, Model, Provider
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import (
    HEALTH_REASON,
    WITHOUT_MODEL_LIST,
    FailureClass,
    Mode,
    ProbeLimit,
    ProbeMode,
)
from fairlead_proxy.contract.report import Observation, ProbeResult
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.upstream.berths import SignerChoice, TransportChoice
from fairlead_proxy.upstream.chat_probe import ChatProbes, ProbeBooks
from fairlead_proxy.upstream.list_probe import LIST_DEADLINE_SECONDS, ListProbes
from fairlead_proxy.upstream.probe_budget import ProbeBudget, expected_cost
from fairlead_proxy.upstream.probe_choice import choose_cell
from fairlead_proxy.upstream.probe_schedule import ProbeSchedule

TICK_SECONDS = 0.5

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Chat:
    """A real call to be made; `reserved`: what the budget has set aside for it, in nano-units of `currency`."""

    model: Model
    mode: Mode
    currency: str
    reserved: int


class Prober:
    """Runs the probes of the duties. `probed` gets each result; `observations` tells which cells are not well here.

    `ailing`: the credentials, as `provider/credential`, that are not well elsewhere in the fleet. `books` are told of
    real calls, and `budget` of what these cost. `limits`: by id the providers that are asked for less than they want.
    """

    def __init__(
        self,
        *,
        transports: TransportChoice,
        signers: SignerChoice,
        books: ProbeBooks,
        budget: ProbeBudget,
        config: Callable[[], tuple[GatewayConfig, KeyRing] | None],
        duties: Callable[[], Collection[str]],
        ailing: Callable[[], Collection[str]],
        observations: Callable[[float], Iterable[Observation]],
        probed: Callable[[ProbeResult], None],
        clock: Callable[[], float],
        steady: Callable[[], float],
        rng: Random,
    ) -> None:
        self._lists = ListProbes(transports, signers, clock)
        self._chats = ChatProbes(transports, signers, books, clock, steady, rng)
        self._budget = budget
        self._config = config
        self._duties = duties
        self._ailing = ailing
        self._observations = observations
        self._probed = probed
        self._clock = clock
        self._schedule = ProbeSchedule(rng)
        self._asked_at: dict[Cell, float] = {}
        self._dearest: dict[Cell, int] = {}
        """What a probe has cost at most: some models think before they answer, and count that."""
        self._limits: dict[str, ProbeLimit] = {}
        self._loop_task: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    @property
    def limits(self) -> dict[str, ProbeLimit]:
        return dict(self._limits)

    def start(self) -> None:
        """Begin; whoever starts it stops it."""
        self._loop_task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End every probe under way."""
        tasks = [task for task in (self._loop_task, *self._running) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self) -> None:
        while True:
            try:
                self.tick()
            except Exception as error:  # a fault in one round must not end all probing
                _LOG.error("a round of probes failed: %s", type(error).__name__)
            await asyncio.sleep(TICK_SECONDS)

    def tick(self) -> None:
        """Begin the probes that are due."""
        loaded, ids = self._config(), self._duties()
        if loaded is None:
            return
        config, keys = loaded
        providers = [
            provider
            for provider in (config.providers.get(name) for name in ids)
            if provider is not None and provider.active.mode is not ProbeMode.NONE
        ]
        self._forget_others(providers)
        now = self._clock()
        observations = tuple(self._observations(now)) if providers else ()
        for provider, credential in self._schedule.due(providers, observations, self._ailing(), now):
            probe = self._probe(config.revision, keys, provider, credential, observations)
            task = asyncio.create_task(probe)
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a probe failed within the gateway: %s", type(error).__name__)

    async def _probe(
        self,
        revision: str,
        keys: KeyRing,
        provider: Provider,
        credential: Credential,
        observations: Collection[Observation],
    ) -> None:
        """Make the probe that there may be; without a key, none."""
        try:
            key = keys.credentials.get(f"{provider.id}/{credential.name}")
            if key is None and credential.name != ANONYMOUS.name:
                return
            chat = None
            if provider.active.mode is ProbeMode.CHAT:
                chat = self._choose_chat(provider, credential, observations)
            if chat is not None:
                result = await self._chat(revision, keys, provider, credential, chat)
            elif provider.type in WITHOUT_MODEL_LIST:
                return
            else:
                result = await self._list(provider, credential, key or "")
            if result is not None:
                self._schedule.learn(result)
                self._probed(result)
        finally:
            self._schedule.over(provider, credential)

    def _choose_chat(
        self, provider: Provider, credential: Credential, observations: Collection[Observation]
    ) -> _Chat | None:
        """Return the real call to be made, with its cost set aside; None: there may be none, and `limits` say why."""
        if not provider.takes_calls:
            self._limits.pop(provider.id, None)
            return None
        now = self._clock()
        chosen = choose_cell(provider, credential, observations, self._asked_at)
        cost = None if chosen is None else expected_cost(chosen[0].price)
        if chosen is None or cost is None or chosen[0].price is None:
            self._limits[provider.id] = ProbeLimit.PRICE_UNKNOWN
            return None
        model, mode = chosen
        currency = chosen[0].price.currency
        cell = Cell(provider.id, credential.name, model.name, mode)
        cost = max(cost, self._dearest.get(cell, 0))
        if not self._budget.reserve(provider, currency, cost, now):
            self._limits[provider.id] = ProbeLimit.BUDGET_SPENT
            return None
        self._limits.pop(provider.id, None)
        self._asked_at[cell] = now
        return _Chat(model, mode, currency, cost)

    async def _chat(
        self, revision: str, keys: KeyRing, provider: Provider, credential: Credential, chat: _Chat
    ) -> ProbeResult | None:
        """Make a real call; None: a caller's is about to find out the same."""
        outcome: Outcome | None = None
        try:
            outcome = await self._chats.ask(revision, keys, provider, credential, chat.model, chat.mode)
        finally:
            cost = (outcome.cost if outcome is not None else None) or 0
            self._budget.settle(provider, chat.currency, chat.reserved, cost, self._clock())
        if outcome is None:
            return None
        self._dearest[outcome.cell] = max(self._dearest.get(outcome.cell, 0), cost)
        # What is the call's own nature is an answer all the same, of a provider that lives.
        reason = outcome.failure if outcome.failure in HEALTH_REASON else None
        return self._result(provider, credential, reason, outcome.retry_after_seconds if reason else None)

    async def _list(self, provider: Provider, credential: Credential, key: str) -> ProbeResult:
        try:
            async with asyncio.timeout(LIST_DEADLINE_SECONDS):
                await self._lists.ask(provider, key)
        except TimeoutError:
            return self._result(provider, credential, FailureClass.TIMEOUT, None)
        except UpstreamFailure as failure:
            return self._result(provider, credential, failure.failure, failure.retry_after_seconds)
        return self._result(provider, credential, None, None)

    def _result(
        self, provider: Provider, credential: Credential, reason: FailureClass | None, retry_after: float | None
    ) -> ProbeResult:
        now = self._clock()
        return ProbeResult(
            provider=provider.id,
            credential=credential.name,
            at=now,
            reason=reason,
            until=now + retry_after if retry_after else None,
            interval_seconds=provider.active.interval_seconds,
        )

    def _forget_others(self, providers: Iterable[Provider]) -> None:
        """Keep only what concerns providers whose probes are ours, and real calls."""
        ours = {provider.id for provider in providers if provider.active.mode is ProbeMode.CHAT}
        for provider in self._limits.keys() - ours:
            del self._limits[provider]
        for cell in [cell for cell in self._asked_at if cell.provider not in ours]:
            del self._asked_at[cell]
            self._dearest.pop(cell, None)
