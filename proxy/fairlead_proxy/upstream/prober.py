"""Asks idle and ailing providers for their list of models: the cheap sign of life that the duties ask for."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from random import Random

from fairlead_proxy.contract.config import ANONYMOUS, Credential, Provider
from fairlead_proxy.contract.dialects import dialect_of_type
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import BreakerState, FailureClass, Operation, ProbeMode
from fairlead_proxy.contract.report import Observation, ProbeResult
from fairlead_proxy.dialects.dialect import MAX_ERROR_BYTES
from fairlead_proxy.dialects.framing import FRAMINGS, probe_headers
from fairlead_proxy.dialects.registry import provider_dialect
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.berths import SignerChoice, TransportChoice
from fairlead_proxy.upstream.fetch import fetch
from fairlead_proxy.upstream.transport import Headers, Lane

AILING_INTERVAL_SECONDS = 5.0
"""Design, section 5.3: while not healthy, the elected prober probes every 5 s."""

DEADLINE_SECONDS = 5.0
TICK_SECONDS = 0.5
JITTER = 0.1

_TELLING_STATUSES = frozenset({401, 403, 429})
"""Design, section 11: any other answer below 500 is that of a living provider, 404 included."""

_LOG = logging.getLogger(__name__)
_Key = tuple[str, str]


class ProbeSchedule:
    """When which credential is probed next. Pure; instants are Unix seconds."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._probed_at: dict[_Key, float] = {}
        self._spread: dict[_Key, float] = {}
        self._held_until: dict[_Key, float] = {}

    def due(
        self, providers: Iterable[Provider], observations: Iterable[Observation], elsewhere: Collection[str], now: float
    ) -> list[tuple[Provider, Credential]]:
        """Return what is to be probed now, and take it as probed. `providers`: those of this proxy's duties.

        `elsewhere`: credentials, as `provider/credential`, that another proxy waits for.
        """
        ailing, held = _state_of(observations)
        found: list[tuple[Provider, Credential]] = []
        seen: set[_Key] = set()
        for provider in providers:
            for credential in provider.credentials:
                key = (provider.id, credential.name)
                seen.add(key)
                interval = provider.active.interval_seconds
                if key in ailing or key in self._held_until or f"{provider.id}/{credential.name}" in elsewhere:
                    interval = min(interval, AILING_INTERVAL_SECONDS)
                if now >= max(self._next_at(key, interval), held.get(key, 0.0), self._held_until.get(key, 0.0)):
                    found.append((provider, credential))
                    self._probed_at[key] = now
                    self._spread[key] = self._rng.uniform(0.0, JITTER)
        for memory in (self._probed_at, self._spread, self._held_until):
            for key in [key for key in memory if key not in seen]:
                del memory[key]
        return found

    def learn(self, result: ProbeResult) -> None:
        """Take a probe's result: a failed one is repeated sooner, though never before the time that it was given."""
        key = (result.provider, result.credential)
        if result.reason is None:
            self._held_until.pop(key, None)
        else:
            self._held_until[key] = result.until or 0.0

    def _next_at(self, key: _Key, interval: float) -> float:
        before = self._probed_at.get(key)
        return 0.0 if before is None else before + interval * (1.0 + self._spread.get(key, 0.0))


class Prober:
    """Runs the probes of the duties. `probed` gets each result; `observations` tells which cells are not well here.

    `ailing`: the credentials, as `provider/credential`, that are not well elsewhere in the fleet.
    """

    def __init__(
        self,
        *,
        transports: TransportChoice,
        signers: SignerChoice,
        config: Callable[[], tuple[GatewayConfig, KeyRing] | None],
        duties: Callable[[], Collection[str]],
        ailing: Callable[[], Collection[str]],
        observations: Callable[[float], Iterable[Observation]],
        probed: Callable[[ProbeResult], None],
        clock: Callable[[], float],
        rng: Random,
    ) -> None:
        self._transports = transports
        self._signers = signers
        self._config = config
        self._duties = duties
        self._ailing = ailing
        self._observations = observations
        self._probed = probed
        self._clock = clock
        self._schedule = ProbeSchedule(rng)
        self._loop_task: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

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
            if provider is not None and provider.active.mode is ProbeMode.LIST_MODELS
        ]
        now = self._clock()
        observations = self._observations(now) if providers else ()
        for provider, credential in self._schedule.due(providers, observations, self._ailing(), now):
            key = keys.credentials.get(f"{provider.id}/{credential.name}")
            if key is not None or credential.name == ANONYMOUS.name:
                task = asyncio.create_task(self._probe(provider, credential, key or ""))
                self._running.add(task)
                task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a probe failed within the gateway: %s", type(error).__name__)

    async def _probe(self, provider: Provider, credential: Credential, key: str) -> None:
        reason: FailureClass | None = None
        until: float | None = None
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await self._ask(provider, key)
        except TimeoutError:
            reason = FailureClass.TIMEOUT
        except UpstreamFailure as failure:
            reason = failure.failure
            if failure.retry_after_seconds:
                until = self._clock() + failure.retry_after_seconds
        result = ProbeResult(
            provider=provider.id,
            credential=credential.name,
            at=self._clock(),
            reason=reason,
            until=until,
            interval_seconds=provider.active.interval_seconds,
        )
        self._schedule.learn(result)
        self._probed(result)

    async def _ask(self, provider: Provider, key: str) -> None:
        """Ask once; raise UpstreamFailure unless the answer is that of a living provider."""
        signer = self._signers.of(provider, key)
        path = FRAMINGS[provider.type].models_path
        headers = probe_headers(provider.type, "" if signer is not None else key)
        proof: Headers | None = None
        if signer is not None:
            bare = Lane(provider, "GET", path, headers, DEADLINE_SECONDS)
            proof = signer.headers(bare, b"", self._clock())
            if proof is None:
                await signer.ready()
                proof = signer.headers(bare, b"", self._clock())
            headers = (*headers, *(proof or ()))
        lane = Lane(provider, "GET", path, headers, DEADLINE_SECONDS)
        dialect = provider_dialect(dialect_of_type(provider.type), Operation.CHAT)
        transport = self._transports.for_provider(provider)
        answer = await fetch(transport, lane, most_bytes=MAX_ERROR_BYTES, reads=_tells)
        if answer.status == 401 and signer is not None and proof is not None:
            signer.forget(proof)
        if _tells(answer.status):
            raise dialect.classify(answer.status, answer.headers, answer.body, self._clock())


def _tells(status: int) -> bool:
    """Say whether an answer may be that of a provider that does not serve."""
    return status in _TELLING_STATUSES or status >= 500


def _state_of(observations: Iterable[Observation]) -> tuple[set[_Key], dict[_Key, float]]:
    """Return the credentials that are not well, and until when a provider forbade to ask."""
    ailing: set[_Key] = set()
    held: dict[_Key, float] = {}
    for seen in observations:
        key = (seen.provider, seen.credential)
        if seen.breaker is not BreakerState.CLOSED or seen.overdue:
            ailing.add(key)
        if seen.retry_after and seen.until is not None:
            held[key] = max(held.get(key, 0.0), seen.until)
    return ailing, held
